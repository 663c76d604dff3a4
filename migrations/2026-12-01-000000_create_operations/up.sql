ALTER TABLE millrace.state_deltas ADD COLUMN between_queues boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN millrace.state_deltas.between_queues IS 'The jobs moved from one queue to another: what enters is not enqueued anew';

CREATE TABLE millrace.operations (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT operations_pk PRIMARY KEY,
    act text NOT NULL CONSTRAINT operations_act_known
        CHECK (act IN ('retry', 'cancel', 'hold', 'release', 'reschedule', 'priority', 'move', 'discard', 'export')),
    value jsonb NOT NULL DEFAULT '{}' CONSTRAINT operations_value_object CHECK (jsonb_typeof(value) = 'object'),
    query text NOT NULL CONSTRAINT operations_query_length CHECK (length(query) <= 8000),
    zone text NOT NULL,
    job_ids bigint[] CONSTRAINT operations_ids_bounded CHECK (cardinality(job_ids) BETWEEN 1 AND 1000),
    reason text,
    person_id bigint,
    actor text NOT NULL,
    via text NOT NULL,
    token_scopes text[],
    rate_per_s integer CONSTRAINT operations_rate_positive CHECK (rate_per_s > 0),
    expected bigint CONSTRAINT operations_expected_range CHECK (expected >= 0),
    state text NOT NULL DEFAULT 'running' CONSTRAINT operations_state_known CHECK (state IN ('running', 'stopped', 'done', 'failed')),
    below bigint NOT NULL,
    looked bigint NOT NULL DEFAULT 0,
    done bigint NOT NULL DEFAULT 0,
    asked bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    chunks integer NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    worked_ms bigint NOT NULL DEFAULT 0,
    finished_at timestamptz,
    ended_by text,
    trouble text,
    CONSTRAINT operations_finished_iff_over CHECK ((finished_at IS NULL) = (state = 'running'))
) WITH (fillfactor = 50);
CREATE INDEX operations_running ON millrace.operations (due_at, id) WHERE state = 'running';
CREATE INDEX operations_of_person ON millrace.operations (person_id, id DESC);
COMMENT ON TABLE millrace.operations IS 'Bulk operations: one act on many jobs, worked on in chunks by whichever node gets to it';
COMMENT ON COLUMN millrace.operations.id IS 'Row id';
COMMENT ON COLUMN millrace.operations.act IS 'What is done to each job';
COMMENT ON COLUMN millrace.operations.value IS 'What the act needs: {"run_at": RFC 3339}, {"priority": 1 to 5}, {"queue": name}, {"format": "csv" or "jsonl"}';
COMMENT ON COLUMN millrace.operations.query IS 'Which jobs, in the grammar of the search; empty = every job, or those of job_ids';
COMMENT ON COLUMN millrace.operations.zone IS 'Zone in which days and times of the query are meant';
COMMENT ON COLUMN millrace.operations.job_ids IS 'The ticked jobs; null = those of the query';
COMMENT ON COLUMN millrace.operations.reason IS 'Why, in the words of whoever started it';
COMMENT ON COLUMN millrace.operations.person_id IS 'Who started it; null = the command line or Millrace itself. Their present role and scope hold at each chunk';
COMMENT ON COLUMN millrace.operations.actor IS 'Who started it, as jobs keep their author';
COMMENT ON COLUMN millrace.operations.via IS 'console, token, command line or system';
COMMENT ON COLUMN millrace.operations.token_scopes IS 'Scopes of the token that started it';
COMMENT ON COLUMN millrace.operations.rate_per_s IS 'Most jobs per second; null = as fast as it goes';
COMMENT ON COLUMN millrace.operations.expected IS 'How many jobs matched when it was started; null = more than could be counted';
COMMENT ON COLUMN millrace.operations.state IS 'running, stopped (may be resumed), done or failed (may be resumed)';
COMMENT ON COLUMN millrace.operations.below IS 'It goes on with jobs of ids below this; jobs that came after its start are never meant';
COMMENT ON COLUMN millrace.operations.looked IS 'Jobs that matched when it came to them';
COMMENT ON COLUMN millrace.operations.done IS 'Jobs it was done to';
COMMENT ON COLUMN millrace.operations.asked IS 'Running jobs whose nodes were told';
COMMENT ON COLUMN millrace.operations.skipped IS 'Jobs that were left alone; the reasons stand in operation_chunks';
COMMENT ON COLUMN millrace.operations.chunks IS 'Chunks so far';
COMMENT ON COLUMN millrace.operations.started_at IS 'When it was started';
COMMENT ON COLUMN millrace.operations.asked_at IS 'The moment that "ago" in the query counts from, by the clock of the program';
COMMENT ON COLUMN millrace.operations.due_at IS 'When its next chunk is due';
COMMENT ON COLUMN millrace.operations.worked_ms IS 'Time spent running, in milliseconds, without the time it was stopped';
COMMENT ON COLUMN millrace.operations.finished_at IS 'When it was done, stopped or failed';
COMMENT ON COLUMN millrace.operations.ended_by IS 'Who stopped it';
COMMENT ON COLUMN millrace.operations.trouble IS 'Why it failed';

CREATE TABLE millrace.operation_chunks (
    operation_id bigint NOT NULL,
    number integer NOT NULL CONSTRAINT operation_chunks_number_range CHECK (number > 0),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done bigint[] NOT NULL,
    asked bigint[] NOT NULL,
    skipped bigint[] NOT NULL,
    reasons text[] NOT NULL,
    body bytea,
    CONSTRAINT operation_chunks_pk PRIMARY KEY (operation_id, number),
    CONSTRAINT operation_chunks_reasons_match CHECK (cardinality(skipped) = cardinality(reasons))
);
COMMENT ON TABLE millrace.operation_chunks IS 'What became of the jobs of an operation, chunk by chunk';
COMMENT ON COLUMN millrace.operation_chunks.operation_id IS 'The operation';
COMMENT ON COLUMN millrace.operation_chunks.number IS 'Order, from 1';
COMMENT ON COLUMN millrace.operation_chunks.at IS 'When';
COMMENT ON COLUMN millrace.operation_chunks.done IS 'Jobs it was done to';
COMMENT ON COLUMN millrace.operation_chunks.asked IS 'Running jobs whose nodes were told';
COMMENT ON COLUMN millrace.operation_chunks.skipped IS 'Jobs that were left alone';
COMMENT ON COLUMN millrace.operation_chunks.reasons IS 'Why each of them was';
COMMENT ON COLUMN millrace.operation_chunks.body IS 'Deflated lines of an export';
