//! What people with equal rights share while they look at the same page, and what they do not.

use diesel::sql_types::{BigInt, Text};
use millrace::base::db::statement;
use millrace::queue::actor::PersonId;
use millrace::queue::permission::Role;
use serde_json::json;

use crate::jobs::live::read_until;
use crate::support::stage::{enqueue_many, handler_template};
use crate::templates::stage::Console;

/// Two people who differ in nothing but who they are.
fn twins(console: &Console, role: Role, queues: &[&str]) -> [PersonId; 2] {
    let first = console.person(role, queues);
    statement("UPDATE millrace.people SET email = 'first@example.org'").run(&mut console.db.connect()).unwrap();
    [first, console.person(role, queues)]
}

/// An operation that `person` began, named after the tag that it goes by.
fn operation(console: &Console, person: PersonId, tag: &str) -> i64 {
    const SQL: &str =
        "INSERT INTO millrace.operations (act, value, query, zone, asked_at, person_id, actor, via, expected, below)
        VALUES ('hold', '{}', 'tag:' || $1, 'UTC', now(), $2, $1, 'console', 1, 100) RETURNING id";
    let rows: Vec<i64> = statement(SQL)
        .bind::<Text, _>(tag)
        .bind::<BigInt, _>(person)
        .tuples::<BigInt, i64>(&mut console.db.connect())
        .unwrap();
    rows[0]
}

#[test]
fn two_operators_of_one_scope_get_each_their_own_operations_while_both_look() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    enqueue_many(&mut conn, "done", 2);
    let [ada, ben] = twins(&console, Role::Operator, &["default"]);
    let (of_ada, of_ben) = (operation(&console, ada, "alder"), operation(&console, ben, "birch"));
    let (ada, mut ben) = (console.browser_of(ada), console.browser_of(ben));

    for page in ["/live/operations", "/live/operations?after="] {
        let mut hers = ada.stream(page, &[]);
        let seen = read_until(&mut hers, "alder");
        assert!(seen.contains("alder") && !seen.contains("birch"), "{seen}");
        let mut his = ben.stream(page, &[]);
        let seen = read_until(&mut his, "birch");
        assert!(seen.contains("birch") && !seen.contains("alder"), "{seen}");
    }
    let mut hers = ada.stream(&format!("/live/operation?id={of_ada}"), &[]);
    assert!(read_until(&mut hers, "panel-head").contains("panel-head"));
    assert_eq!(ben.get(&format!("/live/operation?id={of_ada}")).status, 404);
    let mut his = ben.stream(&format!("/live/operation?id={of_ben}"), &[]);
    assert!(read_until(&mut his, "panel-head").contains("panel-head"));
}

#[test]
fn the_filter_of_ones_own_operation_is_not_told_to_others_who_see_no_payloads() {
    let console = Console::start();
    let [ada, ben] = twins(&console, Role::Viewer, &[]);
    operation(&console, ada, "alder");
    let (ada, ben) = (console.browser_of(ada), console.browser_of(ben));

    for page in ["/live/operations", "/live/operations?after="] {
        let mut hers = ada.stream(page, &[]);
        assert!(read_until(&mut hers, "tag:alder").contains("tag:alder"), "{page}");
        let mut his = ben.stream(page, &[]);
        let seen = read_until(&mut his, "the filter needs the role");
        assert!(seen.contains("the filter needs the role") && !seen.contains("tag:alder"), "{page}: {seen}");
    }
}
