//! A small table of unfinished jobs whose full rows move into the history when they end: the payload is written twice.
//!
//! The claim updates the waiting row. No index names what it changes and half of each page is kept free, so that the new version
//! stands in the same page and no index is touched.

use super::Design;

const SCHEMA: &str = "
CREATE TABLE unfinished (id bigint PRIMARY KEY, queue integer NOT NULL, priority smallint NOT NULL, attempt smallint NOT NULL,
    node integer, epoch bigint, created_at timestamptz NOT NULL, started_at timestamptz, payload jsonb NOT NULL)
    WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX ON unfinished (queue, priority, id);
CREATE TABLE history (id bigint PRIMARY KEY, queue integer NOT NULL, priority smallint NOT NULL, attempt smallint NOT NULL,
    node integer NOT NULL, created_at timestamptz NOT NULL, started_at timestamptz NOT NULL, finished_at timestamptz NOT NULL,
    state smallint NOT NULL, error text, output jsonb, payload jsonb NOT NULL) PARTITION BY RANGE (id);
DO $$ BEGIN FOR part IN 0 .. 4 LOOP
    EXECUTE format('CREATE TABLE history_%s PARTITION OF history FOR VALUES FROM (%s) TO (%s)', part, part * 1000000, (part + 1) * 1000000);
END LOOP; END $$;";

const ENQUEUE: &str = "-- bench::reference::moved::enqueue
INSERT INTO unfinished (id, queue, priority, attempt, created_at, payload)
SELECT nextval('job_id'), 1, 3, 0, clock_timestamp(), payload::jsonb FROM UNNEST($1::text[]) AS payload";

const ENQUEUE_ONE: &str = "-- bench::reference::moved::enqueue_one
WITH kept AS (
    INSERT INTO unfinished (id, queue, priority, attempt, created_at, payload) VALUES (nextval('job_id'), 1, 3, 0, clock_timestamp(), $1) RETURNING id
)
SELECT id, CASE WHEN $2 THEN pg_notify('by_hand', '') IS NULL ELSE true END FROM kept";

const CYCLE: &str = "-- bench::reference::moved::cycle
WITH ended AS MATERIALIZED (
    DELETE FROM unfinished WHERE id = ANY($1) AND node = 1 AND epoch = 1 RETURNING *
), done AS (
    INSERT INTO history (id, queue, priority, attempt, node, created_at, started_at, finished_at, state, payload)
    SELECT id, queue, priority, attempt, node, created_at, started_at, clock_timestamp(), 1, payload FROM ended
), taken AS (
    UPDATE unfinished u SET attempt = u.attempt + 1, node = 1, epoch = 1, started_at = clock_timestamp() WHERE u.ctid = ANY(ARRAY(
        SELECT ctid FROM unfinished WHERE node IS NULL AND queue = 1 AND (priority, id) > ($2, $3) ORDER BY priority, id LIMIT $4 FOR UPDATE SKIP LOCKED))
    RETURNING u.id, u.attempt, u.payload
)
SELECT id, id, attempt, id, payload::text FROM taken";

const FILL: &str = "-- bench::reference::moved::fill
INSERT INTO history (id, queue, priority, attempt, node, created_at, started_at, finished_at, state, payload)
SELECT g, 1, 3, 1, 1, clock_timestamp(), clock_timestamp(), clock_timestamp(), 1,
    jsonb_build_object('to', 'user-' || g || '@example.org', 'n', g) FROM generate_series($1, $2) AS g";

pub(in crate::bench) const DESIGN: Design =
    Design { name: "moved row", schema: SCHEMA, enqueue: ENQUEUE, enqueue_one: ENQUEUE_ONE, cycle: CYCLE, fill: FILL };
