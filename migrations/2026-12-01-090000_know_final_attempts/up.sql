ALTER TABLE millrace.attempts ADD COLUMN final boolean;
COMMENT ON COLUMN millrace.attempts.final IS 'Whether the job ended with it; NULL = it is older than this column';
