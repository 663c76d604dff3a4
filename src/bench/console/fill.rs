//! A fixture as thirty days of an organisation leave it, written straight into the tables.

use diesel::sql_types::{Array, BigInt, Text};

use super::Fixture;
use crate::base::db::{DbError, PgConnection, statement};
use crate::bench::BenchError;
use crate::bench::place::execute;
use crate::bench::say;
use crate::queue::counts::{FOLD_ROWS_MAX, fold};
use crate::queue::digests::{BLOCK_IDS, digest};
use crate::queue::partitions::IDS_PER_PARTITION;

/// Jobs of one statement.
const CHUNK: u32 = 250_000;
/// Templates; the first is half of all jobs, the last runs once in a hundred thousand.
pub(super) const TEMPLATES: [&str; 12] = [
    "mail.send",
    "catalog.import_csv",
    "images.resize",
    "invoice.render",
    "stock.sync",
    "prices.sync",
    "report.daily",
    "payments.capture",
    "search.reindex",
    "exports.run",
    "gdpr.erase",
    "rare.job",
];
/// Queues; the last holds the last template's jobs.
pub(super) const QUEUES: [&str; 6] = ["mail", "catalog", "media", "billing", "exports", "rare"];
/// Nodes.
pub(super) const NODES: [&str; 3] = ["mil-01", "mil-02", "mil-03"];
/// A word that stands in one job of a million.
pub(super) const NEEDLE: &str = "zyzzyva";

const SETUP: &str = "
INSERT INTO millrace.queues (name) SELECT unnest('{mail,catalog,media,billing,exports,rare}'::text[]) ON CONFLICT DO NOTHING;
INSERT INTO millrace.nodes (name, version, state, slots) SELECT unnest('{mil-01,mil-02,mil-03}'::text[]), 'bench', 'up', 32 ON CONFLICT DO NOTHING;
CREATE TEMP TABLE kinds (n integer PRIMARY KEY, template_id integer, queue_id integer);
";

/// Fills an empty database.
pub(super) fn fill(conn: &mut PgConnection, fixture: Fixture) -> Result<(), BenchError> {
    execute(conn, "SET synchronous_commit = off; SET work_mem = '64MB'")?;
    execute(conn, SETUP)?;
    templates(conn)?;
    let all = i64::from(fixture.finished) + i64::from(fixture.waiting);
    execute(conn, &format!("SELECT millrace.create_partitions({})", all / IDS_PER_PARTITION + 4))?;
    for first in (1..=fixture.finished).step_by(CHUNK as usize) {
        let last = (first + CHUNK - 1).min(fixture.finished);
        say(&format!("{last} of {} finished", fixture.finished));
        let every = fixture.finished / fixture.failed.max(1);
        write(conn, FINISHED, [first.into(), last.into(), fixture.finished.into(), every.into()])?;
    }
    say(&format!("{} waiting", fixture.waiting));
    write(conn, WAITING, [i64::from(fixture.finished) + 1, all, all, 1])?;
    execute(conn, &format!("SELECT setval('millrace.job_seq', {all})"))?;
    execute(conn, "SELECT millrace.create_partitions()")?;
    execute(conn, ROLLUPS)?;
    while fold(conn)? as i64 >= FOLD_ROWS_MAX {}
    execute(conn, "VACUUM (ANALYZE)")?;
    say("digests");
    for block in 0..all / BLOCK_IDS {
        digest(conn, block)?; // the last block is not complete
    }
    for chore in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
        say(chore);
        execute(conn, chore)?;
    }
    Ok(())
}

fn templates(conn: &mut PgConnection) -> Result<(), DbError> {
    const SQL: &str = r#"-- bench::console::templates
WITH named AS (
    SELECT name, n::integer AS n FROM unnest($1::text[]) WITH ORDINALITY AS t(name, n)
), made AS (
    INSERT INTO millrace.templates (name, created_by, state, latest_version, active_version) SELECT name, 'bench', 'active', 1, 1 FROM named RETURNING id, name
), versions AS (
    INSERT INTO millrace.template_versions (template_id, version, spec, author, published_at, published_by)
    SELECT made.id, 1, jsonb_build_object('runner', 'handler', 'handler', jsonb_build_object('name', 'diag.noop'), 'params', jsonb_build_object('type', 'object'),
        'defaults', jsonb_build_object('queue', 'mail', 'priority', 3, 'max_attempts', 3, 'timeout_ms', 60000)), 'bench', clock_timestamp(), 'bench' FROM made
)
INSERT INTO kinds (n, template_id, queue_id)
SELECT named.n, made.id, (SELECT q.id FROM millrace.queues q WHERE q.name = CASE WHEN named.n = 12 THEN 'rare' ELSE ($2::text[])[1 + (named.n - 1) % 5] END)
FROM named JOIN made USING (name)"#;
    let (templates, queues): (Vec<&str>, Vec<&str>) = (TEMPLATES.into(), QUEUES.into());
    statement(SQL).bind::<Array<Text>, _>(templates).bind::<Array<Text>, _>(queues).run(conn)?;
    Ok(())
}

