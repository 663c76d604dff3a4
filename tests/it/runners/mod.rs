//! The runners' promises that need a database.
mod bound_values;

use diesel::connection::SimpleConnection;
use millrace::queue::sql_jobs::SqlConnections;
use millrace::runners::diag;
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{TestEngine, enqueue, handler_template, number, wait_for};

#[test]
fn an_effect_leaves_one_row_per_attempt_with_its_fence() {
    let db = TestDb::new();
    let mut conn = db.connect();
    conn.batch_execute("CREATE TABLE \"odd name\" (job bigint, attempt smallint, fence bigint)").unwrap();
    handler_template(&mut conn, "diag.effect", json!({}));
    let engine = TestEngine::start(&db, diag::registry(Some(SqlConnections::new(db.url()))));

    let job = enqueue(&mut conn, "diag.effect", json!({ "table": "\"odd name\"" }));
    wait_for(&mut conn, job, "succeeded");
    let missing = enqueue(&mut conn, "diag.effect", json!({ "table": "x); DROP TABLE \"odd name\"; --" }));
    wait_for(&mut conn, missing, "failed");

    let rows = "SELECT count(*) AS number FROM \"odd name\" e JOIN millrace.history h ON h.job_id = e.job AND h.fence = e.fence AND e.attempt = 1";
    assert_eq!(number(&mut conn, rows), 1);
    engine.drain();
}
