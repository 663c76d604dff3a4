//! The demo is whole, consistent, and keeps away from what is no demo.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::QueryableByName;
use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use millrace::base::clock::{Clock, ManualClock, SystemClock};
use millrace::base::db::{PgConnection, statement};
use millrace::demo::marker::{self, Standing};
use millrace::demo::{self, Feeder, Seed};
use serde_json::json;

use crate::cli::Stage;
use crate::support::TestDb;
use crate::support::stage::{TestEngine, handler_template, number, wait_until};

/// Few enough jobs for a test; everything that is made by the clock is there in full.
const SHARE: f64 = 0.04;
const PORT: u16 = 4_711;

fn seeded() -> (TestDb, PgConnection, usize) {
    let db = TestDb::new();
    let mut conn = db.connect();
    let seed = Seed { now: SystemClock.now(), share: SHARE, password_hash: "no hash", partner_port: PORT };
    let jobs = demo::seed(&mut conn, &seed).unwrap();
    (db, conn, jobs)
}

#[derive(Debug, PartialEq, QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

fn texts(conn: &mut PgConnection, sql: &'static str) -> Vec<String> {
    let rows: Vec<Line> = statement(sql).rows(conn).unwrap();
    rows.into_iter().map(|row| row.text).collect()
}

/// Everything that is counted twice, as `name counted by rows <> counted elsewhere`; empty when all agree.
const DIFFERENCES: &str = "
WITH standing AS (
    SELECT j.id, j.queue_id, j.template_id, coalesce(h.state, p.state, CASE WHEN s.retrying THEN 'retrying' WHEN s.job_id IS NOT NULL THEN 'scheduled'
        WHEN r.job_id IS NOT NULL THEN 'ready' END::millrace.job_state) AS state
    FROM millrace.jobs j LEFT JOIN millrace.history h ON h.job_id = j.id LEFT JOIN millrace.parked p ON p.job_id = j.id
    LEFT JOIN millrace.scheduled s ON s.job_id = j.id LEFT JOIN millrace.ready r ON r.job_id = j.id
), states AS (
    SELECT queue_id, template_id, state, count(*) AS jobs FROM standing GROUP BY 1, 2, 3
), steps AS (
    SELECT s AS step_s FROM unnest(ARRAY[60, 3600, 86400]) AS s
), ended AS (
    SELECT step_s, date_bin(step_s * interval '1 s', h.finished_at, timestamptz '2000-01-01 00:00+00') AS at, template_id, queue_id, node_id,
        count(*) FILTER (WHERE state = 'succeeded') AS succeeded, count(*) FILTER (WHERE state = 'failed') AS failed
    FROM millrace.history h, steps WHERE started_at IS NOT NULL GROUP BY 1, 2, 3, 4, 5
), failures AS (
    SELECT step_s, count(*) AS attempts FROM millrace.attempts, steps WHERE outcome IN ('failed', 'timed out') GROUP BY 1
), arrived AS (
    SELECT step_s, date_bin(step_s * interval '1 s', created_at, timestamptz '2000-01-01 00:00+00') AS at, template_id, queue_id, count(*) AS enqueued
    FROM millrace.jobs, steps GROUP BY 1, 2, 3, 4
)
SELECT 'state: ' || coalesce(s.state, c.state)::text AS text FROM states s
FULL JOIN (SELECT * FROM millrace.job_counts WHERE jobs <> 0) c USING (queue_id, template_id, state) WHERE s.jobs IS DISTINCT FROM c.jobs
UNION ALL SELECT 'ended: ' || coalesce(e.at, r.at) FROM ended e
FULL JOIN (SELECT * FROM millrace.rollups WHERE succeeded + failed > 0) r USING (step_s, at, template_id, queue_id, node_id)
WHERE coalesce(e.succeeded, 0) <> coalesce(r.succeeded, 0) OR coalesce(e.failed, 0) <> coalesce(r.failed, 0)
UNION ALL SELECT 'enqueued: ' || coalesce(a.at, r.at) FROM arrived a
FULL JOIN (SELECT * FROM millrace.rollups WHERE enqueued > 0) r USING (step_s, at, template_id, queue_id) WHERE a.enqueued IS DISTINCT FROM r.enqueued
UNION ALL SELECT 'failed attempts: ' || f.step_s FROM failures f
WHERE f.attempts <> (SELECT sum(attempts_failed) FROM millrace.rollups r WHERE r.step_s = f.step_s)
UNION ALL SELECT 'nowhere: ' || id FROM standing WHERE state IS NULL
UNION ALL SELECT 'counted attempts: ' || h.job_id FROM millrace.history h
WHERE h.attempt <> (SELECT count(*) FROM millrace.attempts a WHERE a.job_id = h.job_id AND a.counted) + (h.state = 'succeeded')::integer
LIMIT 20";

