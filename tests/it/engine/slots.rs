//! People set other bounds for the slots of a node while it runs.

use millrace::admin::nodes::Bounds;
use millrace::admin::nodes::slots::bound;
use millrace::base::db::{PgConnection, statement};
use millrace::base::text::NodeName;
use millrace::engine::{EngineSettings, SlotBounds};
use millrace::queue::actor::Actor;
use millrace::queue::fit::Labels;
use millrace::queue::node::{Heard, Introduction, Pulse, Wishes, heartbeat, register, wanted_slots};
use millrace::queue::pool_sizes::{PoolSize, of_node};
use millrace::queue::work::Registry;
use serde_json::json;

use super::queue_limits::{Kept, settles_at};
use crate::support::TestDb;
use crate::support::stage::{TestEngine, enqueue_many, handler_template, number, wait_until};

const SLOTS: &str = "SELECT slots::bigint AS number FROM millrace.nodes WHERE name = 'test'";

fn stage(jobs: i32) -> (TestDb, PgConnection, Kept) {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "kept", json!({}));
    if jobs > 0 {
        enqueue_many(&mut conn, "kept", jobs);
    }
    (db, conn, Kept::default())
}

fn start(db: &TestDb, kept: &Kept, change: impl FnOnce(&mut EngineSettings)) -> TestEngine {
    TestEngine::start_changed(db, Registry::default().with_handler("kept", kept.clone()), change)
}

fn set(conn: &mut PgConnection, bounds: Option<(i32, i32)>) {
    let bounds = bounds.map(|(min, max)| Bounds { min, max });
    bound(conn, &Actor::command_line("ada"), "test", (bounds, "")).unwrap();
}

/// Waits until the heartbeat tells so many slots.
fn has(conn: &mut PgConnection, slots: i64) {
    wait_until(|| number(conn, SLOTS) == slots).unwrap_or_else(|()| panic!("{} slots", number(conn, SLOTS)));
}

/// Waits for the decision with this reason.
fn decision(conn: &mut PgConnection, reason: &str) -> PoolSize {
    let mut found = None;
    let mut look = || {
        found = of_node(conn, "test", 100).unwrap().into_iter().find(|size| size.reason == reason);
        found.is_some()
    };
    wait_until(&mut look).unwrap_or_else(|()| panic!("no decision with the reason {reason:?}"));
    found.unwrap()
}

fn all_end(conn: &mut PgConnection, kept: &Kept, jobs: i64) {
    kept.let_go(usize::MAX / 2);
    let done = "SELECT count(*) AS number FROM millrace.history WHERE state = 'succeeded'";
    wait_until(|| number(conn, done) == jobs).unwrap_or_else(|()| panic!("{} of {jobs}", number(conn, done)));
}

#[test]
fn a_running_node_grows_and_shrinks_while_jobs_run_and_loses_none() {
    let (db, mut conn, kept) = stage(60);
    let _engine = start(&db, &kept, |_| ());
    settles_at(&kept, 8);

    set(&mut conn, Some((3, 16)));
    settles_at(&kept, 16);
    let grown = decision(&mut conn, "somebody set the bounds to 3..16");
    assert_eq!((grown.slots_before, grown.slots_after, grown.applied), (8, 8, true), "{grown:?}");

    set(&mut conn, Some((2, 4)));
    has(&mut conn, 4);
    let shrunk = decision(&mut conn, "somebody set the bounds to 2..4");
    assert_eq!((shrunk.slots_before, shrunk.slots_after, shrunk.busy), (16, 4, 16), "{shrunk:?}");
    settles_at(&kept, 16); // what runs goes on

    kept.let_go(10);
    settles_at(&kept, 6); // the others took nothing more: 6 of the 16 are left
    kept.let_go(6);
    settles_at(&kept, 4);
    kept.let_go(12);
    settles_at(&kept, 4);

    set(&mut conn, None);
    settles_at(&kept, 8);
    let again = decision(&mut conn, "the bounds are 2..8 again, as the node's own setting says");
    assert_eq!((again.slots_before, again.slots_after), (4, 4), "{again:?}");
    all_end(&mut conn, &kept, 60);
}

