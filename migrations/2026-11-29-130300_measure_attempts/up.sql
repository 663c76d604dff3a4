ALTER TABLE millrace.history ADD COLUMN read_bytes bigint, ADD COLUMN written_bytes bigint, ADD COLUMN ran_as text;
COMMENT ON COLUMN millrace.history.read_bytes IS 'What the last attempt read from disks, in bytes; what was in memory already does not count';
COMMENT ON COLUMN millrace.history.written_bytes IS 'What the last attempt gave to disks to be written, in bytes';
COMMENT ON COLUMN millrace.history.ran_as IS 'System user that the last attempt ran as; null = inside the engine';

ALTER TABLE millrace.attempts ADD COLUMN read_bytes bigint, ADD COLUMN written_bytes bigint, ADD COLUMN ran_as text;
COMMENT ON COLUMN millrace.attempts.read_bytes IS 'What it read from disks, in bytes; what was in memory already does not count';
COMMENT ON COLUMN millrace.attempts.written_bytes IS 'What it gave to disks to be written, in bytes';
COMMENT ON COLUMN millrace.attempts.ran_as IS 'System user that it ran as; null = inside the engine';
