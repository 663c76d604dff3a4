-- Pools: named amounts of a resource that jobs reserve while they run. A lane ("p" and the name) bounds each.
CREATE TABLE millrace.pools (
    name text COLLATE "C" CONSTRAINT pools_pk PRIMARY KEY CONSTRAINT pools_name_form CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    amount integer NOT NULL CONSTRAINT pools_amount_range CHECK (amount BETWEEN 0 AND 1000000000),
    unit text NOT NULL DEFAULT '' CONSTRAINT pools_unit_length CHECK (length(unit) <= 20),
    description text NOT NULL DEFAULT '' CONSTRAINT pools_description_length CHECK (length(description) <= 500),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version integer NOT NULL DEFAULT 1 CONSTRAINT pools_version_positive CHECK (version > 0)
);
COMMENT ON TABLE millrace.pools IS 'Named amounts of resources that jobs reserve while they run';
COMMENT ON COLUMN millrace.pools.name IS 'Its name, by which templates reserve of it';
COMMENT ON COLUMN millrace.pools.amount IS 'What there is in all; 0 = nothing that reserves of it begins';
COMMENT ON COLUMN millrace.pools.unit IS 'What is counted, for people ("MB", "connections"); empty = nothing particular';
COMMENT ON COLUMN millrace.pools.description IS 'What it stands for, for people';
COMMENT ON COLUMN millrace.pools.created_at IS 'When it was made';
COMMENT ON COLUMN millrace.pools.updated_at IS 'When it was changed last';
COMMENT ON COLUMN millrace.pools.version IS 'Raised by each change, so that nobody overwrites what he has not seen';

ALTER TABLE millrace.lanes DROP CONSTRAINT lanes_jobs_max_positive, ADD CONSTRAINT lanes_jobs_max_not_negative CHECK (jobs_max >= 0);
COMMENT ON COLUMN millrace.lanes.key IS 'The key: "q3" a queue, "t7" a template, "n7" the same on each node, "k7:[…]" and "r7:[…]" a template with the values of parameters, "pNAME" a pool, "o:…" an ordering key, "e:…" its enqueueing';
COMMENT ON COLUMN millrace.lanes.jobs_max IS 'Most jobs that run at once, or the amount of a pool, as of the last decision; NULL = a lane of a rate';
COMMENT ON COLUMN millrace.lane_use.taken IS 'Places or amounts taken so far; what it holds is this less what it freed';
COMMENT ON COLUMN millrace.jobs.limit_keys IS 'Lanes whose limits hold for it: "t7" its template, "k7:[…]" and "r7:[…]" with the values of parameters, "pNAME" a pool that it reserves of; NULL = none';

ALTER TABLE millrace.gated ADD COLUMN amount integer NOT NULL DEFAULT 1 CONSTRAINT gated_amount_positive CHECK (amount > 0);
COMMENT ON COLUMN millrace.gated.amount IS 'What it needs of its lane: 1 place, or what it reserves of a pool';
CREATE INDEX gated_of_pool ON millrace.gated (lane, priority, job_id, amount) WHERE lane >= 'p' AND lane < 'q';
CREATE INDEX gated_by_amount ON millrace.gated (lane, amount) WHERE lane >= 'p' AND lane < 'q';

CREATE TABLE millrace.lane_kept (
    lane text COLLATE "C" NOT NULL,
    job_id bigint NOT NULL,
    queue_id integer NOT NULL,
    amount integer NOT NULL CONSTRAINT lane_kept_amount_positive CHECK (amount > 0),
    until timestamptz NOT NULL,
    CONSTRAINT lane_kept_pk PRIMARY KEY (lane, job_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX lane_kept_of_job ON millrace.lane_kept (job_id);
COMMENT ON TABLE millrace.lane_kept IS 'What is kept of pools for jobs that were let in and have not been decided about yet, so that no smaller one takes it on their way';
COMMENT ON COLUMN millrace.lane_kept.lane IS 'The pool''s lane';
COMMENT ON COLUMN millrace.lane_kept.job_id IS 'The job';
COMMENT ON COLUMN millrace.lane_kept.queue_id IS 'Its queue: while that is paused or served by nobody, nothing is kept';
COMMENT ON COLUMN millrace.lane_kept.amount IS 'How much';
COMMENT ON COLUMN millrace.lane_kept.until IS 'How long: about as long as the job had waited, so that a job which comes too late comes in time in the end';
