//! Chunk by chunk: nothing twice, nothing beyond what was meant, whoever works and whatever happens meanwhile.

use std::thread;

use millrace::admin::jobs::query::parse;
use millrace::admin::operations::results::Results;
use millrace::admin::operations::service::{self, OperationError};
use millrace::admin::operations::turn::{Turn, turn};
use millrace::admin::operations::work::{forget_old, work};
use millrace::admin::operations::{Bulk, Format, OperationId, Plan, Which, part};
use millrace::base::clock::{Clock, ManualClock, SystemClock};
use millrace::base::db::{PgConnection, transaction};
use millrace::queue::control;

use super::{admin, assert_counted, failed, named, plan, stage, start, work_all};
use crate::support::stage::{enqueue_many, number, state};

const CHANGED: &str =
    "SELECT count(DISTINCT id) AS number FROM millrace.operation_chunks c CROSS JOIN unnest(c.done) AS d(id)";
const NAMED: &str = "SELECT count(*) AS number FROM millrace.operation_chunks c CROSS JOIN unnest(c.done) AS d(id)";

#[test]
fn two_nodes_that_work_at_once_do_each_job_once() {
    let (db, mut conn) = stage();
    failed(&mut conn, 1_500);
    let operation = start(&mut conn, &admin(), &plan(Bulk::Retry, "state:failed"));

    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| work_all(&mut db.connect()));
        }
    });
    work_all(&mut conn);

    let ended = service::find(&mut conn, &admin(), operation.id).unwrap();
    assert_eq!((ended.done, ended.skipped, ended.state.as_str(), ended.expected), (1_500, 0, "done", Some(1_500)));
    assert_eq!((number(&mut conn, CHANGED), number(&mut conn, NAMED)), (1_500, 1_500));
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.ready"), 1_500);
    assert_counted(&mut conn);
    let audited = "SELECT count(*) AS number FROM millrace.audit WHERE subject_kind = 'operation' OR subject_kind = 'job' AND act = 'job.retry'";
    assert_eq!(number(&mut conn, audited), 2, "once at the start and once at the end");
}

#[test]
fn it_stops_after_its_chunk_and_goes_on_where_it_was() {
    let (_db, mut conn) = stage();
    let jobs = failed(&mut conn, 450);
    let operation = start(&mut conn, &admin(), &plan(Bulk::Retry, "state:failed"));
    work(&mut conn, &SystemClock).unwrap();

    let stopped = turn(&mut conn, &admin(), operation.id, (Turn::Stop, "too fast")).unwrap();
    assert_eq!((stopped.done, stopped.ended_by.as_deref()), (200, Some("cli:root")));
    assert_eq!(work(&mut conn, &SystemClock).unwrap(), 0, "a stopped one is not due");
    let again = turn(&mut conn, &admin(), operation.id, (Turn::Stop, ""));
    assert!(matches!(again, Err(OperationError::NotAllowed(_, "stopped", "stopped"))));

    // those that were met already and failed again are not met again
    super::fail(&mut conn, &jobs[400..]);
    let later = failed(&mut conn, 3);
    turn(&mut conn, &admin(), operation.id, (Turn::Resume, "")).unwrap();
    work_all(&mut conn);

    let ended = service::find(&mut conn, &admin(), operation.id).unwrap();
    assert_eq!((ended.done, ended.state.as_str()), (450, "done"));
    assert_eq!(state(&mut conn, jobs[449]), "failed");
    assert_eq!(state(&mut conn, later[0]), "failed", "it came after the start");
    assert!(matches!(
        turn(&mut conn, &admin(), operation.id, (Turn::Resume, "")),
        Err(OperationError::NotAllowed(_, "done", "resumed"))
    ));
}

