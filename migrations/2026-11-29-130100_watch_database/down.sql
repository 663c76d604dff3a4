ALTER TABLE millrace.nodes DROP COLUMN claims, DROP COLUMN claim_p50_us, DROP COLUMN claim_p99_us;
DROP TABLE millrace.health_samples, millrace.health_now;
