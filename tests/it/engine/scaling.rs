//! The pool follows the work between its bounds, and says why.

use std::time::Duration;

use millrace::base::db::PgConnection;
use millrace::queue::pool_sizes::{PoolSize, of_node};
use millrace::queue::work::Registry;
use serde_json::json;

use super::queue_limits::{Kept, settles_at};
use crate::support::TestDb;
use crate::support::stage::{TestEngine, enqueue_many, handler_template, number, wait_until};

const SLOTS: &str = "SELECT slots::bigint AS number FROM millrace.nodes WHERE name = 'test'";

fn stage(
    jobs: i32,
    change: impl FnOnce(&mut millrace::engine::EngineSettings),
) -> (TestDb, PgConnection, Kept, TestEngine) {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "kept", json!({}));
    enqueue_many(&mut conn, "kept", jobs);
    let kept = Kept::default();
    let engine = TestEngine::start_changed(&db, Registry::default().with_handler("kept", kept.clone()), change);
    (db, conn, kept, engine)
}

/// Waits until the newest decision leads to so many slots; gives all of them, oldest first.
fn decided(conn: &mut PgConnection, slots: i32) -> Vec<PoolSize> {
    let mut sizes = Vec::new();
    let found = wait_until(|| {
        sizes = of_node(conn, "test", 100).unwrap();
        sizes.first().is_some_and(|size| size.slots_after == slots)
    });
    found.unwrap_or_else(|()| panic!("{sizes:?}"));
    sizes.reverse();
    sizes
}

#[test]
fn the_pool_grows_while_jobs_wait_and_shrinks_when_it_was_idle_for_a_while() {
    let (_db, mut conn, kept, _engine) = stage(20, |settings| settings.scaling.quiet = Duration::from_millis(300));

    settles_at(&kept, 8);
    let grown = decided(&mut conn, 8);
    assert_eq!(grown[0].slots_before, 2);
    assert!(
        grown.iter().all(|size| size.applied && size.slots_after > size.slots_before && size.waiting > 0),
        "{grown:?}"
    );
    assert!(grown[0].reason.contains("jobs wait"), "{grown:?}");
    assert!(grown.windows(2).all(|two| two[0].slots_after == two[1].slots_before), "{grown:?}");
    wait_until(|| number(&mut conn, SLOTS) == 8).expect("the heartbeat tells");

    kept.let_go(usize::MAX / 2);
    let shrunk = decided(&mut conn, 2);
    let last = shrunk.last().unwrap();
    assert!(last.applied && last.reason.contains("at work at once of late"), "{last:?}");
    wait_until(|| number(&mut conn, SLOTS) == 2).expect("the heartbeat tells");

    // and what comes then runs as before
    enqueue_many(&mut conn, "kept", 20);
    wait_until(|| number(&mut conn, "SELECT count(*) AS number FROM millrace.history WHERE state = 'succeeded'") == 40)
        .unwrap();
}

#[test]
fn a_dry_run_records_what_it_would_do_and_does_nothing() {
    let (_db, mut conn, kept, _engine) = stage(20, |settings| settings.scaling.dry_run = true);

    settles_at(&kept, 8);

    let would = decided(&mut conn, 8);
    assert!(would.iter().all(|size| !size.applied), "{would:?}");
    assert_eq!(would[0].slots_before, 2);
    kept.let_go(usize::MAX / 2);
}
