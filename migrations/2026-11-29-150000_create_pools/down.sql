DROP TABLE millrace.lane_kept;
DROP INDEX millrace.gated_by_amount;
DROP INDEX millrace.gated_of_pool;
ALTER TABLE millrace.gated DROP COLUMN amount;
DELETE FROM millrace.lanes WHERE jobs_max = 0;
ALTER TABLE millrace.lanes DROP CONSTRAINT lanes_jobs_max_not_negative, ADD CONSTRAINT lanes_jobs_max_positive CHECK (jobs_max > 0);
DROP TABLE millrace.pools;
