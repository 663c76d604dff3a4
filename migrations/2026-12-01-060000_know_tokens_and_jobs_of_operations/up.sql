ALTER TABLE millrace.operations ADD COLUMN token_id bigint;
COMMENT ON COLUMN millrace.operations.token_id IS 'The token that started it; it goes on only while that is neither revoked nor expired. NULL = no token';
-- which token started those that run now is not known, so they come to rest; whoever started them may resume them with their own rights
UPDATE millrace.operations SET state = 'stopped', finished_at = clock_timestamp(), ended_by = 'an update of Millrace'
WHERE state = 'running' AND token_scopes IS NOT NULL;
ALTER TABLE millrace.operations DROP COLUMN token_scopes;

ALTER TABLE millrace.operation_chunks ADD COLUMN first_job bigint, ADD COLUMN last_job bigint,
    ADD CONSTRAINT operation_chunks_span CHECK ((first_job IS NULL) = (last_job IS NULL) AND first_job <= last_job);
COMMENT ON COLUMN millrace.operation_chunks.first_job IS 'Lowest number of the jobs in done and asked; NULL = there are none, or the chunk is older than this column';
COMMENT ON COLUMN millrace.operation_chunks.last_job IS 'Highest number of them';
CREATE INDEX operation_chunks_of_job ON millrace.operation_chunks USING gist (int8range(first_job, last_job, '[]')) WHERE first_job IS NOT NULL;
