ALTER TABLE millrace.nodes DROP COLUMN lost_at;
