DROP INDEX millrace.gated_of_queue;
