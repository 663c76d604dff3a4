//! What many schedules cost: a look that fires a few of them, a second in which thousands are due, and the pages over all of them.

use std::time::Instant;

use diesel::sql_types::{BigInt, Integer};

use super::console::visit::Visitor;
use super::figures::quantiles;
use super::place::Place;
use super::stage::publish;
use super::{BenchError, Figures, Serve, machine, say};
use crate::base::db::{DbError, PgConnection, keep_plans, statement};
use crate::queue::schedules::{Plans, fire};

/// Schedules that are due in a measured look.
const FEW: i32 = 100;
/// Schedules that are due in one second.
const MANY: i32 = 5_000;
/// Looks that are measured.
const LOOKS: usize = 50;
/// Rounds of the second in which many are due.
const ROUNDS: usize = 5;
/// Visits of each page.
const VISITS: u32 = 20;

pub(super) fn run(url: &str, schedules: u32, serve: &Serve<'_>) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("schedules");
    figures.settings = machine::describe(&mut super::place::connect(url)?)?;
    figures.settings.insert("schedules", schedules.into());
    let place = Place::migrated(url)?;
    let mut conn = place.connect()?;
    keep_plans(&mut conn)?;
    publish(&mut conn)?;
    fill(&mut conn, schedules)?;
    let mut plans = Plans::default();
    let (mut looks, cold) = looks(&mut conn, &mut plans)?;
    let [p50, p95, p99] = quantiles(&mut looks);
    figures.add("first_look_ms", cold);
    for (name, value) in [("look_p50_ms", p50), ("look_p95_ms", p95), ("look_p99_ms", p99)] {
        figures.add(name, value);
    }
    let mut seconds = seconds_with_many(&mut conn, &mut plans)?;
    seconds.sort_by(f64::total_cmp);
    figures.add("many_due_ms", seconds[seconds.len() / 2]);
    figures.add("many_due_max_ms", seconds.last().copied().unwrap_or_default());
    let mut visitor = Visitor::enter(&place, serve)?;
    for (name, path) in [
        ("list_p95_ms", "/schedules"),
        ("search_p95_ms", "/schedules?q=bench-999"),
        ("paused_p95_ms", "/schedules?state=paused"),
        ("by_next_run_p95_ms", "/schedules?sort=next"),
        ("day_p95_ms", "/schedules/calendar"),
        ("one_p95_ms", "/schedules/bench-7"),
    ] {
        let visit = visitor.visit(path, VISITS)?;
        say(&format!("{:>7.1} ms p50 {:>7.1} p95 {} {path}", visit.p50_ms, visit.p95_ms, visit.status));
        figures.add(name, visit.p95_ms);
    }
    Ok(figures)
}

/// Every second schedule runs every hour, the others every day, each at a minute of its own, under the usual policy; a hundredth is paused.
fn fill(conn: &mut PgConnection, schedules: u32) -> Result<(), DbError> {
    const SQL: &str = "-- bench::schedules::fill
WITH made AS (
    INSERT INTO millrace.schedules (name, template_id, version, decided_until, due_at, next_at, created_by, updated_by, said, paused_at, paused_by)
    SELECT 'bench-' || n, t.id, 1, clock_timestamp(), now() + interval '2 hours' + n * interval '10 ms', now() + interval '2 hours' + n * interval '10 ms',
        'bench', 'bench', 'bench-' || n || ' bench.noop', CASE WHEN n % 100 = 50 THEN now() END, CASE WHEN n % 100 = 50 THEN 'bench' END
    FROM generate_series(1, $1) AS n CROSS JOIN millrace.templates t RETURNING id, name
)
INSERT INTO millrace.schedule_versions (schedule_id, version, spec, created_by)
SELECT id, 1, jsonb_build_object('kind', 'Schedule', 'name', name, 'template', 'bench.noop', 'timezone', 'Europe/Rome', 'rules', jsonb_build_array(
    CASE WHEN id % 2 = 0 THEN jsonb_build_object('cron', id % 60 || ' * * * *') ELSE jsonb_build_object('cron', id % 60 || ' ' || id % 24 || ' * * *') END)), 'bench'
FROM made";
    const SECONDLY: &str = "-- bench::schedules::secondly
INSERT INTO millrace.schedule_versions (schedule_id, version, spec, created_by)
SELECT v.schedule_id, 2, v.spec || '{\"rules\": [{\"every\": \"1s\"}]}', 'bench' FROM millrace.schedule_versions v JOIN millrace.schedules s ON s.id = v.schedule_id AND s.paused_at IS NULL ORDER BY v.schedule_id LIMIT $1";
    const FORCE: &str = "-- bench::schedules::force
UPDATE millrace.schedules s SET version = 2, stamp = 2 FROM millrace.schedule_versions v WHERE v.schedule_id = s.id AND v.version = 2";
    say(&format!("{schedules} schedules"));
    statement(SQL).bind::<Integer, _>(i32::try_from(schedules).unwrap_or(i32::MAX)).run(conn)?;
    statement(SECONDLY).bind::<Integer, _>(MANY).run(conn)?;
    statement(FORCE).run(conn)?;
    super::place::execute(conn, "VACUUM (ANALYZE)")
}