/// Runs a statement over the ids from the first number to the second; the third is how many there are in all, the fourth how many
/// finished ones there are for each failed one.
fn write(conn: &mut PgConnection, sql: &'static str, [first, last, all, every]: [i64; 4]) -> Result<(), DbError> {
    statement(sql)
        .bind::<BigInt, _>(first)
        .bind::<BigInt, _>(last)
        .bind::<BigInt, _>(all)
        .bind::<BigInt, _>(every)
        .run(conn)?;
    Ok(())
}

/// What every job has: the kind by a hash of its id, half of them mail, arguments with numbers, a word that is rare.
macro_rules! made {
    () => {
        "WITH span AS (SELECT $1::bigint AS low, $2::bigint AS high, $3::bigint AS every_job, $4::bigint AS every), drawn AS (
    SELECT g.id, abs(hashint8(g.id)) AS h, abs(hashint8(g.id * 7919 + 13)) AS k,
        clock_timestamp() - (span.every_job - g.id)::double precision / span.every_job * interval '30 days' AS at
    FROM span, generate_series(span.low, span.high) AS g(id)
), made AS MATERIALIZED (
    SELECT d.*, kinds.template_id, kinds.queue_id, kinds.n AS kind, 1 + d.k % 5 AS priority,
        (d.k % 1000)::double precision / 1000 AS u, 1 + (d.h / 7) % 3 AS node
    FROM drawn d JOIN kinds ON kinds.n = CASE WHEN d.id % 100003 = 5 THEN 12 WHEN d.h % 2 = 0 THEN 1 ELSE 2 + (d.h / 2) % 10 END
), asked AS (
    INSERT INTO millrace.jobs (id, created_at, template_id, version, queue_id, priority, args, tags, enqueued_by)
    SELECT id, at, template_id, 1, queue_id, priority, jsonb_build_object('customer', k % 200000, 'order', id * 31 + 7, 'country', (ARRAY['it','de','fr','es','pl'])[1 + h % 5],
            'total', (k % 100000) / 100.0, 'subject', 'Order ' || id || ' needs a confirmation')
            || CASE WHEN id % 1000003 = 17 THEN jsonb_build_object('note', 'zyzzyva ' || id) ELSE '{}' END,
        CASE WHEN id % 250007 = 3 THEN '{migration}'::text[] WHEN h % 10 = 3 THEN '{vip}' WHEN h % 100 = 7 THEN '{late,vip}' END, 'bench' FROM made
)"
    };
}

