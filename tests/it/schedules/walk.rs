//! A schedule is built, saved, copied, backfilled and paused with the editor alone, and all of it is found again.

use diesel::sql_types::Text;
use millrace::admin::calendars;
use millrace::base::db::{PgConnection, statement};
use millrace::base::document::documents;
use millrace::queue::actor::Actor;
use millrace::queue::permission::Role;
use serde_json::json;

use super::stage::{Watched, number};
use crate::browser::{Browser, Look, checks};
use crate::support::stage::{PATIENCE, TestEngine, handler_template, template};
use crate::templates::stage::Console;

const CALENDARS: &str = "kind: Calendar
name: it-holidays
timezone: Europe/Rome
holidays: [{ country: IT }]
---
kind: Calendar
name: maintenance
timezone: Europe/Rome
windows: [{ name: Patching, weekdays: [Fri], start: \"17:00\", duration: 2h }]
";

fn with_calendars(conn: &mut PgConnection) {
    for document in documents(CALENDARS).unwrap() {
        let calendar = document.read().unwrap();
        calendars::service::save(conn, &Actor::system("test"), &calendar, None, "").unwrap();
    }
}

pub(super) fn open(console: &Console, browser: &Browser, path: &str) {
    browser.open(&format!("http://{}{path}", console.address));
}

/// The row of the preview that holds `words`.
fn row_with(browser: &Browser, words: &str) -> String {
    let mut rows = browser.find_all(".next li").into_iter().map(|row| row.text()).filter(|row| row.contains(words));
    rows.next().unwrap_or_else(|| panic!("{words}: {}", browser.text()))
}

/// The times of the preview whose rows hold `words`.
fn rows_with(browser: &Browser, words: &str) -> usize {
    browser.find_all(".next li").into_iter().filter(|row| row.text().contains(words)).count()
}

/// Dates of 2029, which the preview reaches until the end of 2028, by the calendar and the window.
const DATES: [(&str, &str, &str); 6] = [
    ("Wed 31 Jan 29", "17:30", ""),
    ("Fri 30 Mar 29", "19:00", "moved from 31 Mar 17:30"),
    ("Mon 30 Apr 29", "17:30", ""),
    ("Fri 29 Jun 29", "19:00", "moved from 30 Jun 17:30"),
    ("Fri 31 Aug 29", "17:30", "skipped: excluded: in August"),
    ("Fri 30 Nov 29", "19:00", "moved from 17:30"),
];

/// Types the rule, the days on which it must not run, and the job.
fn build_month_end(browser: &Browser) {
    let fields = [
        ("name", "month-end"),
        ("cron_minute", "30"),
        ("cron_hour", "17"),
        ("cron_day", "L"),
        ("cron_weekday", "*"),
        ("timezone", "Europe/Rome"),
    ];
    fields.iter().for_each(|(name, value)| browser.fill(name, value));
    browser.press("Aug");
    browser.fill("business", "it-holidays");
    browser.fill("roll", "previous");
    browser.fill("window.maintenance", "delay");
    browser.fill("template", "work");
    browser.wait_until("the preview follows", PATIENCE, |browser| {
        browser.shows("At 17:30 on the last day of the month, Rome time") && browser.shows("Not in August")
    });
    browser
        .wait_until("moved to the business day before", PATIENCE, |browser| rows_with(browser, "no business day") > 0);
}

#[test]
fn the_month_s_last_business_day_is_built_copied_backfilled_and_paused_with_the_editor_alone() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "work", json!({}));
    with_calendars(&mut conn);
    let browser = Browser::start(Look::light().wide());
    let admin = console.person(Role::Admin, &[]);
    open(&console, &browser, &format!("/as/{admin}"));

    open(&console, &browser, "/schedules");
    browser.wait_for_text("No schedule yet");
    open(&console, &browser, "/schedules/new");
    build_month_end(&browser);
    for (day, time, why) in DATES {
        let row = row_with(&browser, day);
        assert!(row.contains(time) && row.contains(why), "{day} {time} {why}: {row}");
    }
    checks::assert_clean_in_every_look(&browser);
    browser.press("Save schedule");
    browser.wait_for_text("month-end is saved and runs from now on.");
    let waits = "SELECT count(*) FROM millrace.schedules WHERE name = 'month-end' AND next_at > now()";
    assert_eq!(number(&mut conn, waits), 1);
    for (day, time, _) in DATES {
        assert!(row_with(&browser, day).contains(time), "what is saved says the same of {day}");
    }

    browser.press("More");
    browser.find("#more-acts").press("Clone");
    browser.wait_for_url("/schedules/new?from=month-end");
    assert_eq!(browser.find("#f-name").value(), "month-end-copy");
    assert_eq!(browser.find("#f-cron_day").value(), "L", "the copy says what the first one says");
    browser.press("Save schedule");
    browser.wait_for_text("month-end-copy is saved and runs from now on.");
    open(&console, &browser, "/schedules/month-end-copy/history");
    browser.wait_for_text("a copy of month-end");

    open(&console, &browser, "/schedules/month-end/backfill");
    browser.fill("from", "2026-03-01T00:00");
    browser.fill("to", "2026-04-01T00:00");
    browser.fill("reason", "the new figures of March");
    browser.press("Show what would be made");
    browser.wait_for_text("1 job would be made.");
    let dry: Vec<String> = browser.find_all(".dry li").into_iter().map(|row| row.text()).collect();
    assert!(dry.len() == 1 && dry[0].contains("31 Mar") && dry[0].contains("17:30"), "the last of March: {dry:?}");
    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.jobs"), 0, "a dry run makes nothing");
    let _engine = TestEngine::start(&console.db, Watched::default().registry());
    browser.press("Start the backfill");
    browser.wait_for_text("1 of 1");
    let made = "SELECT count(*) FROM millrace.occurrences o WHERE o.backfill_id = 1 AND o.at = '2026-03-31T15:30:00Z' AND o.job_id IS NOT NULL";
    assert_eq!(number(&mut conn, made), 1);

    open(&console, &browser, "/schedules/month-end");
    browser.press("Pause…");
    browser.wait_for_text("Pause month-end?");
    browser.fill("reason", "stocktaking until Monday");
    browser.find("#dialog").press("Pause it");
    browser.wait_for_text("month-end is paused.");

    open(&console, &browser, "/schedules/month-end/history");
    browser.wait_for_text("backfill 1");
    for words in
        ["31 Mar", "made it", "started a backfill", "the new figures of March", "paused it", "stocktaking until Monday"]
    {
        assert!(browser.shows(words), "{words}: {}", browser.text());
    }
    checks::assert_clean(&browser);
    let trail = |conn: &mut PgConnection, name: &str| {
        const SQL: &str = "SELECT a.act, coalesce(a.reason, '') FROM millrace.audit a WHERE a.subject_kind = 'schedule' AND a.subject = $1 AND a.accepted ORDER BY a.id";
        statement(SQL).bind::<Text, _>(name).tuples::<(Text, Text), (String, String)>(conn).unwrap()
    };
    let told = |records: &[(&str, &str)]| -> Vec<(String, String)> {
        records.iter().map(|(act, reason)| ((*act).to_owned(), (*reason).to_owned())).collect()
    };
    let acts = [
        ("schedule.make", ""),
        ("schedule.backfill", "the new figures of March"),
        ("schedule.pause", "stocktaking until Monday"),
    ];
    assert_eq!(trail(&mut conn, "month-end"), told(&acts));
    assert_eq!(trail(&mut conn, "month-end-copy"), told(&[("schedule.make", "a copy of month-end")]));
}

