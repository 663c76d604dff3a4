CREATE TABLE millrace.state_deltas (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT state_deltas_pk PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    queue_id integer NOT NULL,
    template_id integer NOT NULL,
    left_state millrace.job_state,
    entered_state millrace.job_state,
    jobs integer NOT NULL CONSTRAINT state_deltas_positive CHECK (jobs > 0),
    CONSTRAINT state_deltas_moves CHECK (left_state IS DISTINCT FROM entered_state)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE millrace.state_deltas IS 'Moves between states, written in the moving transaction, folded into state_counts once a second';
COMMENT ON COLUMN millrace.state_deltas.id IS 'Row id';
COMMENT ON COLUMN millrace.state_deltas.at IS 'When, to the minute of its rollup';
COMMENT ON COLUMN millrace.state_deltas.queue_id IS 'Queue of the jobs';
COMMENT ON COLUMN millrace.state_deltas.template_id IS 'Template of the jobs';
COMMENT ON COLUMN millrace.state_deltas.left_state IS 'State before; null = enqueued';
COMMENT ON COLUMN millrace.state_deltas.entered_state IS 'State after; null = removed by retention';
COMMENT ON COLUMN millrace.state_deltas.jobs IS 'How many jobs moved';

CREATE TABLE millrace.state_counts (
    queue_id integer NOT NULL,
    template_id integer NOT NULL,
    state millrace.job_state NOT NULL,
    jobs bigint NOT NULL,
    CONSTRAINT state_counts_pk PRIMARY KEY (queue_id, template_id, state)
) WITH (fillfactor = 50);
COMMENT ON TABLE millrace.state_counts IS 'Jobs by queue, template and state, as of the last fold; exact together with state_deltas';
COMMENT ON COLUMN millrace.state_counts.queue_id IS 'Queue';
COMMENT ON COLUMN millrace.state_counts.template_id IS 'Template';
COMMENT ON COLUMN millrace.state_counts.state IS 'State';
COMMENT ON COLUMN millrace.state_counts.jobs IS 'How many; may be negative for a moment within state_counts alone, never in the sum';

CREATE VIEW millrace.job_counts AS
SELECT queue_id, template_id, state, sum(jobs)::bigint AS jobs
FROM (
    SELECT queue_id, template_id, state, jobs FROM millrace.state_counts
    UNION ALL SELECT queue_id, template_id, entered_state, jobs FROM millrace.state_deltas WHERE entered_state IS NOT NULL
    UNION ALL SELECT queue_id, template_id, left_state, -jobs FROM millrace.state_deltas WHERE left_state IS NOT NULL
) AS moves
GROUP BY queue_id, template_id, state;
COMMENT ON VIEW millrace.job_counts IS 'Exact counts of jobs by queue, template and state; costs a few rows whatever the number of jobs';

CREATE TABLE millrace.rollup_deltas (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT rollup_deltas_pk PRIMARY KEY,
    minute timestamptz NOT NULL,
    template_id integer NOT NULL,
    queue_id integer NOT NULL,
    node_id integer NOT NULL,
    succeeded integer NOT NULL,
    failed integer NOT NULL,
    attempts_failed integer NOT NULL,
    wait_us bigint NOT NULL,
    run_us bigint NOT NULL,
    cpu_ms bigint NOT NULL,
    peak_memory_bytes bigint NOT NULL,
    wait_histogram integer[] NOT NULL,
    run_histogram integer[] NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE millrace.rollup_deltas IS 'What each settling transaction adds to the rollups; folded once a second';
COMMENT ON COLUMN millrace.rollup_deltas.id IS 'Row id';
COMMENT ON COLUMN millrace.rollup_deltas.minute IS 'Minute in which the attempts finished';
COMMENT ON COLUMN millrace.rollup_deltas.template_id IS 'Template';
COMMENT ON COLUMN millrace.rollup_deltas.queue_id IS 'Queue';
COMMENT ON COLUMN millrace.rollup_deltas.node_id IS 'Node';
COMMENT ON COLUMN millrace.rollup_deltas.succeeded IS 'Jobs that succeeded';
COMMENT ON COLUMN millrace.rollup_deltas.failed IS 'Jobs that failed for good';
COMMENT ON COLUMN millrace.rollup_deltas.attempts_failed IS 'Attempts that failed, retried or not';
COMMENT ON COLUMN millrace.rollup_deltas.wait_us IS 'Sum of waiting times for a slot, in microseconds';
COMMENT ON COLUMN millrace.rollup_deltas.run_us IS 'Sum of run times, in microseconds';
COMMENT ON COLUMN millrace.rollup_deltas.cpu_ms IS 'Sum of CPU times, in milliseconds';
COMMENT ON COLUMN millrace.rollup_deltas.peak_memory_bytes IS 'Largest resident set among them';
COMMENT ON COLUMN millrace.rollup_deltas.wait_histogram IS 'Waiting times: bucket, count, bucket, count, … (src/queue/histogram.rs)';
COMMENT ON COLUMN millrace.rollup_deltas.run_histogram IS 'Run times, same form';

-- The folded rollups have one shape for three steps.
CREATE TABLE millrace.rollups (
    step_s integer NOT NULL CONSTRAINT rollups_step_known CHECK (step_s IN (60, 3600, 86400)),
    at timestamptz NOT NULL,
    template_id integer NOT NULL,
    queue_id integer NOT NULL,
    node_id integer NOT NULL,
    enqueued bigint NOT NULL DEFAULT 0,
    succeeded bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    attempts_failed bigint NOT NULL DEFAULT 0,
    wait_us bigint NOT NULL DEFAULT 0,
    run_us bigint NOT NULL DEFAULT 0,
    cpu_ms bigint NOT NULL DEFAULT 0,
    peak_memory_bytes bigint NOT NULL DEFAULT 0,
    wait_histogram integer[] NOT NULL DEFAULT '{}',
    run_histogram integer[] NOT NULL DEFAULT '{}',
    CONSTRAINT rollups_pk PRIMARY KEY (step_s, at, template_id, queue_id, node_id)
) PARTITION BY LIST (step_s);
CREATE TABLE millrace.rollups_minute PARTITION OF millrace.rollups FOR VALUES IN (60) WITH (fillfactor = 70);
CREATE TABLE millrace.rollups_hour PARTITION OF millrace.rollups FOR VALUES IN (3600) WITH (fillfactor = 70);
CREATE TABLE millrace.rollups_day PARTITION OF millrace.rollups FOR VALUES IN (86400) WITH (fillfactor = 70);
COMMENT ON TABLE millrace.rollups IS 'Exact, mergeable sums and histograms per minute, hour and day; charts read these and never history';
COMMENT ON COLUMN millrace.rollups.step_s IS 'Length of the step in seconds';
COMMENT ON COLUMN millrace.rollups.at IS 'Start of the step, UTC';
COMMENT ON COLUMN millrace.rollups.template_id IS 'Template';
COMMENT ON COLUMN millrace.rollups.queue_id IS 'Queue';
COMMENT ON COLUMN millrace.rollups.node_id IS 'Node; 0 for what has none (enqueued)';
COMMENT ON COLUMN millrace.rollups.enqueued IS 'Jobs enqueued';
COMMENT ON COLUMN millrace.rollups.succeeded IS 'Jobs that succeeded';
COMMENT ON COLUMN millrace.rollups.failed IS 'Jobs that failed for good';
COMMENT ON COLUMN millrace.rollups.attempts_failed IS 'Attempts that failed';
COMMENT ON COLUMN millrace.rollups.wait_us IS 'Sum of waiting times, in microseconds';
COMMENT ON COLUMN millrace.rollups.run_us IS 'Sum of run times, in microseconds';
COMMENT ON COLUMN millrace.rollups.cpu_ms IS 'Sum of CPU times, in milliseconds';
COMMENT ON COLUMN millrace.rollups.peak_memory_bytes IS 'Largest resident set';
COMMENT ON COLUMN millrace.rollups.wait_histogram IS 'Waiting times: bucket, count, …';
COMMENT ON COLUMN millrace.rollups.run_histogram IS 'Run times: bucket, count, …';