const FINISHED: &str = concat!(
    "-- bench::console::finished\n",
    made!(),
    ", ended AS MATERIALIZED (
    SELECT made.*, CASE WHEN id % (SELECT every FROM span) = 7 THEN 'failed' WHEN id % 1000 = 1 THEN 'cancelled' WHEN id % 5000 = 2 THEN 'expired' ELSE 'succeeded' END::millrace.job_state AS state,
        (50 + u * u * u * u * 600000)::integer * interval '1 ms' AS waited, (5 + u * u * u * 45000)::integer * interval '1 ms' AS ran,
        CASE WHEN id % (SELECT every FROM span) = 7 THEN 3 WHEN h % 50 = 9 THEN 2 ELSE 1 END AS attempt,
        (ARRAY['connection to 10.0.0.' || k % 250 || ':25 refused', 'no such customer ' || k % 200000, 'HTTP 503 from shop-' || k % 40 || '.example after ' || k % 3000 || ' ms',
            'quota of tenant ' || k % 300 || ' is used up', 'deadlock detected while writing order ' || id])[1 + h % 5] AS error,
        'aaaa00000000' || lpad((kind * 10 + h % 5)::text, 4, '0') AS fingerprint
    FROM made
), counted AS (
    INSERT INTO millrace.state_deltas (queue_id, template_id, entered_state, jobs)
    SELECT queue_id, template_id, state, count(*) FROM ended GROUP BY 1, 2, 3
), tried AS (
    INSERT INTO millrace.attempts (job_id, number, fence, started_at, finished_at, node_id, outcome, counted, error, fingerprint)
    SELECT id, n, n, at + waited, at + waited + ran, node, 'failed', true, error, fingerprint FROM ended CROSS JOIN generate_series(1, 3) AS n WHERE state = 'failed'
), grouped AS (
    INSERT INTO millrace.failure_deltas (node_id, fingerprint, hour, version, queue_id, template_id, message, attempts, jobs_failed, first_at, first_job, last_at, last_job,
        last_number, error)
    SELECT node, fingerprint, date_bin('1 hour', at + waited + ran, timestamptz '2000-01-01 00:00+00'), 1, queue_id, template_id, regexp_replace(min(error), '[0-9]+', '#', 'g'),
        3 * count(*), count(*), min(at + waited + ran), min(id), max(at + waited + ran), max(id), 3, max(error)
    FROM ended WHERE state = 'failed' GROUP BY node, fingerprint, 3, queue_id, template_id
)
INSERT INTO millrace.history (job_id, fence, since, started_at, finished_at, template_id, version, queue_id, node_id, state, priority, attempt, cpu_ms, error, fingerprint, ended_by)
SELECT id, 1, at, CASE WHEN state IN ('succeeded', 'failed') THEN at + waited END, at + waited + ran, template_id, 1, queue_id,
    CASE WHEN state IN ('succeeded', 'failed') THEN node END, state, priority, attempt, 3, CASE WHEN state = 'failed' THEN error END, CASE WHEN state = 'failed' THEN fingerprint END,
    CASE WHEN state = 'cancelled' THEN 'bench' END FROM ended"
);

/// Three in four are in line, the others wait for their time, for their backoff, for a release.
const WAITING: &str = concat!(
    "-- bench::console::waiting\n",
    made!(),
    ", placed AS MATERIALIZED (
    SELECT made.*, CASE WHEN id % 4 < 3 THEN 'ready' WHEN id % 16 = 3 THEN 'held' WHEN id % 16 = 7 THEN 'retrying' ELSE 'scheduled' END AS state FROM made
), counted AS (
    INSERT INTO millrace.state_deltas (queue_id, template_id, entered_state, jobs)
    SELECT queue_id, template_id, state::millrace.job_state, count(*) * (SELECT every FROM span) FROM placed GROUP BY 1, 2, 3
), lined AS (
    INSERT INTO millrace.ready (seq, job_id, since, queue_id, template_id, priority, attempt)
    SELECT id, id, clock_timestamp() - u * interval '1 hour', queue_id, template_id, priority, 0 FROM placed WHERE state = 'ready'
), parked AS (
    INSERT INTO millrace.parked (job_id, state, since, queue_id, template_id, priority, attempt, parked_by, reason)
    SELECT id, 'held', clock_timestamp(), queue_id, template_id, priority, 0, 'bench', 'stock count' FROM placed WHERE state = 'held'
)
INSERT INTO millrace.scheduled (job_id, run_at, since, seq, queue_id, template_id, priority, attempt, retrying)
SELECT id, clock_timestamp() + interval '1 hour' + u * interval '20 days', clock_timestamp(), id, queue_id, template_id, priority, (state = 'retrying')::integer, state = 'retrying'
FROM placed WHERE state IN ('scheduled', 'retrying')"
);

/// Sums of minutes, hours and days, for the charts: made from the kinds, not from the jobs.
const ROLLUPS: &str = "
INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, enqueued, succeeded, failed, attempts_failed, wait_us, run_us)
SELECT step.s, g.at, k.template_id, k.queue_id, CASE WHEN n.n = 0 THEN 0 ELSE n.n END, CASE WHEN n.n = 0 THEN 20 * step.s / 60 ELSE 0 END,
    CASE WHEN n.n > 0 THEN 6 * step.s / 60 ELSE 0 END, CASE WHEN n.n > 0 AND k.n % 3 = 0 THEN step.s / 60 ELSE 0 END, 0, 6000000, 3000000
FROM (VALUES (60, interval '1 day'), (3600, interval '30 days'), (86400, interval '30 days')) AS step(s, back)
CROSS JOIN LATERAL generate_series(date_bin(step.s * interval '1 s', clock_timestamp() - step.back, timestamptz '2000-01-01 00:00+00'), clock_timestamp(), step.s * interval '1 s') AS g(at)
CROSS JOIN kinds k CROSS JOIN generate_series(0, 3) AS n(n)
ON CONFLICT DO NOTHING";
