ALTER TABLE millrace.folds DROP COLUMN failures_above;
DROP INDEX millrace.attempts_of_group;
DROP TABLE millrace.failure_notes;
DROP TABLE millrace.failure_deltas;
DROP TABLE millrace.failure_counts;
DROP TABLE millrace.failure_groups;
