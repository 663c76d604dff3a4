ALTER TABLE millrace.nodes DROP COLUMN limits_heard;
ALTER TABLE millrace.queues DROP COLUMN limit_change;
