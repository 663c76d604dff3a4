//! The pages of schedules as a browser without script sees them: the better minute, all schedules together, filters, several at once, versions.

use std::fmt::Write as _;

use diesel::connection::SimpleConnection;
use millrace::queue::permission::Role;
use serde_json::json;

use super::stage::{Watched, number, save};
use crate::support::stage::{TestEngine, handler_template, template, wait_until};
use crate::templates::stage::Console;
use crate::web::browser::Browser;

/// Spells pairs as a form.
fn form(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}

/// A form of the editor for six o'clock in Rome, with more fields.
fn six_o_clock(more: &[(&str, &str)]) -> String {
    let six = [
        ("kind", "cron"),
        ("cron_minute", "0"),
        ("cron_hour", "6"),
        ("cron_day", "*"),
        ("cron_month", "*"),
        ("cron_weekday", "*"),
        ("timezone", "Europe/Rome"),
        ("template", "work"),
        ("name", "mine"),
    ];
    let kept = six.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    form(&kept.chain(more).copied().collect::<Vec<_>>())
}

/// The names in the rows of the list.
fn listed(browser: &mut Browser, query: &str) -> Vec<String> {
    let page = browser.get(&format!("/schedules?{query}")).body;
    page.split("<tr id=\"schedule-").skip(1).filter_map(|row| row.split('"').next().map(str::to_owned)).collect()
}

#[test]
fn the_better_minute_minds_the_crowd_and_takes_its_hour_along() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "work", json!({}));
    for n in 0..30 {
        save(&mut conn, &format!("crowd-{n}"), "rules: [ { cron: \"0-15 6 * * *\" } ]\ntimezone: Europe/Rome");
    }
    let mut browser = console.browser(Role::Operator);
    browser.get("/schedules/new?template=work");

    let page = browser.post("/schedules/new", &six_o_clock(&[("only", "preview")])).body;
    assert!(page.contains("Other schedules plan 30 jobs at 06:00 and 0 at 05:59"), "{page}");
    assert!(page.contains("name=\"minute\" value=\"5:59\">Use 05:59</button>"), "{page}");
    let taken = browser.post("/schedules/new", &six_o_clock(&[("minute", "5:59")])).body;
    for field in ["name=\"cron_minute\" value=\"59\"", "name=\"cron_hour\" value=\"5\""] {
        assert!(taken.contains(field), "{field}: {taken}");
    }
    assert!(taken.contains("At 05:59 every day"), "{taken}");

    for fields in [
        vec![("cron_minute", "0,30"), ("only", "preview")],
        vec![("kind", "at"), ("at", "2036-12-01T06:00"), ("only", "preview")],
        vec![("kind", "every"), ("every", "1h"), ("only", "preview")],
    ] {
        let page = browser.post("/schedules/new", &six_o_clock(&fields)).body;
        assert!(page.contains("What else starts then") && !page.contains("name=\"minute\""), "{fields:?}: {page}");
    }
    save(&mut conn, "mine", "rules: [ { cron: \"3 18 * * *\" } ]\ntimezone: Europe/Rome");
    let alone = browser.get("/schedules/mine").body;
    assert!(alone.contains("No other schedule runs around this time"), "its own runs are nobody else's: {alone}");
}

#[test]
fn all_schedules_are_counted_whichever_page_of_them_is_shown() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "work", json!({}));
    for n in 0..105 {
        save(&mut conn, &format!("s-{n:03}"), &format!("rules: [ {{ cron: \"{} 6 * * *\" }} ]", n % 50));
    }
    save(&mut conn, "z-last", "rules: [ { cron: \"7 6 * * *\" } ]");
    conn.batch_execute("UPDATE millrace.queues SET concurrency = 1 WHERE name = 'default'").unwrap();
    let mut browser = console.browser(Role::Viewer);

    let page = browser.get("/schedules/calendar").body;
    assert_eq!(page.matches("class=\"fleet-n\"").count(), 101, "a hundred rows, and all of them together");
    assert!(page.contains("106 runs, most in the hour from"), "{page}");
    assert!(
        page.contains("3 start") && page.contains(">z-last</a>"),
        "the last by name starts with two others: {page}"
    );
    assert!(page.contains("3 jobs would run, and the queue default takes 1 at a time"), "{page}");
    let next = page.split("rel=\"next\" href=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a next page");
    let second = browser.get(&next.replace("&#38;", "&")).body;
    assert!(second.contains(">z-last</a>") && second.contains("rel=\"first\"") && !second.contains("rel=\"next\""));
    assert!(second.contains("3 start"), "what they do together is the same on each page");
    let week = browser.get("/schedules/calendar?view=week").body;
    assert!(week.contains("742 runs, most on Monday: 106"), "{week}");
}

