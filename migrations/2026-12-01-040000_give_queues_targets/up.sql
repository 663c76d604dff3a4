ALTER TABLE millrace.queues ADD COLUMN wait_target_ms integer CONSTRAINT queues_wait_target_range CHECK (wait_target_ms BETWEEN 1 AND 604800000);
COMMENT ON COLUMN millrace.queues.wait_target_ms IS 'How long its oldest job should wait for a slot at most, in milliseconds; NULL = nobody has set a target. It bounds nothing: people are told';
