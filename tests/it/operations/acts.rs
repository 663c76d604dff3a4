//! Each act in sets: to jobs in every place, exactly counted.

use millrace::admin::operations::Bulk;
use millrace::admin::operations::service::{self, OperationError};
use millrace::base::clock::{Clock, SystemClock};
use millrace::base::db::transaction;
use millrace::queue::claim::{Want, claim};
use millrace::queue::control::{self, Came, Wish};
use millrace::queue::job::{JobId, QueueId};
use serde_json::json;

use super::{admin, assert_counted, failed, named, plan, stage, start, work_all};
use crate::support::stage::{enqueue_many, handler_template, number, register_node, state, text};

#[test]
fn a_wish_takes_each_job_from_wherever_it_waits_and_leaves_the_others() {
    let (_db, mut conn) = stage();
    let jobs = enqueue_many(&mut conn, "done", 6);
    let at = SystemClock.now() + chrono::TimeDelta::hours(1);
    transaction(&mut conn, "test", |tx| control::reschedule(tx, jobs[1], "ada", at)).unwrap();
    transaction(&mut conn, "test", |tx| control::hold(tx, jobs[2], "ada", None)).unwrap();
    transaction(&mut conn, "test", |tx| control::cancel(tx, jobs[3], "ada", None)).unwrap();
    transaction(&mut conn, "test", |tx| control::set_priority(tx, jobs[4], 1)).unwrap();
    let missing = JobId(9_999_999);

    let asked = [&jobs[..], &[missing]].concat();
    let wish = Wish::Hold(Some("stock".into()));
    let came = transaction(&mut conn, "test", |tx| control::all(tx, &asked, &wish, "bob")).unwrap();

    let outcomes: Vec<Came> = asked.iter().map(|job| came[job]).collect();
    use millrace::queue::state::JobState::{Cancelled, Held};
    let expected = [
        Came::Done,
        Came::Done,
        Came::NotAllowed(Held),
        Came::NotAllowed(Cancelled),
        Came::Done,
        Came::Done,
        Came::NotFound,
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(state(&mut conn, jobs[0]), "held");
    let by = "SELECT parked_by || ' ' || coalesce(reason, '-') AS text FROM millrace.parked WHERE job_id = $1";
    assert_eq!(text(&mut conn, by, jobs[4]), "bob stock");
    assert_eq!(text(&mut conn, by, jobs[2]), "ada -");
    assert_counted(&mut conn);
}

#[test]
fn running_jobs_are_asked_and_everything_else_is_cancelled_at_once() {
    let (_db, mut conn) = stage();
    let jobs = enqueue_many(&mut conn, "done", 5);
    let node = register_node(&mut conn, "n1");
    let queue = number(&mut conn, "SELECT id::bigint AS number FROM millrace.queues WHERE name = 'default'");
    let queue = QueueId(i32::try_from(queue).unwrap());
    claim(&mut conn, node, &[Want::from_start(queue, 2)], 2).unwrap();

    let operation = start(&mut conn, &admin(), &plan(Bulk::Cancel, "queue:default"));
    assert_eq!(operation.expected, Some(5));
    work_all(&mut conn);

    let ended = service::find(&mut conn, &admin(), operation.id).unwrap();
    assert_eq!((ended.done, ended.asked, ended.skipped, ended.state.as_str()), (3, 2, 0, "done"));
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.intents"), 2);
    assert_eq!(state(&mut conn, jobs[4]), "cancelled");
    assert_counted(&mut conn);
}

#[test]
fn failed_jobs_are_retried_and_discarded_ones_count_as_cancelled() {
    let (_db, mut conn) = stage();
    let jobs = failed(&mut conn, 3);

    start(&mut conn, &admin(), &named(Bulk::Discard, &jobs[..2]));
    work_all(&mut conn);
    assert_eq!([state(&mut conn, jobs[0]), state(&mut conn, jobs[2])], ["cancelled", "failed"]);
    let told = "SELECT ended_by || '|' || error || '|' || fingerprint AS text FROM millrace.history WHERE job_id = $1";
    assert_eq!(text(&mut conn, told, jobs[0]), "cli:root|discarded by cli:root: stock count|aaaa1111");
    assert_counted(&mut conn);

    start(&mut conn, &admin(), &plan(Bulk::Retry, "state:failed,cancelled"));
    work_all(&mut conn);
    assert!(jobs.iter().all(|job| state(&mut conn, *job) == "ready"));
    assert_counted(&mut conn);
}

#[test]
fn a_job_that_moves_to_another_queue_is_not_counted_as_enqueued_again() {
    let (_db, mut conn) = stage();
    handler_template(&mut conn, "other", json!({ "queue": "slow" }));
    enqueue_many(&mut conn, "other", 1);
    let jobs = enqueue_many(&mut conn, "done", 3);
    transaction(&mut conn, "test", |tx| control::hold(tx, jobs[0], "ada", None)).unwrap();

    start(&mut conn, &admin(), &named(Bulk::Move("slow".into()), &jobs));
    work_all(&mut conn);

    let moved = "SELECT count(*) AS number FROM millrace.ready r JOIN millrace.queues q ON q.id = r.queue_id WHERE q.name = 'slow'";
    assert_eq!((number(&mut conn, moved), state(&mut conn, jobs[0]).as_str()), (3, "held"));
    assert_counted(&mut conn);
    millrace::queue::counts::fold(&mut conn).unwrap();
    assert_counted(&mut conn);
    let enqueued = "SELECT sum(enqueued)::bigint AS number FROM millrace.rollups WHERE step_s = 60";
    assert_eq!(number(&mut conn, enqueued), 4);
    let refused = service::start(&mut conn, &SystemClock, &admin(), &named(Bulk::Move("none".into()), &jobs), None);
    assert!(matches!(refused, Err(OperationError::NoQueue(name)) if name == "none"));
}

#[test]
fn priority_and_time_are_changed_where_jobs_wait() {
    let (_db, mut conn) = stage();
    let jobs = enqueue_many(&mut conn, "done", 3);
    let at = SystemClock.now() + chrono::TimeDelta::hours(1);

    start(&mut conn, &admin(), &named(Bulk::Reschedule(at), &jobs[..1]));
    start(&mut conn, &admin(), &named(Bulk::Priority(1), &jobs));
    work_all(&mut conn);

    assert_eq!(state(&mut conn, jobs[0]), "scheduled");
    let first = "SELECT count(*) AS number FROM (SELECT priority FROM millrace.ready UNION ALL SELECT priority FROM millrace.scheduled) AS p WHERE priority = 1";
    assert_eq!(number(&mut conn, first), 3);
    start(&mut conn, &admin(), &plan(Bulk::Retry, "state:scheduled"));
    work_all(&mut conn);
    assert_eq!(state(&mut conn, jobs[0]), "ready");
    assert_counted(&mut conn);
}

#[test]
fn ending_jobs_of_an_ordering_key_lets_the_next_in() {
    let (_db, mut conn) = stage();
    let mut enqueue =
        || number(&mut conn, "SELECT millrace.enqueue('done', '{}', ordering_key => 'customer-1') AS number");
    let jobs: Vec<JobId> = (0..3).map(|_| JobId(enqueue())).collect();
    millrace::queue::turns::answer(&mut conn).unwrap();
    assert_eq!(state(&mut conn, jobs[0]), "ready");

    start(&mut conn, &admin(), &named(Bulk::Cancel, &jobs[..2]));
    work_all(&mut conn);

    assert_eq!([state(&mut conn, jobs[0]), state(&mut conn, jobs[1])], ["cancelled", "cancelled"]);
    assert_eq!(state(&mut conn, jobs[2]), "ready");
    start(&mut conn, &admin(), &named(Bulk::Retry, &jobs[..2]));
    work_all(&mut conn);
    millrace::queue::turns::answer(&mut conn).unwrap();
    assert_eq!(
        [state(&mut conn, jobs[0]), state(&mut conn, jobs[2])],
        ["gated", "ready"],
        "it stands behind the others"
    );
}
