//! The pages of pools: what they show, to whom, and what people do there.

use millrace::base::db::statement;
use millrace::queue::permission::Role;

use crate::jobs::live::{read_until, stream_of};
use crate::templates::stage::Console;
use crate::web::browser::Browser;

/// Through the form.
fn make(browser: &mut Browser, fields: &str) {
    browser.get("/pools/new");
    assert_eq!(browser.post("/pools/new", fields).status, 303);
}

#[test]
fn a_pool_is_made_changed_and_removed_without_script() {
    let console = Console::start();
    let mut browser = console.browser(Role::Operator);
    let empty = browser.get("/pools").body;
    assert!(empty.contains("No pool yet") && empty.contains("href=\"/pools/new\""), "{empty}");
    assert!(browser.get("/nodes").body.contains("href=\"/pools\""), "the tab of the nodes page");

    assert!(browser.get("/pools/new").body.contains("Make the pool"));
    let refused = browser.post("/pools/new", "name=Memory&amount=x");
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("value=\"Memory\""), "{}", refused.body);
    let refused = browser.post("/pools/new", "name=Memory&amount=4096");
    assert!(refused.status == 422 && refused.body.contains("may hold only a-z"), "{}", refused.body);
    let made = browser.post("/pools/new", "name=memory-mb&amount=4096&unit=MB&description=of+a+worker&op=one");
    assert_eq!((made.status, made.header("location")), (303, "/pools/memory-mb"));
    let page = browser.get("/pools/memory-mb").body;
    for word in ["memory-mb has 4,096 MB.", "of a worker", "Has room", "Nothing waits for it.", "made it with 4,096 MB"]
    {
        assert!(page.contains(word), "{word}: {page}");
    }

    assert_eq!(browser.post("/pools/new", "name=memory-mb&amount=1").status, 422, "the name is taken");

    let form = browser.get("/pools/memory-mb/change?from=list").body;
    assert!(form.contains("name=\"seen\" value=\"1\"") && form.contains("value=\"4096\""), "{form}");
    let changed =
        browser.post("/pools/memory-mb/change", "amount=2048&unit=MB&description=&seen=1&from=list&reason=less");
    assert_eq!((changed.status, changed.header("location")), (303, "/pools"));
    assert!(browser.get("/pools").body.contains("0 of 2,048 MB"));
    let stale = browser.post("/pools/memory-mb/change", "amount=1&unit=&description=&seen=1");
    assert!(stale.status == 409 && stale.body.contains("Somebody set it to 2,048 MB meanwhile."), "{}", stale.body);
    assert!(stale.body.contains("name=\"seen\" value=\"2\""), "saving again sets it all the same");

    assert!(browser.get("/pools/memory-mb/remove").body.contains("No job waits for it now."));
    assert_eq!(browser.post("/pools/memory-mb/remove", "reason=").status, 422);
    let removed = browser.post("/pools/memory-mb/remove", "reason=gone&op=two");
    assert_eq!((removed.status, removed.header("location")), (303, "/pools"));
    assert_eq!(browser.get("/pools/memory-mb").status, 404);
    assert_eq!(console.number("SELECT count(*) AS id FROM millrace.audit WHERE act LIKE 'pool.%' AND accepted"), 3);
}

#[test]
fn only_whoever_may_act_everywhere_finds_the_forms() {
    let console = Console::start();
    make(&mut console.browser(Role::Admin), "name=db&amount=5");
    let mut viewer = console.browser(Role::Viewer);
    let page = viewer.get("/pools/db").body;
    assert!(page.contains("Nothing is reserved") && !page.contains("/change"), "{page}");
    assert_eq!(viewer.get("/pools/new").status, 403);

    let mut limited = console.browser_of(console.person(Role::Operator, &["mail"]));
    assert!(!limited.get("/pools").body.contains("/pools/new"));
    for path in ["/pools/new", "/pools/db/change", "/pools/db/remove"] {
        assert_eq!(limited.get(path).status, 404, "{path}");
        assert_eq!(limited.post(path, "name=x&amount=1&reason=x").status, 404, "{path}");
    }
    for path in ["/pools/no.such", "/live/pool?name=no.such"] {
        assert_eq!(viewer.get(path).status, 404, "{path}");
    }
}

