//! Immutable jobs, a thin line, one lease per batch, an append-only history: the payload is written once, nothing is updated.

use super::Design;

const SCHEMA: &str = "
CREATE TABLE jobs (id bigint PRIMARY KEY, queue integer NOT NULL, priority smallint NOT NULL, created_at timestamptz NOT NULL,
    payload jsonb NOT NULL) PARTITION BY RANGE (id);
CREATE TABLE ready (seq bigint NOT NULL, job_id bigint NOT NULL, queue integer NOT NULL, priority smallint NOT NULL,
    attempt smallint NOT NULL)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX ON ready (queue, priority, seq);
CREATE TABLE leases (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, node integer NOT NULL, epoch bigint NOT NULL,
    started_at timestamptz NOT NULL, ids bigint[] NOT NULL, attempts smallint[] NOT NULL)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE TABLE history (job_id bigint PRIMARY KEY, started_at timestamptz NOT NULL, finished_at timestamptz NOT NULL,
    node integer NOT NULL, state smallint NOT NULL, attempt smallint NOT NULL, error text, output jsonb) PARTITION BY RANGE (job_id);
DO $$ BEGIN FOR part IN 0 .. 4 LOOP
    EXECUTE format('CREATE TABLE jobs_%s PARTITION OF jobs FOR VALUES FROM (%s) TO (%s)', part, part * 1000000, (part + 1) * 1000000);
    EXECUTE format('CREATE TABLE history_%s PARTITION OF history FOR VALUES FROM (%s) TO (%s)', part, part * 1000000, (part + 1) * 1000000);
END LOOP; END $$;";

const ENQUEUE: &str = "-- bench::reference::thin::enqueue
WITH item AS MATERIALIZED (
    SELECT nextval('job_id') AS id, payload::jsonb FROM UNNEST($1::text[]) AS payload
), kept AS (
    INSERT INTO jobs (id, queue, priority, created_at, payload) SELECT id, 1, 3, clock_timestamp(), payload FROM item
)
INSERT INTO ready (seq, job_id, queue, priority, attempt) SELECT id, id, 1, 3, 0 FROM item";

const ENQUEUE_ONE: &str = "-- bench::reference::thin::enqueue_one
WITH kept AS (
    INSERT INTO jobs (id, queue, priority, created_at, payload) VALUES (nextval('job_id'), 1, 3, clock_timestamp(), $1) RETURNING id
), waiting AS (
    INSERT INTO ready (seq, job_id, queue, priority, attempt) SELECT id, id, 1, 3, 0 FROM kept
)
SELECT id, CASE WHEN $2 THEN pg_notify('by_hand', '') IS NULL ELSE true END FROM kept";

/// Completes by lease and claims with the given statement.
macro_rules! cycle {
    ($name:literal, $taken:literal) => {
        concat!(
            "-- bench::reference::thin::",
            $name,
            "
WITH ended AS MATERIALIZED (
    DELETE FROM leases WHERE id = ANY($1) AND node = 1 AND epoch = 1 RETURNING ids, attempts, started_at
), done AS (
    INSERT INTO history (job_id, started_at, finished_at, node, state, attempt)
    SELECT u.id, ended.started_at, clock_timestamp(), 1, 1, u.attempt FROM ended, UNNEST(ended.ids, ended.attempts) AS u(id, attempt)
), taken AS MATERIALIZED (",
            $taken,
            "
    RETURNING r.job_id, (r.attempt + 1)::smallint AS attempt, r.seq
), lease AS (
    INSERT INTO leases (node, epoch, started_at, ids, attempts)
    SELECT 1, 1, clock_timestamp(), array_agg(job_id), array_agg(attempt) FROM taken HAVING count(*) > 0 RETURNING id
)
SELECT lease.id, j.id, t.attempt, t.seq, j.payload::text FROM taken t CROSS JOIN lease JOIN jobs j ON j.id = t.job_id"
        )
    };
}

const CYCLE: &str = cycle!(
    "cycle",
    "
    DELETE FROM ready r WHERE r.ctid = ANY(ARRAY(
        SELECT ctid FROM ready WHERE queue = 1 AND (priority, seq) > ($2, $3) ORDER BY priority, seq LIMIT $4 FOR UPDATE SKIP LOCKED))"
);

const CYCLE_BY_KEY: &str = cycle!(
    "cycle_by_key",
    "
    DELETE FROM ready r USING (
        SELECT priority, seq FROM ready WHERE queue = 1 AND (priority, seq) > ($2, $3) ORDER BY priority, seq LIMIT $4 FOR UPDATE SKIP LOCKED
    ) AS step WHERE r.queue = 1 AND r.priority = step.priority AND r.seq = step.seq"
);

const FILL: &str = "-- bench::reference::thin::fill
WITH item AS MATERIALIZED (
    SELECT g AS id, jsonb_build_object('to', 'user-' || g || '@example.org', 'n', g) AS payload FROM generate_series($1, $2) AS g
), kept AS (
    INSERT INTO jobs (id, queue, priority, created_at, payload) SELECT id, 1, 3, clock_timestamp(), payload FROM item
)
INSERT INTO history (job_id, started_at, finished_at, node, state, attempt) SELECT id, clock_timestamp(), clock_timestamp(), 1, 1, 1 FROM item";

/// What this is compared with everywhere, and what the product's tables grew from.
pub(in crate::bench) const DESIGN: Design =
    Design { name: "thin", schema: SCHEMA, enqueue: ENQUEUE, enqueue_one: ENQUEUE_ONE, cycle: CYCLE, fill: FILL };

/// The same, its claim joined by key instead of by the rows' places.
pub(in crate::bench) const BY_KEY: Design = Design { cycle: CYCLE_BY_KEY, ..DESIGN };
