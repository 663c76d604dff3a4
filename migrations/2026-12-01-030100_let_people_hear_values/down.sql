ALTER TABLE millrace.people DROP COLUMN announces;
