-- Limits: how many jobs that share a key run at once, and how many begin within a time. Whoever has no limit meets none of this.
ALTER TABLE millrace.jobs ADD COLUMN limit_keys text[];
COMMENT ON COLUMN millrace.jobs.limit_keys IS 'Lanes whose limits hold for it: "t7" its template, "k7:[…]" and "r7:[…]" with the values of parameters; NULL = none';

ALTER TABLE millrace.template_versions ADD COLUMN limits jsonb GENERATED ALWAYS AS (nullif(spec -> 'limits', '{}')) STORED;
COMMENT ON COLUMN millrace.template_versions.limits IS 'Its limits, out of spec; NULL = none';

ALTER TABLE millrace.queues ADD COLUMN concurrency integer CONSTRAINT queues_concurrency_range CHECK (concurrency BETWEEN 1 AND 100000);
COMMENT ON COLUMN millrace.queues.concurrency IS 'Most jobs of it that run at once on all nodes; NULL = no limit';

CREATE TABLE millrace.lanes (
    key text CONSTRAINT lanes_pk PRIMARY KEY CONSTRAINT lanes_key_length CHECK (length(key) BETWEEN 1 AND 255),
    jobs_max integer CONSTRAINT lanes_jobs_max_positive CHECK (jobs_max > 0),
    tat timestamptz,
    promised timestamptz,
    touched_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE millrace.lanes IS 'One row per key that a limit was asked about; its lock orders those who take and free places';
COMMENT ON COLUMN millrace.lanes.key IS 'The key: "q3" a queue, "t7" a template, "k7:[…]" and "r7:[…]" a template with the values of parameters';
COMMENT ON COLUMN millrace.lanes.jobs_max IS 'Most jobs that run at once, as of the last decision; NULL = a lane of a rate';
COMMENT ON COLUMN millrace.lanes.tat IS 'Theoretical arrival time of the next job of a rate (GCRA); NULL = none has begun yet';
COMMENT ON COLUMN millrace.lanes.promised IS 'Last time promised to a job that exceeded the rate';
COMMENT ON COLUMN millrace.lanes.touched_at IS 'When it was last decided about; unused lanes are removed';

CREATE TABLE millrace.lane_use (
    key text NOT NULL,
    node_id integer NOT NULL,
    epoch bigint NOT NULL,
    taken bigint NOT NULL CONSTRAINT lane_use_taken_not_negative CHECK (taken >= 0),
    CONSTRAINT lane_use_pk PRIMARY KEY (key, node_id, epoch)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE millrace.lane_use IS 'How many places of a lane each node took. A row counts while its node lives under that epoch, so a dead holder holds nothing';
COMMENT ON COLUMN millrace.lane_use.key IS 'The lane';
COMMENT ON COLUMN millrace.lane_use.node_id IS 'The node';
COMMENT ON COLUMN millrace.lane_use.epoch IS 'Its epoch';
COMMENT ON COLUMN millrace.lane_use.taken IS 'Places taken so far; what it holds is this less what it freed';

CREATE TABLE millrace.lane_freed (
    key text NOT NULL,
    node_id integer NOT NULL,
    epoch bigint NOT NULL,
    freed bigint NOT NULL CONSTRAINT lane_freed_not_negative CHECK (freed >= 0),
    CONSTRAINT lane_freed_pk PRIMARY KEY (key, node_id, epoch)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE millrace.lane_freed IS 'How many places of a lane each node gave back: apart from those taken, so that claiming and settling do not wait for each other';
COMMENT ON COLUMN millrace.lane_freed.key IS 'The lane';
COMMENT ON COLUMN millrace.lane_freed.node_id IS 'The node';
COMMENT ON COLUMN millrace.lane_freed.epoch IS 'Its epoch';
COMMENT ON COLUMN millrace.lane_freed.freed IS 'Places given back so far';

CREATE TABLE millrace.gated (
    job_id bigint CONSTRAINT gated_pk PRIMARY KEY,
    lane text NOT NULL,
    since timestamptz NOT NULL,
    not_before timestamptz,
    queue_id integer NOT NULL,
    template_id integer NOT NULL,
    priority smallint NOT NULL,
    attempt smallint NOT NULL CONSTRAINT gated_attempt_range CHECK (attempt >= 0)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX gated_of_lane ON millrace.gated (lane, priority, job_id);
CREATE INDEX gated_due ON millrace.gated (not_before) WHERE not_before IS NOT NULL;
COMMENT ON TABLE millrace.gated IS 'Ready jobs that wait for a place in a lane';
COMMENT ON COLUMN millrace.gated.job_id IS 'The job';
COMMENT ON COLUMN millrace.gated.lane IS 'The lane it waits for; it may need others, too';
COMMENT ON COLUMN millrace.gated.since IS 'Since when it is ready';
COMMENT ON COLUMN millrace.gated.not_before IS 'Time promised to it by a rate; NULL = it waits for another job to end';
COMMENT ON COLUMN millrace.gated.queue_id IS 'Its queue';
COMMENT ON COLUMN millrace.gated.template_id IS 'Its template';
COMMENT ON COLUMN millrace.gated.priority IS 'Priority, 1 is the highest';
COMMENT ON COLUMN millrace.gated.attempt IS 'Attempts counted so far';