#[test]
fn a_raised_minimum_is_there_at_once_although_nothing_waits() {
    let (db, mut conn, kept) = stage(0);
    let _engine = start(&db, &kept, |settings| settings.slots = SlotBounds { min: 2, max: 2 });
    has(&mut conn, 2);

    set(&mut conn, Some((20, 40)));

    has(&mut conn, 20);
    let size = decision(&mut conn, "somebody set the bounds to 20..40");
    assert_eq!((size.slots_before, size.slots_after, size.busy, size.applied), (2, 20, 0, true));
    enqueue_many(&mut conn, "kept", 50);
    settles_at(&kept, 40);
    all_end(&mut conn, &kept, 50);
}

#[test]
fn a_restart_keeps_the_bounds_and_decides_nothing_anew() {
    let (db, mut conn, kept) = stage(20);
    let engine = start(&db, &kept, |_| ());
    settles_at(&kept, 8);
    set(&mut conn, Some((5, 5)));
    has(&mut conn, 5);
    kept.let_go(usize::MAX / 2);
    engine.drain();
    let said = "SELECT count(*) AS number FROM millrace.pool_sizes WHERE reason LIKE '%bounds%'";
    wait_until(|| number(&mut conn, said) == 1).unwrap();
    statement("UPDATE millrace.nodes SET slots = 0").run(&mut conn).unwrap();
    enqueue_many(&mut conn, "kept", 20);

    let kept = Kept::default();
    let _engine = start(&db, &kept, |_| ());

    settles_at(&kept, 5);
    has(&mut conn, 5);
    assert_eq!(number(&mut conn, said), 1);
    kept.let_go(usize::MAX / 2);
}

#[test]
fn a_dry_run_obeys_the_bounds_of_people_and_not_its_own_decisions() {
    let (db, mut conn, kept) = stage(60);
    let _engine = start(&db, &kept, |settings| settings.scaling.dry_run = true);
    settles_at(&kept, 8);

    set(&mut conn, Some((2, 12)));
    settles_at(&kept, 12);
    let size = decision(&mut conn, "somebody set the bounds to 2..12");
    assert_eq!((size.slots_before, size.slots_after, size.applied), (8, 12, true), "{size:?}");

    set(&mut conn, Some((1, 3)));
    has(&mut conn, 3);
    kept.let_go(30);
    settles_at(&kept, 3);
    all_end(&mut conn, &kept, 60);
    let own = "SELECT count(*) AS number FROM millrace.pool_sizes WHERE reason NOT LIKE '%bounds%' AND applied";
    assert_eq!(number(&mut conn, own), 0);
}

#[test]
fn a_start_with_less_room_lowers_the_bounds_and_leaves_none_alone() {
    const PULSE: Pulse = Pulse {
        slots: 1,
        busy: 0,
        memory_bytes: 0,
        draining: false,
        clock_ms: 0,
        claims: millrace::queue::node::ClaimTime { claims: 0, p50: None, p99: None },
    };
    let db = TestDb::new();
    let mut conn = db.connect();
    let name = NodeName::parse("test").unwrap();
    let start = |conn: &mut PgConnection, slots_ceiling| {
        let labels = Labels::new();
        let who = Introduction {
            name: &name,
            version: "test",
            labels: &labels,
            queues: None,
            slots: (1, 1),
            slots_ceiling,
            commands: "",
        };
        register(conn, &who).unwrap()
    };
    start(&mut conn, 200);
    let me = start(&mut conn, 200);
    assert_eq!(wanted_slots(&mut conn, me).unwrap(), None);
    set(&mut conn, Some((70, 190)));
    let heard = heartbeat(&mut conn, me, &PULSE).unwrap();
    assert_eq!(heard, Heard::Renewed(Wishes { drain: false, slots: Some((70, 190)) }));

    let me = start(&mut conn, 64);

    assert_eq!(wanted_slots(&mut conn, me).unwrap(), Some((64, 64)));
    for bad in [
        "UPDATE millrace.nodes SET wanted_slots_max = 65",
        "UPDATE millrace.nodes SET wanted_slots_min = 0",
        "UPDATE millrace.nodes SET wanted_slots_min = NULL",
        "UPDATE millrace.nodes SET wanted_slots_max = 63",
    ] {
        assert!(statement(bad).run(&mut conn).is_err(), "{bad}");
    }
}
