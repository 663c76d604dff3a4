-- The hot path. A job's immutable row, a thin row where it waits, one lease per claimed batch, an append-only history row:
-- nothing that is claimed is ever updated in place, the payload is written once (ARCHITECTURE.md has the figures).
CREATE TYPE millrace.job_state AS ENUM
    ('blocked', 'scheduled', 'ready', 'held', 'running', 'retrying', 'succeeded', 'failed', 'cancelled', 'expired');
COMMENT ON TYPE millrace.job_state IS 'States of a job; the last four are terminal (src/queue/state.rs has the table of moves)';

CREATE SEQUENCE millrace.job_seq AS bigint CACHE 1;
COMMENT ON SEQUENCE millrace.job_seq IS 'Ids of jobs and places in line, from one sequence so that a fresh job''s place is its id';
CREATE SEQUENCE millrace.lease_seq AS bigint CACHE 1;
COMMENT ON SEQUENCE millrace.lease_seq IS 'Leases; a lease''s id is the fence of its attempts. Claims are durable, so no value comes back after a crash';

CREATE TABLE millrace.jobs (
    id bigint NOT NULL CONSTRAINT jobs_id_positive CHECK (id > 0),
    created_at timestamptz NOT NULL,
    run_at timestamptz,
    template_id integer NOT NULL,
    version integer NOT NULL,
    queue_id integer NOT NULL,
    priority smallint NOT NULL CONSTRAINT jobs_priority_range CHECK (priority BETWEEN 1 AND 5),
    max_attempts smallint CONSTRAINT jobs_max_attempts_range CHECK (max_attempts BETWEEN 1 AND 100),
    timeout_ms bigint CONSTRAINT jobs_timeout_range CHECK (timeout_ms BETWEEN 100 AND 604800000),
    deadline timestamptz,
    parent_id bigint,
    args jsonb NOT NULL CONSTRAINT jobs_args_object CHECK (jsonb_typeof(args) = 'object'),
    tags text[],
    unique_key text,
    ordering_key text,
    enqueued_by text NOT NULL,
    CONSTRAINT jobs_pk PRIMARY KEY (id)
) PARTITION BY RANGE (id);
COMMENT ON TABLE millrace.jobs IS 'What was asked for; never updated, dropped by partition';
COMMENT ON COLUMN millrace.jobs.id IS 'Job id, rises with time, has gaps';
COMMENT ON COLUMN millrace.jobs.created_at IS 'When it was enqueued';
COMMENT ON COLUMN millrace.jobs.run_at IS 'Not before; null = at once';
COMMENT ON COLUMN millrace.jobs.template_id IS 'Its template';
COMMENT ON COLUMN millrace.jobs.version IS 'The template''s version it is pinned to';
COMMENT ON COLUMN millrace.jobs.queue_id IS 'The queue it was enqueued in; the row where it waits tells the present one';
COMMENT ON COLUMN millrace.jobs.priority IS '1 (highest) to 5 at enqueue; the row where it waits tells the present one';
COMMENT ON COLUMN millrace.jobs.max_attempts IS 'Counted attempts; null = as the template says';
COMMENT ON COLUMN millrace.jobs.timeout_ms IS 'Longest attempt in milliseconds; null = as the template says';
COMMENT ON COLUMN millrace.jobs.deadline IS 'Expires when not started by then';
COMMENT ON COLUMN millrace.jobs.parent_id IS 'The job it was made from (run again, retry with edited arguments)';
COMMENT ON COLUMN millrace.jobs.args IS 'Arguments, at most 256 KiB';
COMMENT ON COLUMN millrace.jobs.tags IS 'Labels';
COMMENT ON COLUMN millrace.jobs.unique_key IS 'Key in unique_keys, if one';
COMMENT ON COLUMN millrace.jobs.ordering_key IS 'Jobs of one key run one at a time in commit order';
COMMENT ON COLUMN millrace.jobs.enqueued_by IS 'Who: "person:3", "token:7", "cli:root", "sql:app", "schedule:nightly", "job:91"';