#[test]
fn a_schedule_is_copied_backfilled_paused_and_found_again() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "work", json!({}));
    super::stage::save(&mut conn, "month-end", "rules: [ { cron: \"30 17 L * *\" } ]\ntimezone: Europe/Rome");
    let browser = Browser::start(Look::dark().wide());
    let admin = console.person(Role::Admin, &[]);
    open(&console, &browser, &format!("/as/{admin}"));

    open(&console, &browser, "/schedules/new?from=month-end");
    browser.fill("name", "daily-noon");
    browser.fill("cron_minute", "0");
    browser.fill("cron_hour", "12");
    browser.fill("cron_day", "*");
    browser.press("Save schedule");
    browser.wait_for_text("daily-noon is saved and runs from now on.");

    open(&console, &browser, "/schedules/daily-noon/backfill");
    browser.fill("from", "2026-03-01T00:00");
    browser.fill("to", "2026-04-01T00:00");
    browser.fill("concurrency", "4");
    browser.fill("reason", "the new figures of March");
    browser.press("Show what would be made");
    browser.wait_for_text("31 jobs would be made.");
    browser.wait_for_text("and 11 more jobs");
    assert_eq!(number(&mut conn, "SELECT count(*) FROM millrace.jobs"), 0, "a dry run makes nothing");
    let _engine = TestEngine::start(&console.db, Watched::default().registry());
    browser.press("Start the backfill");
    browser.wait_for_text("Backfill 1 of daily-noon runs.");
    browser.wait_for_text("31 of 31");
    checks::assert_clean(&browser);

    open(&console, &browser, "/schedules/daily-noon");
    browser.press("Pause…");
    browser.wait_for_text("Pause daily-noon?");
    browser.fill("reason", "stocktaking until Monday");
    browser.find("#dialog").press("Pause it");
    browser.wait_for_text("daily-noon is paused.");
    browser.wait_for_text("stocktaking until Monday");

    open(&console, &browser, "/schedules/daily-noon/history");
    browser.wait_for_text("backfill 1");
    for words in ["made it", "started a backfill", "paused it", "the new figures of March", "stocktaking until Monday"]
    {
        assert!(browser.shows(words), "{words}: {}", browser.text());
    }
    let trail =
        "SELECT count(*) FROM millrace.audit WHERE subject_kind = 'schedule' AND subject = 'daily-noon' AND accepted";
    assert_eq!(number(&mut conn, trail), 3);
    let heard = "SELECT count(*) FROM millrace.notifications WHERE title = 'All jobs of backfill 1 of daily-noon are made.' AND link_path = '/backfills/1'";
    assert_eq!(number(&mut conn, heard), 1);

    open(&console, &browser, "/schedules?state=paused");
    browser.wait_for_text("daily-noon");
    assert!(!browser.shows("month-end"));
    for view in ["", "?view=day", "?view=week"] {
        open(&console, &browser, &format!("/schedules/calendar{view}"));
        browser.wait_for_text("daily-noon");
    }
    checks::assert_clean_in_every_look(&browser);

    // links of the dashboard and the palette lead to a question
    open(&console, &browser, "/schedules/daily-noon/resume");
    checks::assert_clean(&browser);
    browser.press("Resume it");
    browser.wait_for_text("daily-noon is enabled again.");
    open(&console, &browser, "/schedules/daily-noon/run");
    browser.press("Run it now");
    browser.wait_for_text("of daily-noon is enqueued.");
    open(&console, &browser, "/schedules/daily-noon");
    browser.press("Its jobs");
    browser.wait_for_url("/jobs?schedule=daily-noon");
    open(&console, &browser, "/schedules/daily-noon/remove");
    browser.fill("reason", "no longer needed");
    browser.press("Remove daily-noon");
    browser.wait_for_text("daily-noon was removed.");
    open(&console, &browser, "/schedules/daily-noon");
    browser.wait_for_text("The schedule daily-noon was removed.");
    browser.log(); // an answer 410 stands in the browser's log as an error
}

