ALTER TABLE millrace.nodes ADD COLUMN slots_min integer, ADD COLUMN slots_max integer;
COMMENT ON COLUMN millrace.nodes.slots IS 'Worker threads now';
COMMENT ON COLUMN millrace.nodes.slots_min IS 'Fewest worker threads (MILLRACE_SLOTS); NULL = not told yet';
COMMENT ON COLUMN millrace.nodes.slots_max IS 'Most worker threads (MILLRACE_SLOTS); NULL = not told yet';

CREATE TABLE millrace.pool_sizes (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT pool_sizes_pk PRIMARY KEY,
    node_id integer NOT NULL,
    at timestamptz NOT NULL,
    slots_before integer NOT NULL CONSTRAINT pool_sizes_before_positive CHECK (slots_before > 0),
    slots_after integer NOT NULL CONSTRAINT pool_sizes_after_positive CHECK (slots_after > 0),
    busy integer NOT NULL,
    waiting integer NOT NULL,
    drain_ms bigint,
    reason text NOT NULL,
    applied boolean NOT NULL
);
CREATE INDEX pool_sizes_of_node ON millrace.pool_sizes (node_id, id DESC);
CREATE INDEX pool_sizes_by_age ON millrace.pool_sizes (at);
COMMENT ON TABLE millrace.pool_sizes IS 'Decisions of nodes to have more or fewer worker threads, kept for 7 days';
COMMENT ON COLUMN millrace.pool_sizes.id IS 'Row id';
COMMENT ON COLUMN millrace.pool_sizes.node_id IS 'The node';
COMMENT ON COLUMN millrace.pool_sizes.at IS 'When it was decided, by the node''s clock';
COMMENT ON COLUMN millrace.pool_sizes.slots_before IS 'Worker threads before';
COMMENT ON COLUMN millrace.pool_sizes.slots_after IS 'Worker threads after';
COMMENT ON COLUMN millrace.pool_sizes.busy IS 'Those of them that were at work';
COMMENT ON COLUMN millrace.pool_sizes.waiting IS 'Jobs that waited for one, counted up to 10,000';
COMMENT ON COLUMN millrace.pool_sizes.drain_ms IS 'How long these would take, in milliseconds; NULL = not known';
COMMENT ON COLUMN millrace.pool_sizes.reason IS 'Why, for people';
COMMENT ON COLUMN millrace.pool_sizes.applied IS 'false = a dry run: nothing was changed';
