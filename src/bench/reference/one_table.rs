//! One wide table whose rows are updated in place: the usual design, with its usual partial index.

use super::Design;

const SCHEMA: &str = "
CREATE TABLE jobs (id bigint PRIMARY KEY, queue integer NOT NULL, priority smallint NOT NULL, state smallint NOT NULL,
    attempt smallint NOT NULL, node integer, epoch bigint, created_at timestamptz NOT NULL, started_at timestamptz, finished_at timestamptz,
    error text, output jsonb, payload jsonb NOT NULL)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX ON jobs (queue, priority, id) WHERE state = 0;";

const ENQUEUE: &str = "-- bench::reference::one_table::enqueue
INSERT INTO jobs (id, queue, priority, state, attempt, created_at, payload)
SELECT nextval('job_id'), 1, 3, 0, 0, clock_timestamp(), payload::jsonb FROM UNNEST($1::text[]) AS payload";

const ENQUEUE_ONE: &str = "-- bench::reference::one_table::enqueue_one
WITH kept AS (
    INSERT INTO jobs (id, queue, priority, state, attempt, created_at, payload)
    VALUES (nextval('job_id'), 1, 3, 0, 0, clock_timestamp(), $1) RETURNING id
)
SELECT id, CASE WHEN $2 THEN pg_notify('by_hand', '') IS NULL ELSE true END FROM kept";

const CYCLE: &str = "-- bench::reference::one_table::cycle
WITH done AS (
    UPDATE jobs SET state = 2, finished_at = clock_timestamp() WHERE id = ANY($1) AND state = 1 AND node = 1 AND epoch = 1
), taken AS (
    UPDATE jobs j SET state = 1, attempt = j.attempt + 1, node = 1, epoch = 1, started_at = clock_timestamp() WHERE j.ctid = ANY(ARRAY(
        SELECT ctid FROM jobs WHERE state = 0 AND queue = 1 AND (priority, id) > ($2, $3) ORDER BY priority, id LIMIT $4 FOR UPDATE SKIP LOCKED))
    RETURNING j.id, j.attempt, j.payload
)
SELECT id, id, attempt, id, payload::text FROM taken";

const FILL: &str = "-- bench::reference::one_table::fill
INSERT INTO jobs (id, queue, priority, state, attempt, node, epoch, created_at, started_at, finished_at, payload)
SELECT g, 1, 3, 2, 1, 1, 1, clock_timestamp(), clock_timestamp(), clock_timestamp(),
    jsonb_build_object('to', 'user-' || g || '@example.org', 'n', g) FROM generate_series($1, $2) AS g";

/// Not partitioned, because the claim walks one index: what is old is to be deleted row by row, which nobody measures here.
pub(in crate::bench) const DESIGN: Design =
    Design { name: "one table", schema: SCHEMA, enqueue: ENQUEUE, enqueue_one: ENQUEUE_ONE, cycle: CYCLE, fill: FILL };
