CREATE TABLE millrace.folds (
    one boolean NOT NULL DEFAULT true CONSTRAINT folds_pk PRIMARY KEY CONSTRAINT folds_one CHECK (one),
    states_above bigint NOT NULL DEFAULT 0,
    rollups_above bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO millrace.folds DEFAULT VALUES;
COMMENT ON TABLE millrace.folds IS 'Where folds and counts begin to look: rows that were folded stay in tables and indexes while somebody holds an old snapshot';
COMMENT ON COLUMN millrace.folds.one IS 'There is one row';
COMMENT ON COLUMN millrace.folds.states_above IS 'All of state_deltas up to this id was folded, and nothing can come below it';
COMMENT ON COLUMN millrace.folds.rollups_above IS 'The same of rollup_deltas';

CREATE OR REPLACE VIEW millrace.job_counts AS
SELECT queue_id, template_id, state, sum(jobs)::bigint AS jobs
FROM (
    SELECT queue_id, template_id, state, jobs FROM millrace.state_counts
    UNION ALL SELECT queue_id, template_id, entered_state, jobs FROM millrace.state_deltas
        WHERE entered_state IS NOT NULL AND id > (SELECT states_above FROM millrace.folds)
    UNION ALL SELECT queue_id, template_id, left_state, -jobs FROM millrace.state_deltas
        WHERE left_state IS NOT NULL AND id > (SELECT states_above FROM millrace.folds)
) AS moves
GROUP BY queue_id, template_id, state;
