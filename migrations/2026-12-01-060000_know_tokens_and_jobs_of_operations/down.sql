-- the older program would take those that a token started for a person's own
UPDATE millrace.operations SET state = 'stopped', finished_at = clock_timestamp(), ended_by = 'a downgrade of Millrace'
WHERE state = 'running' AND token_id IS NOT NULL;
DROP INDEX millrace.operation_chunks_of_job;
ALTER TABLE millrace.operation_chunks DROP COLUMN first_job, DROP COLUMN last_job;
ALTER TABLE millrace.operations ADD COLUMN token_scopes text[];
COMMENT ON COLUMN millrace.operations.token_scopes IS 'Scopes of the token that started it';
ALTER TABLE millrace.operations DROP COLUMN token_id;
