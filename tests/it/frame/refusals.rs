//! What people are told who may not, who come too late, or who lead nowhere.

use diesel::connection::SimpleConnection;
use millrace::queue::permission::Role;

use crate::browser::{Browser, Look, checks};
use crate::walk::house::House;

#[test]
fn whoever_may_not_is_told_which_admin_to_ask() {
    let house = House::start();
    house.person(Role::Viewer);
    house.person(Role::Admin);
    house.connect().batch_execute("UPDATE millrace.people SET name = 'Giulia Ferrando' WHERE role = 'admin'").unwrap();
    let browser = Browser::start(Look::light());
    house.sign_in(&browser, Role::Viewer);

    browser.open(&format!("{}/people", house.origin));

    browser.wait_for_text("You may not do this");
    browser.wait_for_text("This needs the role admin. Ask Giulia Ferrando:");
    checks::assert_clean_in_every_look(&browser);
    let disabled = "UPDATE millrace.people SET disabled_at = now() WHERE name = 'Giulia Ferrando'";
    let other = "INSERT INTO millrace.people (email, name, role) VALUES ('z@example.org', 'Zoe Last', 'admin')";
    house.connect().batch_execute(&format!("{other}; {disabled}")).unwrap();
    browser.reload();
    browser.wait_for_text("Ask Zoe Last:");
    assert!(!browser.shows("Giulia Ferrando"), "nobody is sent to somebody who has left");
}

#[test]
fn a_job_that_retention_removed_says_when_and_by_which_rule() {
    let house = House::start();
    house.person(Role::Viewer);
    let removed = "SELECT setval('millrace.job_seq', 20000000);
        INSERT INTO millrace.audit (actor, via, act, accepted, subject_kind, subject, reason)
        VALUES ('retention', 'system', 'history.remove', true, 'partition', 'jobs 10000000 to 10999999', 'they ended more than 30 days ago (MILLRACE_HISTORY_DAYS)')";
    house.connect().batch_execute(removed).unwrap();
    let mut viewer = house.program(Role::Viewer);

    let known = viewer.get("/jobs/10000007");
    let unknown = viewer.get("/jobs/11000007");

    assert_eq!((known.status, unknown.status), (410, 410));
    assert!(
        known.body.contains("That was") && known.body.contains("they ended more than 30 days ago"),
        "{}",
        known.body
    );
    assert!(unknown.body.contains("was removed by retention") && !unknown.body.contains("That was"));
    assert_eq!(viewer.get("/jobs/29000007").status, 404);
}
