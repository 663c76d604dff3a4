-- Strict order of jobs that share an ordering key (G10): one at a time, in the order in which they were committed.
-- Names of lanes are compared byte by byte, so that those of one kind stand together whatever language the database sorts by.
ALTER TABLE millrace.lanes ALTER COLUMN key TYPE text COLLATE "C";
ALTER TABLE millrace.lane_use ALTER COLUMN key TYPE text COLLATE "C";
ALTER TABLE millrace.lane_freed ALTER COLUMN key TYPE text COLLATE "C";
ALTER TABLE millrace.gated ALTER COLUMN lane TYPE text COLLATE "C";
COMMENT ON COLUMN millrace.lanes.key IS 'The key: "q3" a queue, "t7" a template, "k7:[…]" and "r7:[…]" a template with the values of parameters, "o:…" an ordering key, "e:…" its enqueueing';

CREATE TABLE millrace.turns (
    job_id bigint CONSTRAINT turns_pk PRIMARY KEY,
    lane text COLLATE "C" NOT NULL,
    place bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX turns_in_order ON millrace.turns (lane, place);
COMMENT ON TABLE millrace.turns IS 'Jobs with an ordering key that have not ended. The first of a lane has its turn, the others wait whatever becomes of it meanwhile';
COMMENT ON COLUMN millrace.turns.job_id IS 'The job';
COMMENT ON COLUMN millrace.turns.lane IS 'Lane of its ordering key';
COMMENT ON COLUMN millrace.turns.place IS 'Its place, drawn while nobody else could enqueue for the lane: the order of places is that of commits';

ALTER TABLE millrace.scheduled ADD COLUMN lane text COLLATE "C";
COMMENT ON COLUMN millrace.scheduled.lane IS 'Lane in which it asks for its turn when its time has come; NULL = it may go on at once';
