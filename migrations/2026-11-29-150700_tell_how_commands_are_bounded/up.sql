ALTER TABLE millrace.nodes ADD COLUMN commands text;
COMMENT ON COLUMN millrace.nodes.commands IS 'How the node counts and bounds its commands; null = it has not told';
