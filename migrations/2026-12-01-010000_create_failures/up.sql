-- Failures by fingerprint: deltas written by the settling transactions are folded into groups and counts per hour.
CREATE TABLE millrace.failure_groups (
    fingerprint text COLLATE "C" CONSTRAINT failure_groups_pk PRIMARY KEY CONSTRAINT failure_groups_fingerprint_form CHECK (fingerprint ~ '^[0-9a-f]{16}$'),
    template_id integer NOT NULL,
    message text NOT NULL,
    error text NOT NULL,
    first_seen timestamptz NOT NULL,
    last_seen timestamptz NOT NULL,
    first_job bigint NOT NULL,
    last_job bigint NOT NULL,
    last_number smallint NOT NULL,
    first_version integer NOT NULL,
    last_version integer NOT NULL,
    attempts bigint NOT NULL CONSTRAINT failure_groups_attempts_positive CHECK (attempts > 0),
    jobs_failed bigint NOT NULL,
    rising boolean NOT NULL DEFAULT false,
    muted_until timestamptz,
    handled_at timestamptz,
    handled_by text,
    handled_from integer CONSTRAINT failure_groups_from_positive CHECK (handled_from > 0),
    returned_at timestamptz,
    assignee bigint CONSTRAINT failure_groups_assignee_fk REFERENCES millrace.people (id) ON DELETE SET NULL,
    ticket text CONSTRAINT failure_groups_ticket_length CHECK (length(ticket) <= 500),
    touched_at timestamptz,
    CONSTRAINT failure_groups_handled_together CHECK ((handled_at IS NULL) = (handled_by IS NULL)),
    CONSTRAINT failure_groups_handled_first CHECK (handled_at IS NOT NULL OR (handled_from IS NULL AND returned_at IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX failure_groups_newest ON millrace.failure_groups (last_seen DESC, fingerprint DESC);
CREATE INDEX failure_groups_first ON millrace.failure_groups (first_seen DESC, fingerprint DESC);
CREATE INDEX failure_groups_most ON millrace.failure_groups (attempts DESC, fingerprint DESC);
CREATE INDEX failure_groups_of_template ON millrace.failure_groups (template_id);
CREATE INDEX failure_groups_of_assignee ON millrace.failure_groups (assignee) WHERE assignee IS NOT NULL;
CREATE INDEX failure_groups_rising ON millrace.failure_groups (last_seen DESC) WHERE rising;
COMMENT ON TABLE millrace.failure_groups IS 'Failures with one fingerprint, and what people decided about them';
COMMENT ON COLUMN millrace.failure_groups.fingerprint IS 'Normalised identity of the failure (src/queue/fingerprint)';
COMMENT ON COLUMN millrace.failure_groups.template_id IS 'Template of its jobs';
COMMENT ON COLUMN millrace.failure_groups.message IS 'Normalised message: # stands for what varies';
COMMENT ON COLUMN millrace.failure_groups.error IS 'The newest message as it was, its first 2,000 characters';
COMMENT ON COLUMN millrace.failure_groups.first_seen IS 'End of the first attempt that failed so';
COMMENT ON COLUMN millrace.failure_groups.last_seen IS 'End of the last one';
COMMENT ON COLUMN millrace.failure_groups.first_job IS 'Job of the first attempt';
COMMENT ON COLUMN millrace.failure_groups.last_job IS 'Job of the last attempt';
COMMENT ON COLUMN millrace.failure_groups.last_number IS 'Number of the last attempt within its job';
COMMENT ON COLUMN millrace.failure_groups.first_version IS 'Lowest version of the template that failed so';
COMMENT ON COLUMN millrace.failure_groups.last_version IS 'Highest version of the template that failed so';
COMMENT ON COLUMN millrace.failure_groups.attempts IS 'Attempts that failed so, ever';
COMMENT ON COLUMN millrace.failure_groups.jobs_failed IS 'Jobs that failed so for good, ever';
COMMENT ON COLUMN millrace.failure_groups.rising IS 'true = the last hour has clearly more of it than the hours of the week before; kept by a duty';
COMMENT ON COLUMN millrace.failure_groups.muted_until IS 'Until when nobody wants to hear of it; NULL = not muted';
COMMENT ON COLUMN millrace.failure_groups.handled_at IS 'When somebody marked it handled; NULL = nobody did';
COMMENT ON COLUMN millrace.failure_groups.handled_by IS 'Who did';
COMMENT ON COLUMN millrace.failure_groups.handled_from IS 'From which version of the template on it should not come again; NULL = not at all';
COMMENT ON COLUMN millrace.failure_groups.returned_at IS 'When it came again although it was handled';
COMMENT ON COLUMN millrace.failure_groups.assignee IS 'Who looks after it';
COMMENT ON COLUMN millrace.failure_groups.ticket IS 'Address of a ticket elsewhere';
COMMENT ON COLUMN millrace.failure_groups.touched_at IS 'When somebody decided something about it last; NULL = nobody has looked after it yet';

CREATE TABLE millrace.failure_counts (
    fingerprint text COLLATE "C" NOT NULL CONSTRAINT failure_counts_group_fk REFERENCES millrace.failure_groups (fingerprint) ON DELETE CASCADE,
    hour timestamptz NOT NULL,
    version integer NOT NULL,
    queue_id integer NOT NULL,
    node_id integer NOT NULL,
    attempts bigint NOT NULL CONSTRAINT failure_counts_attempts_positive CHECK (attempts > 0),
    jobs_failed bigint NOT NULL,
    CONSTRAINT failure_counts_pk PRIMARY KEY (fingerprint, hour, version, queue_id, node_id)
) WITH (fillfactor = 70);
CREATE INDEX failure_counts_by_age ON millrace.failure_counts (hour);
COMMENT ON TABLE millrace.failure_counts IS 'Failed attempts of a group per hour, version, queue and node; kept for 90 days';
COMMENT ON COLUMN millrace.failure_counts.fingerprint IS 'The group';
COMMENT ON COLUMN millrace.failure_counts.hour IS 'Start of the hour in which the attempts ended, UTC';
COMMENT ON COLUMN millrace.failure_counts.version IS 'Version of the template';
COMMENT ON COLUMN millrace.failure_counts.queue_id IS 'Queue';
COMMENT ON COLUMN millrace.failure_counts.node_id IS 'Node';
COMMENT ON COLUMN millrace.failure_counts.attempts IS 'Attempts that failed';
COMMENT ON COLUMN millrace.failure_counts.jobs_failed IS 'Jobs that failed for good';

CREATE TABLE millrace.failure_deltas (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT failure_deltas_pk PRIMARY KEY,
    fingerprint text COLLATE "C" NOT NULL,
    template_id integer NOT NULL,
    hour timestamptz NOT NULL,
    version integer NOT NULL,
    queue_id integer NOT NULL,
    node_id integer NOT NULL,
    attempts integer NOT NULL,
    jobs_failed integer NOT NULL,
    first_at timestamptz NOT NULL,
    first_job bigint NOT NULL,
    last_at timestamptz NOT NULL,
    last_job bigint NOT NULL,
    last_number smallint NOT NULL,
    message text NOT NULL,
    error text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE millrace.failure_deltas IS 'Failed attempts that were settled and not folded yet: one row per batch, fingerprint, hour, version and queue';
COMMENT ON COLUMN millrace.failure_deltas.id IS 'Row id';
COMMENT ON COLUMN millrace.failure_deltas.fingerprint IS 'The group';
COMMENT ON COLUMN millrace.failure_deltas.template_id IS 'Template';
COMMENT ON COLUMN millrace.failure_deltas.hour IS 'Start of the hour in which the attempts ended, UTC';
COMMENT ON COLUMN millrace.failure_deltas.version IS 'Version of the template';
COMMENT ON COLUMN millrace.failure_deltas.queue_id IS 'Queue';
COMMENT ON COLUMN millrace.failure_deltas.node_id IS 'Node';
COMMENT ON COLUMN millrace.failure_deltas.attempts IS 'Attempts that failed';
COMMENT ON COLUMN millrace.failure_deltas.jobs_failed IS 'Jobs that failed for good';
COMMENT ON COLUMN millrace.failure_deltas.first_at IS 'End of the first of them';
COMMENT ON COLUMN millrace.failure_deltas.first_job IS 'Job of the first of them';
COMMENT ON COLUMN millrace.failure_deltas.last_at IS 'End of the last of them';
COMMENT ON COLUMN millrace.failure_deltas.last_job IS 'Job of the last of them';
COMMENT ON COLUMN millrace.failure_deltas.last_number IS 'Number of the last attempt within its job';
COMMENT ON COLUMN millrace.failure_deltas.message IS 'Normalised message';
COMMENT ON COLUMN millrace.failure_deltas.error IS 'Message of the last of them, its first 2,000 characters';

CREATE TABLE millrace.failure_notes (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT failure_notes_pk PRIMARY KEY,
    fingerprint text COLLATE "C" NOT NULL CONSTRAINT failure_notes_group_fk REFERENCES millrace.failure_groups (fingerprint) ON DELETE CASCADE,
    at timestamptz NOT NULL,
    author text NOT NULL,
    note text NOT NULL CONSTRAINT failure_notes_length CHECK (length(note) BETWEEN 1 AND 2000)
);
CREATE INDEX failure_notes_of_group ON millrace.failure_notes (fingerprint, id DESC);
COMMENT ON TABLE millrace.failure_notes IS 'What people wrote about a failure group';
COMMENT ON COLUMN millrace.failure_notes.id IS 'Row id';
COMMENT ON COLUMN millrace.failure_notes.fingerprint IS 'The group';
COMMENT ON COLUMN millrace.failure_notes.at IS 'When';
COMMENT ON COLUMN millrace.failure_notes.author IS 'Who';
COMMENT ON COLUMN millrace.failure_notes.note IS 'What, plain text';

CREATE INDEX attempts_of_group ON millrace.attempts (fingerprint, job_id DESC) WHERE fingerprint IS NOT NULL;

ALTER TABLE millrace.folds ADD COLUMN failures_above bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN millrace.folds.failures_above IS 'The same of failure_deltas';
