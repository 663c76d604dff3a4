DROP TABLE millrace.rollups, millrace.rollup_deltas;
DROP VIEW millrace.job_counts;
DROP TABLE millrace.state_counts, millrace.state_deltas;
