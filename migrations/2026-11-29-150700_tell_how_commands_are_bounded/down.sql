ALTER TABLE millrace.nodes DROP COLUMN commands;
