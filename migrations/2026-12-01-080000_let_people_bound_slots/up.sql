ALTER TABLE millrace.nodes
    ADD COLUMN slots_ceiling integer CONSTRAINT nodes_slots_ceiling_positive CHECK (slots_ceiling > 0),
    ADD COLUMN wanted_slots_min integer,
    ADD COLUMN wanted_slots_max integer,
    ADD COLUMN wanted_slots_at timestamptz,
    ADD COLUMN wanted_slots_by text,
    ADD CONSTRAINT nodes_wanted_slots_whole CHECK (num_nonnulls(wanted_slots_min, wanted_slots_max, wanted_slots_at, wanted_slots_by) IN (0, 4)),
    ADD CONSTRAINT nodes_wanted_slots_range CHECK (wanted_slots_min IS NULL OR coalesce(
        1 <= wanted_slots_min AND wanted_slots_min <= wanted_slots_max AND wanted_slots_max <= slots_ceiling, false));
COMMENT ON COLUMN millrace.nodes.slots_ceiling IS 'Most worker threads that the running engine has room for, whatever bounds it is told; NULL = not told yet';
COMMENT ON COLUMN millrace.nodes.wanted_slots_min IS 'Fewest worker threads, as people set it; obeyed with the next heartbeat and after restarts. NULL = slots_min is in force';
COMMENT ON COLUMN millrace.nodes.wanted_slots_max IS 'Most worker threads, as people set it; NULL = slots_max is in force';
COMMENT ON COLUMN millrace.nodes.wanted_slots_at IS 'When people set these bounds';
COMMENT ON COLUMN millrace.nodes.wanted_slots_by IS 'Who set them';
