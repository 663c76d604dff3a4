ALTER TABLE millrace.queues DROP COLUMN wait_target_ms;
