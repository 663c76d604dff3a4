ALTER TABLE millrace.rollups ADD COLUMN came bigint NOT NULL DEFAULT 0, ADD COLUMN went bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN millrace.rollups.came IS 'Jobs that became ready: new ones, those that fell due, retries, those that were let go or moved here';
COMMENT ON COLUMN millrace.rollups.went IS 'Jobs that were ready and are so no longer, whatever became of them';
