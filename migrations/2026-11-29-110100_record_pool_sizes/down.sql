DROP TABLE millrace.pool_sizes;
ALTER TABLE millrace.nodes DROP COLUMN slots_min, DROP COLUMN slots_max;
