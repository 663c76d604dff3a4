CREATE OR REPLACE VIEW millrace.job_counts AS
SELECT queue_id, template_id, state, sum(jobs)::bigint AS jobs
FROM (
    SELECT queue_id, template_id, state, jobs FROM millrace.state_counts
    UNION ALL SELECT queue_id, template_id, entered_state, jobs FROM millrace.state_deltas WHERE entered_state IS NOT NULL
    UNION ALL SELECT queue_id, template_id, left_state, -jobs FROM millrace.state_deltas WHERE left_state IS NOT NULL
) AS moves
GROUP BY queue_id, template_id, state;
DROP TABLE millrace.folds;