#[test]
fn the_list_is_searched_and_narrowed() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "work", json!({}));
    let other = json!({ "runner": "handler", "handler": { "name": "work" },
        "defaults": { "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 } });
    template(&mut conn, "letters", other);
    let engine = TestEngine::start(&console.db, Watched::default().registry());
    save(
        &mut conn,
        "rome-night",
        "description: Closes the day\nrules: [ { cron: \"0 2 * * *\" } ]\ntimezone: Europe/Rome",
    );
    save(&mut conn, "tokyo", "rules: [ { cron: \"0 2 * * *\" } ]\ntimezone: Asia/Tokyo");
    save(&mut conn, "quick", "rules: [ { every: 1s } ]");
    conn.batch_execute("UPDATE millrace.schedules SET template_id = (SELECT id FROM millrace.templates WHERE name = 'letters') WHERE name = 'tokyo'")
        .unwrap();
    let mut browser = console.browser(Role::Operator);
    let ran = "SELECT count(*) FROM millrace.history";
    wait_until(|| number(&mut conn, ran) > 0).expect("it runs");
    browser.get("/schedules/quick/pause");
    assert_eq!(browser.post("/schedules/quick/pause", "reason=enough&op=one").status, 303);
    let open = "SELECT count(*) FROM millrace.occurrences o WHERE o.job_id IS NOT NULL AND NOT EXISTS (SELECT FROM millrace.history h WHERE h.job_id = o.job_id)";
    wait_until(|| number(&mut conn, open) == 0).expect("its jobs end");
    drop(engine);

    assert_eq!(listed(&mut browser, ""), ["quick", "rome-night", "tokyo"]);
    assert_eq!(listed(&mut browser, "q=NIGHT"), ["rome-night"], "a part of the name, whatever its case");
    assert_eq!(listed(&mut browser, "q=closes+the"), ["rome-night"], "words of the description");
    assert_eq!(listed(&mut browser, "q=lett"), [""; 0], "what it said when it was saved");
    assert_eq!(listed(&mut browser, "q=%25"), [""; 0], "a sign of patterns is a sign like others");
    assert_eq!(listed(&mut browser, "template=letters"), ["tokyo"]);
    assert_eq!(listed(&mut browser, "zone=Europe%2FRome"), ["rome-night"]);
    assert_eq!(listed(&mut browser, "last=succeeded"), ["quick"]);
    assert_eq!(listed(&mut browser, "last=never"), ["rome-night", "tokyo"]);
    assert_eq!(listed(&mut browser, "last=never&zone=Asia%2FTokyo&sort=next"), ["tokyo"]);
    assert_eq!(listed(&mut browser, "last=failed"), [""; 0]);
    let page = browser.get("/schedules?zone=Asia%2FTokyo&last=never").body;
    for words in ["Remove filter Zone Asia/Tokyo", "Remove filter Last run None yet", "<option value=\"letters\">"] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[test]
fn several_are_paused_and_resumed_at_once_and_what_cannot_be_is_told() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "work", json!({}));
    for name in ["a", "b", "c"] {
        save(&mut conn, name, "rules: [ { cron: \"0 2 * * *\" } ]");
    }
    let mut browser = console.browser(Role::Operator);
    assert!(browser.get("/schedules").body.contains("name=\"name\" value=\"b\" form=\"bulk\""));

    let ask = browser.get("/bulk/schedules/pause?name=a&name=b&name=a").body;
    assert!(ask.contains("Pause 2 schedules?") && ask.contains("<span class=\"tag\">b</span>"), "{ask}");
    let no_reason = browser.post("/bulk/schedules/pause", "name=a&name=b&reason=");
    assert_eq!(no_reason.status, 422);
    let done = browser.post("/bulk/schedules/pause", "name=a&name=b&reason=stocktaking&op=one");
    assert_eq!((done.status, done.header("location")), (303, "/schedules"), "{}", done.body);
    assert!(browser.get("/schedules").body.contains("2 schedules are paused."));
    let paused =
        "SELECT count(*) FROM millrace.audit WHERE act = 'schedule.pause' AND accepted AND reason = 'stocktaking'";
    assert_eq!(number(&mut conn, paused), 2, "each has its own record");

    let some = browser.post("/bulk/schedules/pause", "name=b&name=c&name=gone&reason=more&op=two");
    assert_eq!(some.status, 409);
    for words in ["1 schedule is paused.", "2 schedules were not", "is paused already", "There is no schedule called"] {
        assert!(some.body.contains(words), "{words}: {}", some.body);
    }
    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.schedules WHERE paused_at IS NOT NULL"), 3);
    let resumed = browser.post("/bulk/schedules/resume", "name=a&name=b&name=c&op=three");
    assert_eq!(resumed.status, 303, "{}", resumed.body);
    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.schedules WHERE paused_at IS NOT NULL"), 0);

    assert_eq!(browser.get("/bulk/schedules/pause").status, 409, "nothing is ticked");
    assert_eq!(browser.get("/bulk/schedules/remove?name=a").status, 404);
    let mut viewer = console.browser(Role::Viewer);
    assert!(!viewer.get("/schedules").body.contains("form=\"bulk\""));
    assert_eq!(viewer.get("/bulk/schedules/pause?name=a").status, 403);
}

#[test]
fn two_versions_are_compared_and_so_is_what_is_not_saved_yet() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "mine", "rules: [ { cron: \"0 6 * * *\" } ]\ntimezone: Europe/Rome");
    save(&mut conn, "mine", "rules: [ { cron: \"0 7 * * *\" } ]\ntimezone: Europe/Rome");
    save(&mut conn, "mine", "rules: [ { cron: \"0 7 * * *\" } ]\ntimezone: Europe/Berlin");
    let mut browser = console.browser(Role::Operator);

    let latest = browser.get("/schedules/mine/versions").body;
    assert!(latest.contains("v2 → v3") && latest.contains("Europe/Berlin") && latest.contains("Europe/Rome"));
    assert!(latest.contains("Roll back to v2"), "{latest}");
    let chosen = browser.get("/schedules/mine/versions?from=1&to=2").body;
    assert!(chosen.contains("v1 → v2") && chosen.contains("0 6 * * *") && chosen.contains("0 7 * * *"), "{chosen}");
    assert!(!chosen.contains("Europe/Berlin"), "the third is not compared");
    assert!(browser.get("/schedules/mine/versions?from=2&to=2").body.contains("There is only one version to look at"));

    let typed = [("cron_hour", "8"), ("timezone", "Europe/Berlin"), ("base", "3"), ("only", "compare")];
    let page = browser.post("/schedules/mine/edit", &six_o_clock(&typed)).body;
    assert!(page.contains("What the form changes of v3"), "{page}");
    assert!(page.contains("0 7 * * *") && page.contains("0 8 * * *"), "{page}");
    assert_eq!(number(&mut conn, "SELECT max(version)::bigint FROM millrace.schedule_versions"), 3, "nothing is saved");
}