/// Makes the first `most` schedules due: each has missed one second, was decided up to it, and has no job that its policy would mind.
fn make_due(conn: &mut PgConnection, most: i32) -> Result<(), DbError> {
    const SQL: &str = "-- bench::schedules::make_due
UPDATE millrace.schedules s SET decided_until = date_trunc('second', clock_timestamp()) - interval '1 ms', due_at = date_trunc('second', clock_timestamp())
FROM (SELECT id FROM millrace.schedules WHERE version = 2 AND paused_at IS NULL ORDER BY id LIMIT $1) AS few WHERE s.id = few.id";
    const IDLE: &str = "-- bench::schedules::idle
UPDATE millrace.schedules s SET due_at = clock_timestamp() + interval '1 hour' WHERE s.due_at < clock_timestamp() + interval '1 hour'";
    const FORGET: &str = "-- bench::schedules::forget
WITH jobs AS (DELETE FROM millrace.schedule_jobs) DELETE FROM millrace.occurrences";
    statement(IDLE).run(conn)?;
    statement(FORGET).run(conn)?;
    statement(SQL).bind::<Integer, _>(most).run(conn)?;
    Ok(())
}

/// Gives how long looks took that fire a few, in milliseconds, and the first one, which has no plan yet.
fn looks(conn: &mut PgConnection, plans: &mut Plans) -> Result<(Vec<f64>, f64), BenchError> {
    let mut all = Vec::new();
    for _ in 0..=LOOKS {
        make_due(conn, FEW)?;
        let begun = Instant::now();
        let fired = fire(conn, plans, &mut || 0)?;
        all.push(begun.elapsed().as_secs_f64() * 1e3);
        enough(fired.jobs, FEW)?;
    }
    let cold = all.remove(0);
    Ok((all, cold))
}

/// Gives how long it took until all of many that are due at once had their jobs, in milliseconds.
fn seconds_with_many(conn: &mut PgConnection, plans: &mut Plans) -> Result<Vec<f64>, BenchError> {
    const DUE: &str = "-- bench::schedules::due
SELECT count(*) FROM (SELECT FROM millrace.occurrences o LIMIT $1) AS made";
    let mut all = Vec::new();
    for round in 0..ROUNDS {
        say(&format!("{MANY} due at once, round {}", round + 1));
        make_due(conn, MANY)?;
        let begun = Instant::now();
        let mut made = 0;
        while made < usize::try_from(MANY).unwrap_or_default() {
            let fired = fire(conn, plans, &mut || 0)?;
            if fired.schedules == 0 {
                break;
            }
            made += fired.jobs;
        }
        all.push(begun.elapsed().as_secs_f64() * 1e3);
        let rows = statement(DUE).bind::<Integer, _>(MANY).tuples::<BigInt, i64>(conn)?.pop().unwrap_or_default();
        enough(usize::try_from(rows).unwrap_or_default(), MANY)?;
    }
    Ok(all)
}

/// A measurement of what was not done tells nothing.
fn enough(jobs: usize, wanted: i32) -> Result<(), BenchError> {
    let (done, jobs) = (jobs as u64, u64::from(wanted.unsigned_abs()));
    if done >= jobs { Ok(()) } else { Err(BenchError::Stuck { done, jobs, seconds: 0 }) }
}
