//! Panels that load apart: the page waits for none of them, and none of them for another.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use millrace::base::db::PgConnection;
use millrace::queue::permission::Role;
use serde_json::json;

use crate::browser::{Browser, Look, checks};
use crate::failures::{fail, fold, groups};
use crate::jobs::live::read_until;
use crate::support::stage::{handler_template, register_node};
use crate::templates::stage::Console;
use crate::walk::house::House;
use crate::web::browser::{Answer, Browser as Program};

/// A page that waited for a panel would have taken the panel's 2 s.
const AT_ONCE: Duration = Duration::from_millis(1_500);

/// A panel of a page, what makes it wait, and what it says when it does not.
struct Case {
    page: String,
    panel: &'static str,
    table: &'static str,
    what: &'static str,
    shown: &'static str,
}

fn console() -> (Console, [Case; 2]) {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "mail", json!({ "queue": "mail" }));
    let who = register_node(&mut conn, "mil-01");
    fail(&mut conn, who, &["status 503"]);
    fold(&mut conn);
    let print = groups(&mut conn).remove(0).fingerprint;
    let case = |page: String, panel, table, what, shown| Case { page, panel, table, what, shown };
    let cases = [
        case("/queues/mail".into(), "panel-lanes", "lanes", "Limits", "No job of it runs under a limit"),
        case(format!("/failures/{print}"), "panel-differs", "template_versions", "What differs", "too few jobs"),
    ];
    (console, cases)
}

/// Nobody reads `table` until this connection is dropped.
fn lock(mut conn: PgConnection, table: &str) -> PgConnection {
    conn.batch_execute(&format!("BEGIN; LOCK TABLE millrace.{table} IN ACCESS EXCLUSIVE MODE")).unwrap();
    conn
}

fn part(program: &mut Program, page: &str, panel: &str) -> Answer {
    let target = format!("div#{panel}");
    let headers = [("HX-Request", "true"), ("HX-Request-Type", "partial"), ("HX-Target", target.as_str())];
    program.get_with(&format!("{page}?panels=all"), &headers)
}

#[test]
fn a_panel_that_cannot_be_read_holds_up_nothing_and_is_had_again() {
    let (console, cases) = console();
    let mut admin = console.browser(Role::Admin);

    for Case { page, panel, table, what, shown } in cases {
        let locked = lock(console.db.connect(), table);
        let begun = Instant::now();
        let whole = admin.get(&page);
        assert!(begun.elapsed() < AT_ONCE, "{page} took {:?}", begun.elapsed());
        assert_eq!(whole.status, 200, "{page}");
        let asks = format!("hx-get=\"{page}?panels=all\" hx-trigger=\"load, click\" hx-target=\"#{panel}\"");
        assert!(whole.body.contains(&asks), "{asks}: {}", whole.body);

        let failed = part(&mut admin, &page, panel);
        assert_eq!(failed.status, 200, "{page}");
        for word in [&format!("{what} could not be loaded"), "longer than 2 s", "Reference <code>", "Try again"] {
            assert!(failed.body.contains(word), "{word}: {}", failed.body);
        }
        assert!(!failed.body.contains("<main") && !failed.body.contains("millrace."), "{}", failed.body);
        let without_script = admin.get(&format!("{page}?panels=all"));
        assert_eq!(without_script.status, 200, "{page}");
        assert!(without_script.body.contains("<main") && without_script.body.contains(" could not be loaded"));

        drop(locked);
        let again = part(&mut admin, &page, panel).body;
        assert!(again.contains(shown) && !again.contains("could not be loaded"), "{page}: {again}");
        let without_script = admin.get(&format!("{page}?panels=all")).body;
        assert!(without_script.contains(shown) && !without_script.contains("could not be loaded"), "{page}");
    }
}

#[test]
fn staff_activity_comes_behind_the_dashboard() {
    let (console, _) = console();
    let mut admin = console.browser(Role::Admin);
    let audited = "INSERT INTO millrace.audit (actor, via, act, accepted, subject_kind, subject) VALUES ('Ada', 'console', 'queue.pause', true, 'queue', 'mail')";
    console.db.connect().batch_execute(audited).unwrap();

    let page = admin.get("/").body;
    assert!(page.contains("hx-target=\"#panel-staff\"") && !page.contains("paused mail"), "{page}");
    let staff = part(&mut admin, "/", "panel-staff").body;
    assert!(staff.contains("<ul class=\"list\">") && staff.contains("Ada") && !staff.contains("<main"), "{staff}");
}

#[test]
fn one_panel_does_not_wait_for_another_and_the_stream_for_none() {
    let (console, _) = console();
    let mut viewer = console.browser(Role::Viewer);
    let _locked = lock(console.db.connect(), "lanes");

    let begun = Instant::now();
    let waits = part(&mut viewer, "/queues/mail", "panel-waits").body;
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert!(waits.contains("No job began in the last hour."), "{waits}");
    assert!(waits.contains("hx-target=\"#panel-steps\"") && waits.contains("up to 10 ms"), "{waits}");

    let mut stream = viewer.stream("/live/queue?name=mail", &[]);
    let begun = Instant::now();
    let first = read_until(&mut *stream, "#panel-steps");
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert!(first.contains("#panel-head") && !first.contains("#panel-lanes"), "{first}");
}

#[test]
fn what_is_not_a_panel_is_not_asked_for_alone() {
    let (console, _) = console();
    let mut viewer = console.browser(Role::Viewer);

    assert!(part(&mut viewer, "/queues/mail", "panel-head").body.contains("<main"));
    assert_eq!(part(&mut viewer, "/queues/no.such", "panel-lanes").status, 404);
    assert!(!viewer.get("/?panels=all").body.contains("Staff activity"), "a viewer does not read the audit trail");
}

#[test]
fn in_a_browser_the_rest_works_and_try_again_brings_the_panel() {
    let house = House::start();
    house.person(Role::Operator);
    let browser = Browser::start(Look::light());
    house.sign_in(&browser, Role::Operator);
    let locked = lock(house.connect(), "lanes");

    browser.open(&format!("{}/queues/default", house.origin));
    browser.script("document.querySelector('#live-badge').click()", &[]); // the stream would bring it by itself
    browser.wait_for_text("No job began in the last hour.");
    browser.wait_for_text("Limits could not be loaded");
    checks::assert_clean_in_every_look(&browser);
    drop(locked);
    browser.press("Try again");

    browser.wait_for_text("No job of it runs under a limit or waits for one.");
    browser.wait_for_no_text("Limits could not be loaded");
    assert_eq!(browser.log_problems(), [] as [String; 0]);
}