#[test]
fn a_chunk_that_breaks_off_has_done_nothing() {
    let (db, mut conn) = stage();
    failed(&mut conn, 300);
    let operation = start(&mut conn, &admin(), &plan(Bulk::Retry, "state:failed"));
    diesel::connection::SimpleConnection::batch_execute(
        &mut conn,
        "CREATE FUNCTION millrace.no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''the power went''; END';
         CREATE TRIGGER no BEFORE INSERT ON millrace.operation_chunks FOR EACH ROW EXECUTE FUNCTION millrace.no()",
    )
    .unwrap();

    assert!(work(&mut db.connect(), &SystemClock).is_err());
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.ready"), 0);

    diesel::connection::SimpleConnection::batch_execute(&mut conn, "DROP TRIGGER no ON millrace.operation_chunks")
        .unwrap();
    work_all(&mut conn);
    assert_eq!(service::find(&mut conn, &admin(), operation.id).unwrap().done, 300);
    assert_counted(&mut conn);
}

#[test]
fn jobs_that_changed_meanwhile_are_left_alone_and_listed() {
    let (_db, mut conn) = stage();
    let jobs = enqueue_many(&mut conn, "done", 3);
    let operation = start(&mut conn, &admin(), &named(Bulk::Hold, &jobs));
    transaction(&mut conn, "test", |tx| control::cancel(tx, jobs[1], "ada", None)).unwrap();

    work_all(&mut conn);

    let (left, next) = service::skipped(&mut conn, &admin(), operation.id, 0).unwrap();
    let told: Vec<_> = left.iter().map(|one| (one.job, one.reason.as_str())).collect();
    assert_eq!((told, next), (vec![(jobs[1], "it is cancelled, so it cannot be held")], None));
    let csv = results(&mut conn, operation.id).concat();
    assert!(csv.starts_with("job,outcome,reason,at\n") && csv.lines().count() == 4, "{csv}");
    assert!(csv.contains(&format!("{},left alone,\"it is cancelled, so it cannot be held\",", jobs[1])), "{csv}");
}

/// Reads the parts of the table of what became of each job.
fn results(conn: &mut PgConnection, id: OperationId) -> Vec<String> {
    let mut results = Results::begin(conn, &admin(), id).unwrap();
    let parts = std::iter::from_fn(|| results.next(conn).unwrap());
    parts.map(|part| String::from_utf8(part).unwrap()).collect()
}

#[test]
fn the_table_of_what_became_of_each_job_holds_all_and_comes_in_parts() {
    let (_db, mut conn) = stage();
    let jobs = enqueue_many(&mut conn, "done", 1);
    let operation = start(&mut conn, &admin(), &named(Bulk::Hold, &jobs));
    work_all(&mut conn);
    assert_eq!(results(&mut conn, operation.id).len(), 1);

    // more than the half million jobs at which it ended once
    diesel::connection::SimpleConnection::batch_execute(
        &mut conn,
        "DELETE FROM millrace.operation_chunks;
         INSERT INTO millrace.operation_chunks (operation_id, number, done, asked, skipped, reasons)
         SELECT (SELECT max(id) FROM millrace.operations), n, ARRAY(SELECT generate_series(n * 200 - 199, n * 200)), '{}', '{}', '{}'
         FROM generate_series(1, 2601) AS n;
         UPDATE millrace.operations SET chunks = 2600",
    )
    .unwrap();

    let parts = results(&mut conn, operation.id);

    assert_eq!(parts.len(), 52, "each part is 50 chunks");
    let lines: Vec<&str> = parts.iter().flat_map(|part| part.lines()).collect();
    assert_eq!(lines.len(), 520_001, "a heading and a line for each job, without the chunk that came meanwhile");
    assert!(lines[0] == "job,outcome,reason,at" && lines[1].starts_with("1,held,,"), "{:?}", &lines[..2]);
    assert!(lines[520_000].starts_with("520000,held,,"), "{}", lines[520_000]);
}

