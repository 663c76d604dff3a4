//! How fast the console is over a history of millions: every page and filter, as a browser asks for them.
//!
//! ```text
//! fill ─▶ a fixture: finished, failed and waiting jobs of many templates, queues, nodes, arguments, over thirty days
//! visit ─▶ the web server of this program, signed in as an admin ─▶ milliseconds and bytes of each answer
//! ```
mod fill;
mod pages;
pub(super) mod visit;

use std::time::Instant;

use serde_json::{Value, json};

use super::place::Place;
use super::{BenchError, Figures, Serve, machine, say};
use crate::base::db::{DbError, PgConnection, statement};
use visit::{Visit, Visitor};

/// Name of the database that is kept between runs.
const KEPT: &str = "millrace_console_fixture";

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixture {
    /// Finished jobs, the failed ones among them.
    pub finished: u32,
    /// Failed jobs, at most one in twenty of the finished.
    pub failed: u32,
    /// Jobs that wait: in line, for their time, for their backoff, for a release.
    pub waiting: u32,
    /// How often each page is asked for.
    pub visits: u32,
    /// Keep the fixture for the next run, and use the one that is there.
    pub kept: bool,
}

/// Fills and visits.
pub(super) fn run(url: &str, fixture: Fixture, serve: &Serve<'_>) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("console");
    figures.settings = machine::describe(&mut super::place::connect(url)?)?;
    for (name, number) in [("finished", fixture.finished), ("failed", fixture.failed), ("waiting", fixture.waiting)] {
        figures.settings.insert(name, number.into());
    }
    figures.settings.insert("visits", fixture.visits.into());
    let place = if fixture.kept { Place::kept(url, KEPT)? } else { Place::migrated(url)? };
    let mut conn = place.connect()?;
    if !is_filled(&mut conn)? {
        let begun = Instant::now();
        fill::fill(&mut conn, fixture)?;
        figures.add("fill_seconds", begun.elapsed().as_secs_f64().round());
    }
    figures.more.insert("database_bytes", size(&mut conn)?.into());
    let visited = visit_all(&place, fixture, serve)?;
    tell(&mut figures, &visited);
    Ok(figures)
}

fn is_filled(conn: &mut PgConnection) -> Result<bool, DbError> {
    const SQL: &str = "-- bench::console::is_filled
SELECT count(*) FROM (SELECT FROM millrace.history LIMIT 1) AS any_ended";
    Ok(statement(SQL).tuples::<diesel::sql_types::BigInt, i64>(conn)?.first().is_some_and(|rows| *rows > 0))
}

fn size(conn: &mut PgConnection) -> Result<i64, DbError> {
    const SQL: &str = "-- bench::console::size
SELECT pg_database_size(current_database())";
    Ok(statement(SQL).tuples::<diesel::sql_types::BigInt, i64>(conn)?.first().copied().unwrap_or(0))
}

fn visit_all(place: &Place, fixture: Fixture, serve: &Serve<'_>) -> Result<Vec<Visit>, BenchError> {
    let mut visitor = Visitor::enter(place, serve)?;
    let mut visited = Vec::new();
    for path in pages::all(fixture) {
        let visit = visitor.visit(&path, fixture.visits)?;
        say(&format!(
            "{:>7.1} ms p95 {:>7.1} max {:>6} B {} {path}",
            visit.p50_ms, visit.max_ms, visit.bytes, visit.status
        ));
        visited.push(visit);
    }
    Ok(visited)
}

/// The figures over all pages, and each page by itself, the slowest first.
fn tell(figures: &mut Figures, visited: &[Visit]) {
    let mut by_time: Vec<&Visit> = visited.iter().collect();
    by_time.sort_by(|one, other| other.p95_ms.total_cmp(&one.p95_ms));
    let all: Vec<f64> = visited.iter().flat_map(|visit| visit.times_ms.iter().copied()).collect();
    figures.p50_ms = Some(visit::quantile(&all, 0.5));
    figures.p95_ms = Some(visit::quantile(&all, 0.95));
    figures.p99_ms = Some(visit::quantile(&all, 0.99));
    figures.add("max_ms", visit::quantile(&all, 1.0));
    let slow = |limit: f64| visited.iter().filter(|visit| visit.p95_ms > limit).count();
    figures.more.insert("pages", visited.len().into());
    figures.more.insert("pages_over_200_ms", slow(200.0).into());
    figures.more.insert("pages_over_2_s", slow(2_000.0).into());
    figures.more.insert("pages_refused", visited.iter().filter(|visit| visit.status != 200).count().into());
    figures.more.insert("each", by_time.into_iter().map(line).collect());
}

fn line(visit: &Visit) -> Value {
    json!({ "path": visit.path, "status": visit.status, "p50_ms": visit.p50_ms, "p95_ms": visit.p95_ms, "max_ms": visit.max_ms, "bytes": visit.bytes })
}
