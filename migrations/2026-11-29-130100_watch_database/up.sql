-- What is known of the database's health: one duty looks every ten seconds, pages and metrics read what it wrote.
CREATE TABLE millrace.health_now (
    one boolean CONSTRAINT health_now_pk PRIMARY KEY DEFAULT true CONSTRAINT health_now_one_row CHECK (one),
    at timestamptz NOT NULL,
    sample jsonb NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE millrace.health_now IS 'The last look at the database''s health; one row';
COMMENT ON COLUMN millrace.health_now.one IS 'Always true: there is one row';
COMMENT ON COLUMN millrace.health_now.at IS 'When it was looked';
COMMENT ON COLUMN millrace.health_now.sample IS 'What was seen (src/admin/health/database/mod.rs)';

CREATE TABLE millrace.health_samples (
    at timestamptz CONSTRAINT health_samples_pk PRIMARY KEY,
    snapshot_age_ms bigint NOT NULL CONSTRAINT health_samples_age_not_negative CHECK (snapshot_age_ms >= 0),
    dead_rows bigint NOT NULL,
    connections integer NOT NULL,
    claim_p50_us integer,
    claim_p99_us integer
);
COMMENT ON TABLE millrace.health_samples IS 'How the last hour went, about one row per ten seconds, for small lines';
COMMENT ON COLUMN millrace.health_samples.at IS 'When it was looked';
COMMENT ON COLUMN millrace.health_samples.snapshot_age_ms IS 'Age of the oldest snapshot, in milliseconds; 0 = nobody held one';
COMMENT ON COLUMN millrace.health_samples.dead_rows IS 'Dead rows of the hot tables';
COMMENT ON COLUMN millrace.health_samples.connections IS 'Connections of all programs';
COMMENT ON COLUMN millrace.health_samples.claim_p50_us IS 'Median time of a claim in the minute before, in microseconds, at the slowest node; null = nobody claimed';
COMMENT ON COLUMN millrace.health_samples.claim_p99_us IS 'The same, 99th percentile';

ALTER TABLE millrace.nodes ADD COLUMN claims integer NOT NULL DEFAULT 0, ADD COLUMN claim_p50_us integer, ADD COLUMN claim_p99_us integer;
COMMENT ON COLUMN millrace.nodes.claims IS 'Claims in the minute before the last heartbeat';
COMMENT ON COLUMN millrace.nodes.claim_p50_us IS 'Their median time, in microseconds; null = none';
COMMENT ON COLUMN millrace.nodes.claim_p99_us IS 'Their 99th percentile, in microseconds; null = none';