#[test]
fn more_occurrences_are_shown_when_asked_for() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "mine", "rules: [ { cron: \"0 6 * * *\" } ]\ntimezone: Europe/Rome");
    save(&mut conn, "few", "rules: [ { at: \"2036-01-01T00:00:00Z\" } ]");
    let mut operator = console.browser(Role::Operator);
    let rows = |page: &str| page.matches("<time class=\"when b\"").count();

    let page = operator.get("/schedules/mine").body;
    assert_eq!(rows(&page), 50);
    assert!(page.contains("name=\"show\" value=\"100\">Show 50 more"), "{page}");
    let more = operator.post("/schedules/mine/edit", &six_o_clock(&[("base", "1"), ("show", "100")])).body;
    assert_eq!(rows(&more), 100);
    assert!(more.contains("name=\"shown\" value=\"100\"") && more.contains("name=\"show\" value=\"150\""));
    let typed =
        operator.post("/schedules/mine/edit", &six_o_clock(&[("base", "1"), ("shown", "100"), ("only", "preview")]));
    assert_eq!(rows(&typed.body), 100, "typing on does not take them away");
    assert!(!operator.get("/schedules/few").body.contains("Show 50 more"), "there are no more");

    let mut viewer = console.browser(Role::Viewer);
    assert!(viewer.get("/schedules/mine").body.contains("href=\"/schedules/mine?shown=100\">Show 50 more"));
    assert_eq!(rows(&viewer.get("/schedules/mine?shown=100").body), 100);
    assert_eq!(rows(&viewer.get("/schedules/mine?shown=1000000").body), 500, "there is a bound");
}

#[test]
fn a_backfill_outlives_its_schedule_and_says_so() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "work", json!({}));
    save(&mut conn, "mine", "rules: [ { cron: \"0 6 * * *\" } ]\ntimezone: Europe/Rome");
    let mut browser = console.browser(Role::Operator);

    let ask = browser.get("/schedules/mine/backfill").body;
    assert!(ask.contains("does not mind what the schedule does when the previous job still runs"), "{ask}");
    let mut wish = form(&[("from", "2026-03-01T00:00"), ("to", "2026-03-08T00:00"), ("order", "oldest")]);
    write!(wish, "&concurrency=1&op=one").unwrap();
    let started = browser.post("/schedules/mine/backfill", &wish);
    assert_eq!((started.status, started.header("location")), (303, "/backfills/1"), "{}", started.body);
    let page = browser.get("/backfills/1").body;
    assert!(page.contains("href=\"/schedules/mine\"") && page.contains("Stop") && !page.contains("was removed"));
    assert_eq!(browser.post("/schedules/mine/remove", "reason=gone&op=two").status, 303);

    let page = browser.get("/backfills/1").body;
    assert!(page.contains("This schedule was removed"), "{page}");
    assert!(!page.contains("href=\"/schedules/mine\"") && !page.contains("Go on"), "nothing leads to what is gone");
}
