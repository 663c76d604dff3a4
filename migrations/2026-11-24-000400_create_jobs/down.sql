DROP FUNCTION millrace.create_partitions;
DROP TABLE millrace.idempotency, millrace.unique_keys, millrace.intents, millrace.live, millrace.log_chunks, millrace.attempts,
    millrace.history, millrace.leases, millrace.nodes, millrace.parked, millrace.scheduled, millrace.placements, millrace.ready, millrace.jobs;
DROP SEQUENCE millrace.job_seq, millrace.lease_seq;
DROP TYPE millrace.job_state;
