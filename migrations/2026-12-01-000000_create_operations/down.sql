DROP TABLE millrace.operation_chunks;
DROP TABLE millrace.operations;
ALTER TABLE millrace.state_deltas DROP COLUMN between_queues;
