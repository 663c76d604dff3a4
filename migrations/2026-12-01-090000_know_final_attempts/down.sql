ALTER TABLE millrace.attempts DROP COLUMN final;
