//! What the search box offers, to whom.

use millrace::admin::jobs::complete::{Offers, complete};
use millrace::admin::jobs::query::parse;
use millrace::base::db::{PgConnection, statement};
use millrace::queue::actor::{Actor, Scope};
use millrace::queue::permission::Role;
use serde_json::json;

use super::stage::{Console, publish};
use crate::support::stage::enqueue;

/// A template with arguments and labels in the queue `mail`, another one in `imports`; a job of each.
fn furnish(conn: &mut PgConnection) {
    let mail = json!({ "runner": "handler", "handler": { "name": "done" }, "defaults": { "queue": "mail", "tags": ["vip", "two words"] },
        "params": { "properties": {
            "country": { "type": "string", "title": "Country", "enum": ["IT", "FR"] },
            "dry": { "type": "boolean" },
            "key": { "type": "string", "secret": true },
            "to": { "type": "string", "title": "Receiver" } } } });
    publish(conn, "mail.send", mail);
    publish(
        conn,
        "mail.bulk",
        json!({ "runner": "handler", "handler": { "name": "done" }, "defaults": { "queue": "mail" } }),
    );
    publish(
        conn,
        "catalog.import",
        json!({ "runner": "handler", "handler": { "name": "done" }, "defaults": { "queue": "imports", "tags": ["nordwind"] } }),
    );
    for (template, args) in [("mail.send", json!({ "country": "IT" })), ("catalog.import", json!({}))] {
        enqueue(conn, template, args);
    }
    const WHO: &str = "UPDATE millrace.jobs SET enqueued_by = 'ada@example.org (token ci)' WHERE template_id = (SELECT id FROM millrace.templates WHERE name = 'mail.send')";
    statement(WHO).run(conn).unwrap();
    const ADA: &str = "INSERT INTO millrace.people (email, name, role, zone) VALUES ('ada@example.org', 'Ada Lovelace', 'viewer', 'UTC')";
    statement(ADA).run(conn).unwrap();
}

fn actor(role: Role, queues: &[&str]) -> Actor {
    let scope = Scope { queues: queues.iter().map(ToString::to_string).collect(), tags: Vec::new() };
    Actor { role, scope, ..Actor::system("test") }
}

fn offers(conn: &mut PgConnection, actor: &Actor, text: &str) -> Offers {
    let query = parse(text).query;
    complete(conn, actor, &query, (text, text.chars().count())).unwrap()
}

fn inserted(conn: &mut PgConnection, actor: &Actor, text: &str) -> Vec<String> {
    offers(conn, actor, text).offers.into_iter().map(|offer| offer.insert).collect()
}

#[test]
fn fields_are_offered_and_then_their_values() {
    let console = Console::start();
    let mut conn = console.db.connect();
    furnish(&mut conn);
    let operator = actor(Role::Operator, &[]);
    let mut see = |text: &str| inserted(&mut conn, &operator, text);

    assert_eq!(see("")[..3], ["state:", "queue:", "template:"]);
    assert_eq!(see("late -st"), ["state:"]);
    assert_eq!(see("enq"), ["created:", "by:"], "by their other names too");
    assert_eq!(see("state:fa"), ["failed "]);
    assert_eq!(see("state:failed,re"), ["ready ", "retrying "]);
    assert_eq!(see("queue:"), ["default ", "imports ", "mail "]);
    assert_eq!(see("template:send"), ["mail.send "]);
    assert_eq!(see("mail"), ["template:mail.bulk ", "template:mail.send ", "queue:mail "]);
    assert_eq!(see("tag:"), ["nordwind ", "\"two words\" ", "vip "]);
    assert_eq!(see("by:love"), ["\"ada@example.org (token ci)\" "], "people are found by their names");
    assert_eq!(see("state:fa late")[..], [] as [&str; 0], "nothing is called so");
    assert_eq!(see("quue:ma"), [] as [&str; 0]);
}

#[test]
fn arguments_are_those_of_the_chosen_template_and_secret_ones_are_not_offered() {
    let console = Console::start();
    let mut conn = console.db.connect();
    furnish(&mut conn);
    let operator = actor(Role::Operator, &[]);

    assert_eq!(inserted(&mut conn, &operator, "template:mail.send arg."), ["arg.country:", "arg.dry:", "arg.to:"]);
    assert_eq!(inserted(&mut conn, &operator, "template:mail.send arg.country:"), ["IT ", "FR "]);
    assert_eq!(inserted(&mut conn, &operator, "template:mail.send arg.dry:t"), ["true "]);
    assert_eq!(inserted(&mut conn, &operator, "arg."), ["arg.country:", "arg.dry:", "arg.to:"], "of the newest jobs");
    let elsewhere = actor(Role::Operator, &["quiet"]);
    assert!(offers(&mut conn, &elsewhere, "arg.").hint.contains("Choose a template first"));
    let viewer = actor(Role::Viewer, &[]);
    assert_eq!(inserted(&mut conn, &viewer, "template:mail.send arg."), [] as [&str; 0]);
    assert_eq!(inserted(&mut conn, &viewer, "template:mail.send arg.country:"), [] as [&str; 0]);
}

#[test]
fn whoever_is_limited_is_offered_nothing_of_others() {
    let console = Console::start();
    let mut conn = console.db.connect();
    furnish(&mut conn);
    let limited = actor(Role::Operator, &["imports"]);

    assert_eq!(inserted(&mut conn, &limited, "queue:"), ["imports "]);
    assert_eq!(inserted(&mut conn, &limited, "tag:"), ["nordwind "]);
    assert_eq!(inserted(&mut conn, &limited, "by:ada"), [] as [&str; 0]);
}

#[test]
fn the_page_s_filters_count_and_what_is_offered_is_text() {
    let console = Console::start();
    let mut conn = console.db.connect();
    furnish(&mut conn);
    const ODD: &str = "UPDATE millrace.jobs SET tags = '{<b>odd</b>}'";
    statement(ODD).run(&mut conn).unwrap();
    let mut browser = console.browser(Role::Operator);

    let part = browser.get("/jobs/complete?template=mail.send&q=late+arg.c&at=10").body;
    assert!(part.contains("data-insert=\"arg.country:\" data-from=\"5\" data-to=\"10\""), "{part}");
    let part = browser.get("/jobs/complete?q=tag:&at=4").body;
    assert!(part.contains("&#60;b&#62;odd") && !part.contains("<b>odd"), "{part}");
    assert!(!part.contains("<html"));
}
