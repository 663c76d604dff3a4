DROP TABLE millrace.gated, millrace.lane_freed, millrace.lane_use, millrace.lanes;
ALTER TABLE millrace.queues DROP COLUMN concurrency;
ALTER TABLE millrace.template_versions DROP COLUMN limits;
ALTER TABLE millrace.jobs DROP COLUMN limit_keys;
