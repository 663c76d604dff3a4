use millrace::admin::jobs::{Cursor, JobFilter, list, rows_of};
use millrace::queue::actor::Scope;
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{enqueue_many, handler_template};

#[test]
fn a_list_and_the_rows_of_its_jobs_say_the_same() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "done", json!({}));
    let mut jobs = enqueue_many(&mut conn, "done", 5);
    jobs.sort_unstable();

    for filter in [
        JobFilter::default(),
        JobFilter { text: Some("n".into()), ..JobFilter::default() },
        JobFilter { queues: vec!["default".into()], ..JobFilter::default() },
    ] {
        let page = list(&mut conn, &Scope::default(), &filter, Cursor::Newest, 3).unwrap();
        let again = rows_of(&mut conn, &Scope::default(), &jobs[2..]).unwrap();
        let shown = |rows: &[millrace::admin::jobs::JobRow]| {
            rows.iter()
                .map(|row| (row.id, row.state(), row.at, row.max_attempts, row.queue.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(shown(&page.rows), shown(&again), "{filter:?}");
        assert!(page.older.is_some() && page.edge.is_none());
    }
}