CREATE TABLE millrace.ready (
    seq bigint NOT NULL,
    job_id bigint NOT NULL,
    since timestamptz NOT NULL,
    queue_id integer NOT NULL,
    template_id integer NOT NULL,
    priority smallint NOT NULL,
    attempt smallint NOT NULL CONSTRAINT ready_attempt_range CHECK (attempt >= 0)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000);
CREATE UNIQUE INDEX ready_for_claim ON millrace.ready (queue_id, priority, seq);
COMMENT ON TABLE millrace.ready IS 'Jobs that wait for a free slot; claiming deletes the row';
COMMENT ON COLUMN millrace.ready.seq IS 'Place in line, drawn when the row is inserted: a fresh job''s own id, else a newer number';
COMMENT ON COLUMN millrace.ready.job_id IS 'The job';
COMMENT ON COLUMN millrace.ready.since IS 'Since when it waits for a slot';
COMMENT ON COLUMN millrace.ready.queue_id IS 'Present queue';
COMMENT ON COLUMN millrace.ready.template_id IS 'Its template, so that counts need no join';
COMMENT ON COLUMN millrace.ready.priority IS 'Present priority, 1 (highest) to 5';
COMMENT ON COLUMN millrace.ready.attempt IS 'Attempts counted so far';

CREATE TABLE millrace.placements (
    job_id bigint CONSTRAINT placements_pk PRIMARY KEY,
    queue_id integer NOT NULL,
    priority smallint NOT NULL,
    seq bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE millrace.placements IS 'Where in ready a job stands that was moved (retried, rescheduled, reprioritised); fresh jobs are found by their own row';
COMMENT ON COLUMN millrace.placements.job_id IS 'The job';
COMMENT ON COLUMN millrace.placements.queue_id IS 'Key of its row in ready';
COMMENT ON COLUMN millrace.placements.priority IS 'Key of its row in ready';
COMMENT ON COLUMN millrace.placements.seq IS 'Key of its row in ready';

CREATE TABLE millrace.scheduled (
    job_id bigint CONSTRAINT scheduled_pk PRIMARY KEY,
    run_at timestamptz NOT NULL,
    since timestamptz NOT NULL,
    seq bigint NOT NULL,
    queue_id integer NOT NULL,
    template_id integer NOT NULL,
    priority smallint NOT NULL,
    attempt smallint NOT NULL CONSTRAINT scheduled_attempt_range CHECK (attempt >= 0),
    retrying boolean NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX scheduled_by_time ON millrace.scheduled (run_at, seq);
CREATE INDEX scheduled_retrying ON millrace.scheduled (job_id) WHERE retrying;
COMMENT ON TABLE millrace.scheduled IS 'Jobs that wait for their time: scheduled, snoozed and retrying';
COMMENT ON COLUMN millrace.scheduled.job_id IS 'The job';
COMMENT ON COLUMN millrace.scheduled.run_at IS 'Becomes ready then';
COMMENT ON COLUMN millrace.scheduled.since IS 'Since when it waits';
COMMENT ON COLUMN millrace.scheduled.seq IS 'Order among equal times';
COMMENT ON COLUMN millrace.scheduled.queue_id IS 'Present queue';
COMMENT ON COLUMN millrace.scheduled.template_id IS 'Its template';
COMMENT ON COLUMN millrace.scheduled.priority IS 'Present priority';
COMMENT ON COLUMN millrace.scheduled.attempt IS 'Attempts counted so far';
COMMENT ON COLUMN millrace.scheduled.retrying IS 'true = waits for its backoff after a failed attempt';

CREATE TABLE millrace.parked (
    job_id bigint CONSTRAINT parked_pk PRIMARY KEY,
    state millrace.job_state NOT NULL CONSTRAINT parked_state_known CHECK (state IN ('blocked', 'held')),
    since timestamptz NOT NULL,
    run_at timestamptz,
    queue_id integer NOT NULL,
    template_id integer NOT NULL,
    priority smallint NOT NULL,
    attempt smallint NOT NULL CONSTRAINT parked_attempt_range CHECK (attempt >= 0),
    parked_by text NOT NULL,
    reason text
);
COMMENT ON TABLE millrace.parked IS 'Jobs that wait for somebody or something: held and blocked';
COMMENT ON COLUMN millrace.parked.job_id IS 'The job';
COMMENT ON COLUMN millrace.parked.state IS 'held or blocked';
COMMENT ON COLUMN millrace.parked.since IS 'Since when';
COMMENT ON COLUMN millrace.parked.run_at IS 'Its time, kept for the release';
COMMENT ON COLUMN millrace.parked.queue_id IS 'Present queue';
COMMENT ON COLUMN millrace.parked.template_id IS 'Its template';
COMMENT ON COLUMN millrace.parked.priority IS 'Present priority';
COMMENT ON COLUMN millrace.parked.attempt IS 'Attempts counted so far';
COMMENT ON COLUMN millrace.parked.parked_by IS 'Who held it, or "millrace"';
COMMENT ON COLUMN millrace.parked.reason IS 'Why';

CREATE TABLE millrace.nodes (
    id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT nodes_pk PRIMARY KEY,
    name text NOT NULL CONSTRAINT nodes_name_shape CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    epoch bigint NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'up' CONSTRAINT nodes_state_known CHECK (state IN ('up', 'draining', 'down')),
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version text NOT NULL,
    slots integer NOT NULL DEFAULT 0,
    busy integer NOT NULL DEFAULT 0,
    memory_bytes bigint,
    labels jsonb NOT NULL DEFAULT '{}',
    queues text[],
    clock_skew_ms integer
);
CREATE UNIQUE INDEX nodes_by_name ON millrace.nodes (name);
COMMENT ON TABLE millrace.nodes IS 'Millrace process groups that run jobs. One UPDATE per heartbeat and node';
COMMENT ON COLUMN millrace.nodes.id IS 'Row id';
COMMENT ON COLUMN millrace.nodes.name IS 'MILLRACE_NODE';
COMMENT ON COLUMN millrace.nodes.epoch IS 'Raised at each start of its engine; leases of older epochs are void';
COMMENT ON COLUMN millrace.nodes.state IS 'up, draining (takes no new work) or down (stopped or declared lost)';
COMMENT ON COLUMN millrace.nodes.started_at IS 'Start of this epoch';
COMMENT ON COLUMN millrace.nodes.heartbeat_at IS 'Last heartbeat, by the database''s clock';
COMMENT ON COLUMN millrace.nodes.version IS 'Version of the program';
COMMENT ON COLUMN millrace.nodes.slots IS 'Worker threads';
COMMENT ON COLUMN millrace.nodes.busy IS 'Slots in use at the last heartbeat';
COMMENT ON COLUMN millrace.nodes.memory_bytes IS 'Resident memory of the engine at the last heartbeat';
COMMENT ON COLUMN millrace.nodes.labels IS 'MILLRACE_LABELS';
COMMENT ON COLUMN millrace.nodes.queues IS 'Queues served; null = all';
COMMENT ON COLUMN millrace.nodes.clock_skew_ms IS 'The node''s clock minus the database''s';

CREATE TABLE millrace.leases (
    id bigint CONSTRAINT leases_pk PRIMARY KEY DEFAULT nextval('millrace.lease_seq'),
    node_id integer NOT NULL,
    epoch bigint NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    job_ids bigint[] NOT NULL,
    attempts smallint[] NOT NULL,
    CONSTRAINT leases_arrays_match CHECK (cardinality(job_ids) = cardinality(attempts) AND cardinality(job_ids) > 0)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX leases_of_node ON millrace.leases (node_id, id);
COMMENT ON TABLE millrace.leases IS 'One row per claimed batch: the jobs that run now. Its id is the fence: every write of an attempt finds it locked here or changes nothing';
COMMENT ON COLUMN millrace.leases.id IS 'Lease and fence';
COMMENT ON COLUMN millrace.leases.node_id IS 'Who holds it';
COMMENT ON COLUMN millrace.leases.epoch IS 'The holder''s epoch';
COMMENT ON COLUMN millrace.leases.started_at IS 'When it was claimed';
COMMENT ON COLUMN millrace.leases.job_ids IS 'Jobs of the batch that have not ended; at most 1,000';
COMMENT ON COLUMN millrace.leases.attempts IS 'Number of each job''s attempt';

CREATE TABLE millrace.history (
    job_id bigint NOT NULL,
    fence bigint,
    since timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz NOT NULL,
    template_id integer NOT NULL,
    version integer NOT NULL,
    queue_id integer NOT NULL,
    node_id integer,
    state millrace.job_state NOT NULL CONSTRAINT history_state_terminal CHECK (state IN ('succeeded', 'failed', 'cancelled', 'expired')),
    priority smallint NOT NULL,
    attempt smallint NOT NULL,
    cpu_ms integer,
    exit_code integer,
    http_status smallint,
    peak_memory_bytes bigint,
    log_bytes integer,
    ended_by text,
    error text,
    fingerprint text,
    output jsonb,
    CONSTRAINT history_pk PRIMARY KEY (job_id),
    CONSTRAINT history_success_started CHECK (state <> 'succeeded' OR started_at IS NOT NULL)
) PARTITION BY RANGE (job_id);
CREATE INDEX history_failed ON millrace.history (job_id DESC) WHERE state = 'failed';
CREATE INDEX history_stopped ON millrace.history (job_id DESC) WHERE state IN ('cancelled', 'expired');
COMMENT ON TABLE millrace.history IS 'How jobs ended; inserted by the settling statement, dropped by partition';
COMMENT ON COLUMN millrace.history.job_id IS 'The job';
COMMENT ON COLUMN millrace.history.fence IS 'Lease of the last attempt; null = never started';
COMMENT ON COLUMN millrace.history.since IS 'Since when it waited before its last attempt, or before it was cancelled or expired';
COMMENT ON COLUMN millrace.history.started_at IS 'Start of the last attempt; null = never started';
COMMENT ON COLUMN millrace.history.finished_at IS 'End';
COMMENT ON COLUMN millrace.history.template_id IS 'Its template';
COMMENT ON COLUMN millrace.history.version IS 'The template''s version';
COMMENT ON COLUMN millrace.history.queue_id IS 'Last queue';
COMMENT ON COLUMN millrace.history.node_id IS 'Where the last attempt ran';
COMMENT ON COLUMN millrace.history.state IS 'Terminal state';
COMMENT ON COLUMN millrace.history.priority IS 'Last priority';
COMMENT ON COLUMN millrace.history.attempt IS 'Attempts counted';
COMMENT ON COLUMN millrace.history.cpu_ms IS 'CPU time of the last attempt in milliseconds';
COMMENT ON COLUMN millrace.history.exit_code IS 'Exit code of a command; 128 + signal when one ended it';
COMMENT ON COLUMN millrace.history.http_status IS 'Status of an HTTP call';
COMMENT ON COLUMN millrace.history.peak_memory_bytes IS 'Largest resident set of the last attempt';
COMMENT ON COLUMN millrace.history.log_bytes IS 'Log kept of the last attempt; null = none';
COMMENT ON COLUMN millrace.history.ended_by IS 'Who cancelled it, if somebody did';
COMMENT ON COLUMN millrace.history.error IS 'Why it failed or was cancelled, at most 8 KiB';
COMMENT ON COLUMN millrace.history.fingerprint IS 'Normalised identity of the failure';
COMMENT ON COLUMN millrace.history.output IS 'What it gave, at most 256 KiB';

CREATE TABLE millrace.attempts (
    job_id bigint NOT NULL,
    number smallint NOT NULL CONSTRAINT attempts_number_range CHECK (number > 0),
    fence bigint NOT NULL,
    started_at timestamptz,
    finished_at timestamptz NOT NULL,
    node_id integer,
    outcome text NOT NULL CONSTRAINT attempts_outcome_known CHECK (outcome IN ('failed', 'timed out', 'cancelled', 'interrupted', 'snoozed', 'handed back')),
    counted boolean NOT NULL,
    cpu_ms integer,
    exit_code integer,
    http_status smallint,
    peak_memory_bytes bigint,
    log_bytes integer,
    error text,
    trace text,
    fingerprint text,
    CONSTRAINT attempts_pk PRIMARY KEY (job_id, fence)
) PARTITION BY RANGE (job_id);
COMMENT ON TABLE millrace.attempts IS 'Attempts that did not succeed; a success stands in history alone';
COMMENT ON COLUMN millrace.attempts.job_id IS 'The job';
COMMENT ON COLUMN millrace.attempts.number IS 'Its number, from 1; an uncounted attempt''s number is used again';
COMMENT ON COLUMN millrace.attempts.fence IS 'Lease it ran under';
COMMENT ON COLUMN millrace.attempts.started_at IS 'Start; null = claimed but never started';
COMMENT ON COLUMN millrace.attempts.finished_at IS 'End';
COMMENT ON COLUMN millrace.attempts.node_id IS 'Where';
COMMENT ON COLUMN millrace.attempts.outcome IS 'How it ended';
COMMENT ON COLUMN millrace.attempts.counted IS 'false = does not count against max_attempts (drained node, snooze)';
COMMENT ON COLUMN millrace.attempts.cpu_ms IS 'CPU time in milliseconds';
COMMENT ON COLUMN millrace.attempts.exit_code IS 'Exit code of a command';
COMMENT ON COLUMN millrace.attempts.http_status IS 'Status of an HTTP call';
COMMENT ON COLUMN millrace.attempts.peak_memory_bytes IS 'Largest resident set';
COMMENT ON COLUMN millrace.attempts.log_bytes IS 'Log kept; null = none';
COMMENT ON COLUMN millrace.attempts.error IS 'Why, at most 8 KiB';
COMMENT ON COLUMN millrace.attempts.trace IS 'Where in the code, if known';
COMMENT ON COLUMN millrace.attempts.fingerprint IS 'Normalised identity of the failure';

CREATE TABLE millrace.log_chunks (
    job_id bigint NOT NULL,
    attempt smallint NOT NULL,
    fence bigint NOT NULL,
    chunk integer NOT NULL,
    first_line integer NOT NULL,
    lines integer NOT NULL CONSTRAINT log_chunks_lines_range CHECK (lines >= 0),
    dropped_bytes bigint NOT NULL DEFAULT 0,
    packed boolean NOT NULL DEFAULT false,
    body bytea NOT NULL,
    CONSTRAINT log_chunks_pk PRIMARY KEY (job_id, fence, chunk),
    CONSTRAINT log_chunks_hold_something CHECK (lines > 0 OR dropped_bytes > 0)
) PARTITION BY RANGE (job_id);
ALTER TABLE millrace.log_chunks ALTER COLUMN body SET STORAGE EXTERNAL; -- packed by us
CREATE INDEX log_chunks_packable ON millrace.log_chunks (job_id, fence) WHERE NOT packed AND chunk = 1; -- one chunk alone is not worth it
COMMENT ON TABLE millrace.log_chunks IS 'Log of attempts: about one row per second while running, packed into one row afterwards when there are several';
COMMENT ON COLUMN millrace.log_chunks.job_id IS 'The job';
COMMENT ON COLUMN millrace.log_chunks.attempt IS 'Number of the attempt';
COMMENT ON COLUMN millrace.log_chunks.fence IS 'Lease the attempt ran under';
COMMENT ON COLUMN millrace.log_chunks.chunk IS 'Order within the attempt, from 0';
COMMENT ON COLUMN millrace.log_chunks.first_line IS 'Number of its first line within the attempt, from 1';
COMMENT ON COLUMN millrace.log_chunks.lines IS 'How many lines; 0 = it only tells what was left out';
COMMENT ON COLUMN millrace.log_chunks.dropped_bytes IS 'Bytes dropped after this chunk because the log was full';
COMMENT ON COLUMN millrace.log_chunks.packed IS 'true = body is deflated';
COMMENT ON COLUMN millrace.log_chunks.body IS 'Lines "<unix ms> <level letter> <text>\n" in UTF-8';

CREATE TABLE millrace.live (
    job_id bigint CONSTRAINT live_pk PRIMARY KEY,
    fence bigint NOT NULL,
    done bigint,
    total bigint,
    message text,
    checkpoint jsonb,
    updated_at timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE millrace.live IS 'Progress and checkpoint of jobs that report some and have not ended';
COMMENT ON COLUMN millrace.live.job_id IS 'The job';
COMMENT ON COLUMN millrace.live.fence IS 'Lease of the attempt that wrote last';
COMMENT ON COLUMN millrace.live.done IS 'Units done';
COMMENT ON COLUMN millrace.live.total IS 'Units in all; 0 = not known';
COMMENT ON COLUMN millrace.live.message IS 'What is being done';
COMMENT ON COLUMN millrace.live.checkpoint IS 'What the next attempt continues from';
COMMENT ON COLUMN millrace.live.updated_at IS 'Last write';

CREATE TABLE millrace.intents (
    job_id bigint CONSTRAINT intents_pk PRIMARY KEY,
    kind text NOT NULL CONSTRAINT intents_kind_known CHECK (kind IN ('cancel')),
    wanted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    wanted_by text NOT NULL,
    reason text
);
COMMENT ON TABLE millrace.intents IS 'What somebody wants of a running job; its node reads it, the settling statement removes it';
COMMENT ON COLUMN millrace.intents.job_id IS 'The job';
COMMENT ON COLUMN millrace.intents.kind IS 'cancel';
COMMENT ON COLUMN millrace.intents.wanted_at IS 'Since when';
COMMENT ON COLUMN millrace.intents.wanted_by IS 'By whom';
COMMENT ON COLUMN millrace.intents.reason IS 'Why';

CREATE TABLE millrace.unique_keys (
    key text CONSTRAINT unique_keys_pk PRIMARY KEY CONSTRAINT unique_keys_length CHECK (length(key) BETWEEN 1 AND 255),
    job_id bigint NOT NULL,
    until timestamptz
);
COMMENT ON TABLE millrace.unique_keys IS 'Who owns a unique key: the unfinished job, or until a time';
COMMENT ON COLUMN millrace.unique_keys.key IS 'The key';
COMMENT ON COLUMN millrace.unique_keys.job_id IS 'Its owner';
COMMENT ON COLUMN millrace.unique_keys.until IS 'null = until the job ends; else until then, ended or not';

CREATE TABLE millrace.idempotency (
    scope text NOT NULL CONSTRAINT idempotency_scope_length CHECK (length(scope) <= 100),
    key text NOT NULL CONSTRAINT idempotency_key_length CHECK (length(key) BETWEEN 1 AND 255),
    body_hash bytea NOT NULL,
    answer jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT idempotency_pk PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_by_age ON millrace.idempotency (created_at);
COMMENT ON TABLE millrace.idempotency IS 'Answers to requests with an Idempotency-Key, kept for 24 h';
COMMENT ON COLUMN millrace.idempotency.scope IS 'Whose key: "person:3", "token:7"';
COMMENT ON COLUMN millrace.idempotency.key IS 'The key';
COMMENT ON COLUMN millrace.idempotency.body_hash IS 'SHA-256 of method, path and body';
COMMENT ON COLUMN millrace.idempotency.answer IS 'What the first request was answered';
COMMENT ON COLUMN millrace.idempotency.created_at IS 'When';

-- Partitions are made by the owner, also when the runtime role asks.
CREATE FUNCTION millrace.create_partitions(ahead bigint DEFAULT 4) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = millrace, pg_temp SET client_min_messages = warning AS $$
DECLARE
    ids_per_partition CONSTANT bigint := 1000000;
    newest bigint := (SELECT last_value FROM millrace.job_seq) / ids_per_partition;
    part bigint;
    parent text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('millrace.create_partitions'));
    FOR part IN newest .. newest + ahead LOOP
        FOREACH parent IN ARRAY ARRAY['jobs', 'history', 'attempts', 'log_chunks'] LOOP
            CONTINUE WHEN to_regclass(format('millrace.%I', parent || '_p' || part)) IS NOT NULL;
            EXECUTE format('CREATE TABLE millrace.%I PARTITION OF millrace.%I FOR VALUES FROM (%s) TO (%s)',
                parent || '_p' || part, parent, part * ids_per_partition, (part + 1) * ids_per_partition);
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
COMMENT ON FUNCTION millrace.create_partitions IS 'Makes partitions of one million ids each, up to "ahead" beyond the present one; tells how many tables it made';
SELECT millrace.create_partitions();
