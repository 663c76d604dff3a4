ALTER TABLE millrace.rollups DROP COLUMN came, DROP COLUMN went;
