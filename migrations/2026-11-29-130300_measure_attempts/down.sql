ALTER TABLE millrace.attempts DROP COLUMN read_bytes, DROP COLUMN written_bytes, DROP COLUMN ran_as;
ALTER TABLE millrace.history DROP COLUMN read_bytes, DROP COLUMN written_bytes, DROP COLUMN ran_as;
