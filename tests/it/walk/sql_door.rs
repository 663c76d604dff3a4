//! `SELECT millrace.enqueue(…)` in the transaction of somebody else's application, while the engine runs.

use std::thread;
use std::time::{Duration, Instant};

use diesel::QueryableByName;
use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use millrace::admin::templates::service::Publication;
use millrace::base::db::{PgConnection, statement};
use millrace::queue::job::JobId;
use millrace::queue::permission::Role;
use serde_json::json;

use super::house::House;
use super::samples::take;
use crate::support::stage::{enqueue, number, state, wait_for};

/// Longer than the engine sleeps between two looks, so that it has looked meanwhile.
const LOOKS: Duration = Duration::from_millis(2_500);
/// Longest time from commit to success of a job that does nothing.
const SOON: Duration = Duration::from_secs(5);

const EFFECTS: &str = "SELECT count(*) AS number FROM app.packed";
const JOBS: &str = "SELECT count(*) AS number FROM millrace.jobs";
const HISTORY: &str = "SELECT count(*) AS number FROM millrace.history";

const PACK: &str = r#"
kind: Template
name: orders.pack
runner: sql
sql: { statements: "INSERT INTO app.packed VALUES ({{ params.order }})" }
params: { type: object, required: [order], properties: { order: { type: integer } } }
defaults: { max_attempts: 1 }
"#;

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// A database that holds an application's table beside ours, and an application that may do nothing but enqueue.
fn house() -> (House, PgConnection) {
    let house = House::start();
    let mut owner = house.connect();
    let tables = "CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO millrace_client, millrace_sql;
        CREATE TABLE app.orders (id bigint PRIMARY KEY); GRANT ALL ON app.orders TO millrace_client;
        CREATE TABLE app.packed (id bigint); GRANT ALL ON app.packed TO millrace_sql";
    owner.batch_execute(tables).unwrap();
    take(&mut owner, PACK, Publication::WhenAllowed);
    let mut application = house.connect();
    application.batch_execute("SET ROLE millrace_client").unwrap();
    (house, application)
}

/// What psql would send.
fn order(application: &mut PgConnection) -> JobId {
    application.batch_execute("BEGIN; INSERT INTO app.orders VALUES (7)").unwrap();
    let row: Option<Id> =
        statement("SELECT millrace.enqueue('orders.pack', '{\"order\": 7}') AS id").row(application).unwrap();
    JobId(row.unwrap().id)
}

#[test]
fn a_job_is_seen_and_run_only_after_the_commit_of_its_transaction() {
    let (house, mut application) = house();
    house.person(Role::Viewer);
    let mut viewer = house.program(Role::Viewer);
    let mut conn = house.connect();

    let job = order(&mut application);
    thread::sleep(LOOKS);
    assert_eq!((number(&mut conn, JOBS), state(&mut conn, job).as_str()), (0, "nowhere"));
    assert_eq!(viewer.get(&format!("/jobs/{job}")).status, 404, "its number is taken, but there is no such job");
    assert_eq!(number(&mut conn, EFFECTS), 0);

    application.batch_execute("COMMIT").unwrap();
    let committed = Instant::now();
    wait_for(&mut conn, job, "succeeded");
    assert!(committed.elapsed() < SOON, "{:?}", committed.elapsed());
    assert_eq!(viewer.get(&format!("/jobs/{job}")).status, 200);
    assert_eq!(number(&mut conn, EFFECTS), 1);
}

#[test]
fn a_job_whose_transaction_is_rolled_back_never_existed() {
    let (house, mut application) = house();
    let mut conn = house.connect();

    let job = order(&mut application);
    thread::sleep(LOOKS);
    application.batch_execute("ROLLBACK").unwrap();

    let next = enqueue(&mut conn, "orders.pack", json!({"order": 8}));
    wait_for(&mut conn, next, "succeeded");
    assert_eq!(state(&mut conn, job), "nowhere");
    assert_eq!([number(&mut conn, JOBS), number(&mut conn, HISTORY), number(&mut conn, EFFECTS)], [1; 3]);
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM app.orders"), 0);
}

#[test]
fn an_application_may_enqueue_and_do_nothing_else() {
    let (_house, mut application) = house();

    for forbidden in [
        "SELECT * FROM millrace.jobs",
        "DELETE FROM millrace.ready",
        "SELECT * FROM millrace.people",
        "UPDATE millrace.templates SET state = 'archived'",
        "SELECT * FROM millrace.template_versions",
    ] {
        let refused = application.batch_execute(forbidden).unwrap_err().to_string();
        assert!(refused.contains("permission denied"), "{forbidden}: {refused}");
    }
    order(&mut application);
    application.batch_execute("COMMIT").unwrap();
}