#[test]
fn a_pool_s_page_follows_what_happens() {
    const TAKE: &str = "WITH node AS (INSERT INTO millrace.nodes (name, epoch, state, version, slots) VALUES ('mil-01', 1, 'up', '1', 4) RETURNING id, epoch)
        INSERT INTO millrace.lane_use (key, node_id, epoch, taken) SELECT 'pdb', id, epoch, 3 FROM node";
    let console = Console::start();
    let mut browser = console.browser(Role::Operator);
    make(&mut browser, "name=db&amount=5");
    let page = browser.get("/pools/db").body;

    let mut stream = browser.stream(&stream_of(&page), &[]);
    statement(TAKE).run(&mut console.db.connect()).unwrap();

    let later = read_until(&mut *stream, "mil-01");
    assert!(later.contains("#panel-nodes"), "{later}");
    assert!(browser.get("/pools").body.contains("3 of 5"));
}

#[test]
fn with_script_a_change_answers_with_the_parts_of_the_page_it_was_begun_on() {
    let console = Console::start();
    let mut browser = console.browser(Role::Admin);
    make(&mut browser, "name=db&amount=5");
    browser.get("/pools");
    let token = browser.token().to_owned();
    let mut post = |here: &str, fields: &str| {
        let here = format!("http://127.0.0.1{here}");
        let headers = [
            ("HX-Request", "true"),
            ("HX-Request-Type", "partial"),
            ("HX-Target", "form#ask"),
            ("HX-Current-URL", here.as_str()),
            ("Sec-Fetch-Site", "same-origin"),
        ];
        browser.post_with("/pools/db/change", &format!("{fields}&csrf={token}"), &headers)
    };

    let listed = post("/pools", "amount=6&unit=&description=&seen=1&from=list").body;
    for word in ["#panel-rows", "#panel-facts", "0 of 6", "#toasts", "db has 6 now."] {
        assert!(listed.contains(word), "{word}: {listed}");
    }
    let shown = post("/pools/db", "amount=7&unit=&description=&seen=2&from=").body;
    for word in ["#panel-head", "#panel-facts", "#panel-deeds", "set it to 7"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let refused = post("/pools/db", "amount=-3&unit=&description=&seen=3");
    assert!(refused.status == 422 && !refused.body.contains("<html"), "{}", refused.body);
}

#[test]
fn the_template_editor_offers_pools_and_names_what_is_wrong() {
    let console = Console::start();
    let mut browser = console.browser(Role::Operator);
    let form = |reserve: &str| {
        format!(
            "name=media.cut&runner=handler&handler.name=x&defaults.queue=default&defaults.priority=3&defaults.max_attempts=3&defaults.timeout_ms=60&defaults.timeout_ms.unit=s&limits.reserve={reserve}"
        )
    };

    assert!(browser.get("/templates/new").body.contains("There is no pool yet"));
    let unknown = browser.post("/templates/new", &form("db%3D2"));
    assert!(unknown.status == 422 && unknown.body.contains("there is no pool called db"), "{}", unknown.body);
    make(&mut browser, "name=db&amount=5&unit=connections");
    assert!(browser.get("/templates/new").body.contains("of db (5 connections)"));
    let odd = browser.post("/templates/new", &form("db"));
    assert!(odd.status == 422 && odd.body.contains("db needs an amount, such as db=2"), "{}", odd.body);
    let saved = browser.post("/templates/new", &form("db%3D2"));
    assert_eq!(saved.status, 303, "{}", saved.body);
    let page = browser.get(saved.header("location")).body;
    assert!(page.contains("2 of db while it runs"), "{page}");
}