#[test]
fn a_demo_is_whole_and_its_counts_agree() {
    let (_db, mut conn, jobs) = seeded();

    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.jobs"), jobs as i64);
    assert_eq!(texts(&mut conn, DIFFERENCES), Vec::<String>::new());
    let published =
        "SELECT count(*) AS number FROM millrace.templates t JOIN millrace.template_versions v ON v.template_id = t.id
        AND v.version = t.active_version WHERE t.state = 'active' AND v.published_at IS NOT NULL";
    assert!(number(&mut conn, published) >= 12);
    let roles = "SELECT DISTINCT role AS text FROM millrace.people WHERE disabled_at IS NULL ORDER BY 1";
    assert_eq!(texts(&mut conn, roles), ["admin", "analyst", "auditor", "operator", "viewer"]);
    let days = "SELECT count(DISTINCT finished_at::date) AS number FROM millrace.history WHERE finished_at > now() - interval '30 days'";
    assert!(number(&mut conn, days) >= 30);
    let endings = "SELECT DISTINCT state::text AS text FROM millrace.history ORDER BY 1";
    for state in ["cancelled", "failed", "succeeded"] {
        assert!(texts(&mut conn, endings).iter().any(|found| found == state), "{state}");
    }
    let waiting = "SELECT state::text AS text FROM millrace.job_counts WHERE state IN ('held', 'ready', 'scheduled') AND jobs > 0 GROUP BY 1 ORDER BY 1";
    assert_eq!(texts(&mut conn, waiting), ["held", "ready", "scheduled"]);
}

#[test]
fn the_past_lies_in_the_past_and_the_trail_follows_it() {
    let (_db, mut conn, _) = seeded();

    let backwards = "SELECT count(*) AS number FROM millrace.history h JOIN millrace.jobs j ON j.id = h.job_id
        WHERE NOT (j.created_at <= h.since AND h.since <= coalesce(h.started_at, h.since) AND coalesce(h.started_at, h.since) <= h.finished_at AND h.finished_at <= now())";
    assert_eq!(number(&mut conn, backwards), 0);
    let early = "SELECT count(*) AS number FROM millrace.jobs j JOIN millrace.template_versions v ON v.template_id = j.template_id AND v.version = j.version
        WHERE v.published_at > j.created_at";
    assert_eq!(number(&mut conn, early), 0);
    let disorder = "SELECT count(*) AS number FROM (SELECT at, lag(at) OVER (ORDER BY id) AS before FROM millrace.audit) AS a WHERE at < before";
    assert_eq!(number(&mut conn, disorder), 0);
    let by_hand = "SELECT count(*) AS number FROM millrace.history h WHERE h.state = 'cancelled' AND NOT EXISTS (
        SELECT FROM millrace.audit a WHERE a.act = 'job.cancel' AND a.subject = h.job_id::text AND a.actor = h.ended_by)";
    assert_eq!(number(&mut conn, by_hand), 0);
    let logs = "SELECT count(*) AS number FROM millrace.log_chunks WHERE body NOT LIKE '%\\012'::bytea";
    assert_eq!(number(&mut conn, logs), 0);
}

