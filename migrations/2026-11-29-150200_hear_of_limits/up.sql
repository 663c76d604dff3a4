ALTER TABLE millrace.queues ADD COLUMN limit_change bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN millrace.queues.limit_change IS 'Number of the last change that set its limit on all nodes, counted over all queues; 0 = none did';
ALTER TABLE millrace.nodes ADD COLUMN limits_heard bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN millrace.nodes.limits_heard IS 'Number of the last such change that it obeys: what it runs of those queues holds places in their lanes';