/// A template with parameters of several kinds.
fn with_letters(conn: &mut PgConnection) {
    let params = json!({ "required": ["to"], "properties": {
        "to": { "type": "string", "title": "Recipient" }, "copies": { "type": "integer", "title": "Copies", "minimum": 1, "default": 2 },
        "dry": { "type": "boolean", "title": "Dry run" }, "key": { "type": "string", "title": "Key", "secret": true } } });
    let defaults = json!({ "queue": "default", "priority": 3, "max_attempts": 3, "timeout_ms": 20_000 });
    let handler = json!({ "name": "work" });
    template(
        conn,
        "letter",
        json!({ "runner": "handler", "handler": handler, "params": params, "defaults": defaults }),
    );
}

#[test]
fn arguments_are_fields_of_the_template_s_parameters() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "work", json!({}));
    with_letters(&mut conn);
    let browser = Browser::start(Look::light().wide());
    let admin = console.person(Role::Admin, &[]);
    open(&console, &browser, &format!("/as/{admin}"));

    open(&console, &browser, "/schedules/new");
    browser.fill("name", "letters");
    browser.fill("args", "{ \"to\": ");
    browser.fill("template", "letter");
    browser.press("Save schedule");
    browser.wait_for_text("This is not JSON");
    browser.log(); // an answer 422 stands in the browser's log as an error
    assert_eq!(browser.find("#f-args").value(), "{ \"to\": ", "what was typed is not lost");
    browser.fill("args", "{}");
    browser.find("#f-description").click(); // leaves the field
    browser.fill("template", "work");
    browser.fill("template", "letter");
    browser.find("#f-description").click();
    browser.wait_for_text("Recipient");
    assert_eq!(browser.find("[name='args.copies']").value(), "2", "defaults stand there");
    checks::assert_clean(&browser);
    browser.press("Save schedule");
    browser.wait_for_text("There is a problem with 1 field");
    browser.log(); // an answer 422 stands in the browser's log as an error
    browser.fill("args.to", "ada@example.org");
    browser.fill("args.key", "hunter22");
    browser.press("Save schedule");
    browser.wait_for_text("letters is saved and runs from now on.");
    let args = |conn: &mut PgConnection| {
        const SQL: &str =
            "SELECT (v.spec -> 'args')::text FROM millrace.schedule_versions v ORDER BY v.version DESC LIMIT 1";
        let text = statement(SQL).tuples::<Text, String>(conn).unwrap().remove(0);
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    assert_eq!(args(&mut conn), json!({ "to": "ada@example.org", "copies": 2, "key": "hunter22" }));

    open(&console, &browser, "/schedules/letters");
    assert_eq!(browser.find("[name='args.to']").value(), "ada@example.org");
    assert_eq!(browser.find("[name='args.key']").value(), "", "what is secret is not shown");
    let shown = browser.script("return document.documentElement.outerHTML.includes('hunter22')", &[]);
    assert_eq!(shown, false);
    browser.fill("args.copies", "3");
    browser.press("Save as v2");
    browser.wait_for_text("version 2 is in force");
    assert_eq!(args(&mut conn), json!({ "to": "ada@example.org", "copies": 3, "key": "hunter22" }), "the key stays");
}

#[test]
fn a_schedule_is_saved_without_script_and_what_is_wrong_stands_at_its_field() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "work", json!({}));
    let browser = Browser::start(Look::light().narrow()).without_script();
    let admin = console.person(Role::Admin, &[]);
    open(&console, &browser, &format!("/as/{admin}"));
    open(&console, &browser, "/schedules/new?template=work");
    browser.fill("name", "plain");
    browser.fill("cron_hour", "25");
    browser.fill("timezone", "Europe/Nowhere");
    browser.fill("cron_weekday", "9");
    browser.press("Preview");
    browser.wait_for_text("It cannot be saved like this.");
    browser.press("Save schedule");
    browser.wait_for_text("There are problems with 3 fields");
    browser.log(); // an answer 422 stands in the browser's log as an error
    browser.fill("cron_hour", "5");
    browser.fill("cron_weekday", "1");
    browser.fill("timezone", "Europe/Rome");
    browser.press("Save paused");
    browser.wait_for_text("plain is saved and paused. It makes no jobs until it is resumed.");
    browser.press("Resume");
    browser.wait_for_text("plain is enabled again.");
    checks::assert_clean(&browser);
}