#[test]
fn a_demo_is_made_once_and_only_where_nothing_is() {
    let (_db, mut conn, jobs) = seeded();
    let seed = Seed { now: SystemClock.now(), share: SHARE, password_hash: "no hash", partner_port: PORT };

    assert_eq!(marker::look(&mut conn).unwrap(), Standing::Demo(PORT));
    assert!(demo::seed(&mut conn, &seed).is_err());
    assert_eq!(number(&mut conn, "SELECT count(*) AS number FROM millrace.jobs"), jobs as i64);

    let empty = TestDb::new();
    assert_eq!(marker::look(&mut empty.connect()).unwrap(), Standing::Empty);
    let used = TestDb::new();
    handler_template(&mut used.connect(), "mail.send", json!({}));
    assert!(
        matches!(marker::look(&mut used.connect()).unwrap(), Standing::Theirs(what) if what.contains("1 templates"))
    );
    let foreign = TestDb::new();
    foreign.connect().batch_execute("CREATE TABLE public.customers (id int)").unwrap();
    assert!(
        matches!(marker::look(&mut foreign.connect()).unwrap(), Standing::Theirs(what) if what.contains("public.customers"))
    );
}

#[test]
fn the_same_chances_make_the_same_past() {
    let digest =
        "SELECT md5(string_agg(j.args::text || j.created_at || coalesce(h.state::text, ''), ',' ORDER BY j.id)) AS text
        FROM millrace.jobs j LEFT JOIN millrace.history h ON h.job_id = j.id";
    let now = SystemClock.now();
    let make = || {
        let db = TestDb::new();
        let seed = Seed { now, share: SHARE, password_hash: "no hash", partner_port: PORT };
        demo::seed(&mut db.connect(), &seed).unwrap();
        texts(&mut db.connect(), digest)
    };

    assert_eq!(make(), make());
}

#[test]
fn the_command_leaves_a_real_database_alone() {
    let stage = Stage::new();
    handler_template(&mut stage.db.connect(), "mail.send", json!({}));

    let said = stage.run(&["demo", "--listen", "127.0.0.1:0", "--data-dir", "x"]);

    assert_eq!(said.code, 1);
    assert!(said.err.contains("a real installation: 0 people, 1 templates, no jobs"), "{}", said.err);
    assert_eq!(number(&mut stage.db.connect(), "SELECT count(*) AS number FROM millrace.people"), 0);
    let fresh = stage.run(&["demo", "--fresh", "--data-dir", "x"]);
    assert!(fresh.code == 1 && fresh.err.contains("DATABASE_URL"), "{}", fresh.err);
}

#[test]
fn work_that_comes_in_is_done_by_the_demos_handlers() {
    let (db, mut conn, _) = seeded();
    let clock = ManualClock::at(SystemClock.now());
    let mut feeder = Feeder::starting(clock.now(), 1);
    let before = number(&mut conn, "SELECT max(id) AS number FROM millrace.jobs");

    clock.advance(Duration::from_secs(110));
    let fed = feeder.feed(&mut conn, &clock).unwrap();
    assert!(fed > 0 && feeder.feed(&mut conn, &clock).unwrap() == 0);
    let _engine = TestEngine::start(&db, demo::registry());

    let done = "SELECT count(*) AS number FROM millrace.history h JOIN millrace.templates t ON t.id = h.template_id
        WHERE h.state = 'succeeded' AND t.name = 'mail.send' AND h.finished_at > now() - interval '30 seconds'";
    let mail = json!([{ "template": "mail.send", "args": { "to": "ada@customer.example", "letter": "invoice" } }]);
    let many =
        "SELECT id AS number FROM millrace.enqueue_many((SELECT jsonb_agg($1 -> 0) FROM generate_series(1, 20)))";
    let made: Vec<Id> = statement(many).bind::<diesel::sql_types::Jsonb, _>(mail).rows(&mut conn).unwrap();
    assert!(made.iter().all(|job| job.number > before));
    wait_until(|| number(&mut conn, done) >= 10).expect("mails go out");
    assert!(clock.now() - SystemClock.now() < TimeDelta::minutes(5));
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    number: i64,
}
