//! Keeping what was seen: the whole of the last look, and a narrow row per look for an hour.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Jsonb, Nullable, Timestamptz};

use super::{Moment, Sample, take};
use crate::admin::health::slots;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};

/// Time between two looks.
pub const KEEP_EVERY: Duration = Duration::from_secs(10);
/// Every node has the duty; who comes this soon after another leaves it.
const TOO_SOON_MS: i32 = 8_000;
/// How long the course is kept.
const COURSE_S: i32 = 3_600;
/// Rows of the course; more would be several per second.
const MOMENTS_MAX: i64 = 720;

/// Looks and keeps what it saw, unless another node has just done so. A duty; tells how many looks it kept.
///
/// # Errors
/// Database failures.
pub fn keep(conn: &mut PgConnection) -> Result<usize, DbError> {
    if !is_due(conn)? {
        return Ok(0);
    }
    let sample = take(conn)?;
    transaction(conn, "health::keep", |tx| {
        write_now(tx, &sample)?;
        write_moment(tx, &sample)?;
        slots::note(tx)?;
        forget(tx)?;
        Ok(1)
    })
}

#[derive(QueryableByName)]
struct Due {
    #[diesel(sql_type = Bool)]
    due: bool,
}

/// Two nodes may both find it due: both looks are then kept, which harms nobody.
fn is_due(conn: &mut PgConnection) -> Result<bool, DbError> {
    const SQL: &str = "-- admin::health::is_due
SELECT NOT EXISTS (SELECT FROM millrace.health_now WHERE at > clock_timestamp() - $1 * interval '1 ms' AND at <= clock_timestamp()) AS due";
    let row: Option<Due> = statement(SQL).bind::<Integer, _>(TOO_SOON_MS).row(conn)?;
    Ok(row.is_some_and(|row| row.due))
}

fn write_now(tx: &mut Tx<'_>, sample: &Sample) -> Result<(), DbError> {
    const SQL: &str = "-- admin::health::write_now
INSERT INTO millrace.health_now (at, sample) VALUES ($1, $2) ON CONFLICT (one) DO UPDATE SET at = excluded.at, sample = excluded.sample
WHERE millrace.health_now.at < excluded.at"; // a slow node's look is older
    let whole = serde_json::to_value(sample).map_err(|error| DbError::Corrupt(error.to_string()))?;
    statement(SQL).bind::<Timestamptz, _>(sample.at).bind::<Jsonb, _>(whole).run(tx)?;
    Ok(())
}

fn write_moment(tx: &mut Tx<'_>, sample: &Sample) -> Result<(), DbError> {
    const SQL: &str = "-- admin::health::write_moment
INSERT INTO millrace.health_samples (at, snapshot_age_ms, dead_rows, connections, claim_p50_us, claim_p99_us)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (at) DO NOTHING";
    let micros = |ms: Option<f64>| ms.map(|ms| (ms * 1e3) as i32);
    let (p50, p99) = sample.claim_ms();
    statement(SQL)
        .bind::<Timestamptz, _>(sample.at)
        .bind::<BigInt, _>(sample.snapshot_age_ms())
        .bind::<BigInt, _>(sample.dead_rows())
        .bind::<Integer, _>(sample.connections.used)
        .bind::<Nullable<Integer>, _>(micros(p50))
        .bind::<Nullable<Integer>, _>(micros(p99))
        .run(tx)?;
    Ok(())
}

fn forget(tx: &mut Tx<'_>) -> Result<(), DbError> {
    const SQL: &str = "-- admin::health::forget
DELETE FROM millrace.health_samples WHERE at = ANY(ARRAY(
    SELECT at FROM millrace.health_samples WHERE at < clock_timestamp() - $1 * interval '1 s' ORDER BY at LIMIT $2))";
    statement(SQL).bind::<Integer, _>(COURSE_S).bind::<BigInt, _>(MOMENTS_MAX).run(tx)?;
    Ok(())
}

#[derive(QueryableByName)]
struct Stored {
    #[diesel(sql_type = Timestamptz)]
    now: Time,
    #[diesel(sql_type = Nullable<Jsonb>)]
    sample: Option<serde_json::Value>,
}

/// Reads the last look and the database's time. What a node of another version wrote and this one cannot read counts as none.
pub(super) fn stored(conn: &mut PgConnection) -> Result<(Option<Sample>, Time), DbError> {
    const SQL: &str = "-- admin::health::stored
SELECT clock_timestamp() AS now, (SELECT sample FROM millrace.health_now) AS sample";
    let row: Option<Stored> = statement(SQL).row(conn)?;
    let row = row.ok_or(DbError::Other(diesel::result::Error::NotFound))?;
    let readable = |value| match serde_json::from_value(value) {
        Ok(sample) => Some(sample),
        Err(error) => {
            tracing::debug!(%error, "the stored health is of another version");
            None
        }
    };
    Ok((row.sample.and_then(readable), row.now))
}

/// Reads the last hour, oldest first.
///
/// # Errors
/// Database failures.
pub fn course(conn: &mut PgConnection) -> Result<Vec<Moment>, DbError> {
    const SQL: &str = "-- admin::health::course
SELECT at, snapshot_age_ms, dead_rows, connections, claim_p50_us, claim_p99_us
FROM (SELECT * FROM millrace.health_samples WHERE at > clock_timestamp() - $1 * interval '1 s' ORDER BY at DESC LIMIT $2) AS newest ORDER BY at";
    statement(SQL).bind::<Integer, _>(COURSE_S).bind::<BigInt, _>(MOMENTS_MAX).rows(conn)
}