#[test]
fn a_file_ends_at_a_million_jobs_also_when_they_could_not_be_counted() {
    let (_db, mut conn) = stage();
    failed(&mut conn, 250);
    let operation = start(&mut conn, &admin(), &plan(Bulk::Export(Format::Csv), "state:failed"));
    let uncounted = "UPDATE millrace.operations SET expected = NULL, done = 999900, looked = 999900";
    diesel::connection::SimpleConnection::batch_execute(&mut conn, uncounted).unwrap();

    work_all(&mut conn);

    let ended = service::find(&mut conn, &admin(), operation.id).unwrap();
    assert_eq!((ended.done, ended.state.as_str()), (1_000_000, "failed"), "the last chunk goes up to the bound");
    let why = ended.trouble.unwrap();
    assert!(why.contains("1,000,000 jobs, as many as a file may have") && why.contains("filter for fewer"), "{why}");
    let file = service::file_format(&mut conn, &admin(), operation.id);
    assert!(matches!(file, Err(OperationError::NoFile(_))), "a file that lacks jobs would look whole");

    // as many as there is room for are no more than that
    let operation = start(&mut conn, &admin(), &plan(Bulk::Export(Format::Csv), "state:failed"));
    let uncounted =
        format!("{uncounted}, done = 999750 WHERE id = {}", operation.id).replacen("done = 999900, ", "", 1);
    diesel::connection::SimpleConnection::batch_execute(&mut conn, &uncounted).unwrap();
    work_all(&mut conn);
    let ended = service::find(&mut conn, &admin(), operation.id).unwrap();
    assert_eq!((ended.done, ended.state.as_str()), (1_000_000, "done"));
}

#[test]
fn a_rate_is_kept_and_ago_counts_from_the_start() {
    let (_db, mut conn) = stage();
    failed(&mut conn, 30);
    let clock = ManualClock::at(SystemClock.now() - chrono::TimeDelta::hours(2));
    let query = parse("state:failed created:>-1h");
    assert_eq!(query.problems, []);
    let slow = Plan { which: Which::Query(query.query), rate_per_s: Some(10), ..plan(Bulk::Retry, "") };
    let operation = service::start(&mut conn, &clock, &admin(), &slow, None).unwrap();

    // two hours later the jobs are older than one hour, but they were not when it was asked
    work(&mut conn, &SystemClock).unwrap();
    assert_eq!(work(&mut conn, &SystemClock).unwrap(), 0, "the next ten have to wait for their second");
    let begun = service::find(&mut conn, &admin(), operation.id).unwrap();
    assert_eq!((begun.done, begun.state.as_str()), (10, "running"));
    assert!(begun.rate().is_some_and(|rate| (9.0..=10.5).contains(&rate)), "{:?}", begun.rate());
}

#[test]
fn an_export_holds_exactly_what_the_filter_finds_and_only_what_its_owner_sees() {
    let (_db, mut conn) = stage();
    failed(&mut conn, 250);
    enqueue_many(&mut conn, "done", 3);
    let csv = plan(Bulk::Export(Format::Csv), "state:failed arg.n:<=240");

    let operation = start(&mut conn, &admin(), &csv);
    assert!(matches!(service::file_format(&mut conn, &admin(), operation.id), Err(OperationError::NoFile(_))));
    work_all(&mut conn);

    assert_eq!(service::file_format(&mut conn, &admin(), operation.id).unwrap(), Format::Csv);
    let (mut text, mut after) = (Vec::new(), 0);
    while let Some((number, part)) = part(&mut conn, operation.id, after).unwrap() {
        text.extend(part);
        after = number;
    }
    let text = String::from_utf8(text).unwrap();
    assert_eq!((text.lines().count(), after), (241, 2), "a heading and a line for each");
    assert!(text.starts_with("id,state,template,") && text.contains("no such file") && !text.contains("ready"));
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.history"), 250, "nothing was done to them");
    let viewer = millrace::queue::actor::Actor { role: millrace::queue::permission::Role::Viewer, ..admin() };
    let refused = service::start(&mut conn, &SystemClock, &viewer, &csv, None);
    assert!(matches!(refused, Err(OperationError::Forbidden(_))));
    diesel::connection::SimpleConnection::batch_execute(
        &mut conn,
        "UPDATE millrace.operations SET started_at = started_at - interval '8 days', finished_at = finished_at - interval '8 days'",
    )
    .unwrap();
    assert_eq!(forget_old(&mut conn).unwrap(), 1);
    assert!(matches!(service::file_format(&mut conn, &admin(), operation.id), Err(OperationError::NoFile(_))));
    assert!(service::find(&mut conn, &admin(), operation.id).is_ok(), "what was done is kept longer");
}
