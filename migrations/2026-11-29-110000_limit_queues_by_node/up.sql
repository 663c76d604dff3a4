ALTER TABLE millrace.queues ADD COLUMN concurrency_per_node integer CONSTRAINT queues_concurrency_per_node_range CHECK (concurrency_per_node BETWEEN 1 AND 100000);
COMMENT ON COLUMN millrace.queues.concurrency_per_node IS 'Most jobs of it that run at once on each node; NULL = no limit';
