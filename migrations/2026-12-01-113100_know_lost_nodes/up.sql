ALTER TABLE millrace.nodes ADD COLUMN lost_at timestamptz,
    ADD CONSTRAINT nodes_lost_are_down CHECK (lost_at IS NULL OR state = 'down');
COMMENT ON COLUMN millrace.nodes.lost_at IS 'When others declared it lost; null = it stopped in order, or has not stopped';
