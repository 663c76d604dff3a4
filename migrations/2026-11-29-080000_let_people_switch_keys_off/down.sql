ALTER TABLE millrace.people DROP COLUMN shortcuts;
