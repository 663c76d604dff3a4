CREATE TABLE millrace.digests (
    block bigint CONSTRAINT digests_pk PRIMARY KEY,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    jobs integer NOT NULL CONSTRAINT digests_jobs_range CHECK (jobs BETWEEN 0 AND 4096),
    open integer NOT NULL CONSTRAINT digests_open_range CHECK (open >= 0),
    first_at timestamptz,
    last_at timestamptz,
    templates integer[] NOT NULL,
    queues integer[] NOT NULL,
    nodes integer[] NOT NULL,
    states text[] NOT NULL,
    enqueuers text[],
    tags text[],
    fingerprints text[],
    attempt_min smallint,
    attempt_max smallint,
    wait_ms_min bigint,
    wait_ms_max bigint,
    run_ms_min bigint,
    run_ms_max bigint,
    ended_first timestamptz,
    ended_last timestamptz,
    bits integer NOT NULL CONSTRAINT digests_bits_whole CHECK (bits > 0 AND bits % 8 = 0),
    grams bytea NOT NULL CONSTRAINT digests_grams_match CHECK (length(grams) * 8 = bits)
);
ALTER TABLE millrace.digests ALTER COLUMN grams SET STORAGE EXTERNAL; -- single bits are asked for: only their piece is read
CREATE INDEX digests_open ON millrace.digests (made_at) WHERE open > 0;
COMMENT ON TABLE millrace.digests IS 'What 4,096 jobs of neighbouring ids may hold, so that a search skips those that hold nothing of it; made behind the work, from the newest complete block up and down without gaps';
COMMENT ON COLUMN millrace.digests.block IS 'Ids from 4,096 times this on';
COMMENT ON COLUMN millrace.digests.made_at IS 'When it was made';
COMMENT ON COLUMN millrace.digests.jobs IS 'How many jobs there were';
COMMENT ON COLUMN millrace.digests.open IS 'Jobs that had not ended then, or were reopened or discarded since: what may change is not known of the block while there are any';
COMMENT ON COLUMN millrace.digests.first_at IS 'Earliest enqueueing';
COMMENT ON COLUMN millrace.digests.last_at IS 'Latest enqueueing';
COMMENT ON COLUMN millrace.digests.templates IS 'Their templates';
COMMENT ON COLUMN millrace.digests.queues IS 'Queues they were enqueued in or ended in';
COMMENT ON COLUMN millrace.digests.nodes IS 'Nodes of their last attempts';
COMMENT ON COLUMN millrace.digests.states IS 'States they ended in';
COMMENT ON COLUMN millrace.digests.enqueuers IS 'Who enqueued them; null = too many to be kept';
COMMENT ON COLUMN millrace.digests.tags IS 'Their tags; null = too many to be kept';
COMMENT ON COLUMN millrace.digests.fingerprints IS 'Fingerprints of those that failed; null = too many to be kept';
COMMENT ON COLUMN millrace.digests.attempt_min IS 'Fewest attempts';
COMMENT ON COLUMN millrace.digests.attempt_max IS 'Most attempts';
COMMENT ON COLUMN millrace.digests.wait_ms_min IS 'Shortest wait before the last attempt, in milliseconds';
COMMENT ON COLUMN millrace.digests.wait_ms_max IS 'Longest wait before the last attempt, in milliseconds';
COMMENT ON COLUMN millrace.digests.run_ms_min IS 'Shortest last attempt, in milliseconds';
COMMENT ON COLUMN millrace.digests.run_ms_max IS 'Longest last attempt, in milliseconds';
COMMENT ON COLUMN millrace.digests.ended_first IS 'Earliest end';
COMMENT ON COLUMN millrace.digests.ended_last IS 'Latest end';
COMMENT ON COLUMN millrace.digests.bits IS 'Size of grams in bits';
COMMENT ON COLUMN millrace.digests.grams IS 'Bloom filter of all pieces of five bytes of arguments, tags and errors in lower case, two bits each';
