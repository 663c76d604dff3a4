ALTER TABLE millrace.queues DROP COLUMN concurrency_per_node;
