ALTER TABLE millrace.nodes DROP COLUMN slots_ceiling, DROP COLUMN wanted_slots_min, DROP COLUMN wanted_slots_max, DROP COLUMN wanted_slots_at,
    DROP COLUMN wanted_slots_by;
