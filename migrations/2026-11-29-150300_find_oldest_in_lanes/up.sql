CREATE INDEX gated_of_queue ON millrace.gated (queue_id, since);
