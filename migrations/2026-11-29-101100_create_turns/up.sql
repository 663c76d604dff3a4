-- Whose turn it is among the jobs of an ordering key. Applied again when it changes (src/base/db/functions.rs).
--
-- Two locks, both rows of lanes: "e:…" is held from enqueueing to the commit, which is what makes the order of places that of
-- commits; "o:…" is held by those who end, move or let in jobs of the key, behind all "e:…" by those who
-- make schedules' jobs wait for earlier ones, and never by a transaction of somebody else. So a caller who enqueues and then takes his time keeps nobody from ending a job. He who enqueues does not know who has the turn;
-- his job asks for it (gated.not_before), and after the commit the mover of some node answers.
--
-- The plans are pinned: each statement walks indexes from few keys, and these tables are empty one moment and long the next.

CREATE OR REPLACE FUNCTION millrace.turn_lane(ordering_key text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN length(ordering_key) <= 200 THEN 'o:' || ordering_key WHEN ordering_key IS NOT NULL THEN 'o#' || md5(ordering_key) END
$$;
COMMENT ON FUNCTION millrace.turn_lane IS 'Lane of an ordering key; long ones as a digest. NULL = no key';

CREATE OR REPLACE FUNCTION millrace.lock_lanes(wanted text[]) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    locked integer;
BEGIN
    LOOP
        SELECT count(*) INTO locked FROM (SELECT FROM millrace.lanes l WHERE l.key = ANY (wanted) ORDER BY l.key FOR UPDATE) AS mine;
        EXIT WHEN locked >= cardinality(wanted);
        INSERT INTO millrace.lanes (key) SELECT w.key FROM unnest(wanted) AS w(key) ORDER BY w.key COLLATE "C" ON CONFLICT (key) DO NOTHING;
    END LOOP;
END $$;
COMMENT ON FUNCTION millrace.lock_lanes IS 'Locks lanes, each named once, in the order of their keys until the transaction ends; makes those that are missing';

CREATE OR REPLACE FUNCTION millrace.lock_enqueueing(ordering_keys text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM millrace.lock_lanes((SELECT array_agg(DISTINCT 'e' || substr(millrace.turn_lane(k.key), 2)) FROM unnest(ordering_keys) AS k(key)));
END $$;
COMMENT ON FUNCTION millrace.lock_enqueueing IS 'Keeps others from enqueueing for these ordering keys until the transaction ends';

CREATE OR REPLACE FUNCTION millrace.give_turns(wanted text[]) RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    begun integer;
BEGIN
    WITH next AS MATERIALIZED (
        SELECT head.job_id FROM unnest(wanted) AS w(lane) CROSS JOIN LATERAL (
            SELECT t.job_id FROM millrace.turns t WHERE t.lane = w.lane ORDER BY t.place LIMIT 1
        ) AS head
    ), moved AS (
        DELETE FROM millrace.gated g USING next WHERE g.job_id = next.job_id AND left(g.lane, 1) = 'o' RETURNING g.*
    ), placed AS MATERIALIZED (
        SELECT *, nextval('millrace.job_seq') AS seq FROM (SELECT * FROM moved ORDER BY priority, job_id) AS m
    ), line AS (
        INSERT INTO millrace.ready (seq, job_id, since, queue_id, template_id, priority, attempt)
        SELECT seq, job_id, since, queue_id, template_id, priority, attempt FROM placed
    )
    INSERT INTO millrace.placements AS p (job_id, queue_id, priority, seq) SELECT job_id, queue_id, priority, seq FROM placed
    ON CONFLICT (job_id) DO UPDATE SET queue_id = excluded.queue_id, priority = excluded.priority, seq = excluded.seq;
    GET DIAGNOSTICS begun = ROW_COUNT;
    RETURN begun;
END $$;
COMMENT ON FUNCTION millrace.give_turns IS 'Lets the first job of each of these lanes, which are locked, into the line if it waits for its turn; tells how many';

CREATE OR REPLACE FUNCTION millrace.answer_turns(jobs_max integer) RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    wanted text[];
    asked bigint[];
    begun integer;
BEGIN
    SELECT array_agg(DISTINCT a.lane) INTO wanted FROM (
        SELECT g.lane FROM millrace.gated g WHERE g.not_before <= (SELECT clock_timestamp()) AND left(g.lane, 1) = 'o' ORDER BY g.not_before LIMIT jobs_max
    ) AS a;
    IF wanted IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM millrace.lock_lanes(wanted);
    -- Noted before the turns are given: who asks later than this asks again, who asked before is seen by what follows.
    SELECT array_agg(a.job_id) INTO asked FROM (
        SELECT g.job_id FROM millrace.gated g WHERE g.not_before <= (SELECT clock_timestamp()) AND g.lane = ANY (wanted) ORDER BY g.not_before LIMIT jobs_max
    ) AS a;
    begun := millrace.give_turns(wanted);
    UPDATE millrace.gated g SET not_before = NULL WHERE g.job_id = ANY (asked) AND left(g.lane, 1) = 'o';
    RETURN begun;
END $$;
COMMENT ON FUNCTION millrace.answer_turns IS 'Answers up to so many jobs that ask for their turn: the first of its lane goes into the line, the others wait for its end; tells how many went';

CREATE OR REPLACE FUNCTION millrace.end_turns(ended bigint[]) RETURNS integer LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    wanted text[];
BEGIN
    SELECT array_agg(DISTINCT t.lane) INTO wanted FROM millrace.turns t WHERE t.job_id = ANY (ended);
    IF wanted IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM millrace.lock_lanes(wanted);
    DELETE FROM millrace.turns t WHERE t.job_id = ANY (ended);
    RETURN millrace.give_turns(wanted);
END $$;
COMMENT ON FUNCTION millrace.end_turns IS 'Takes jobs that have ended out of the order of their keys and lets those in whose turn it is then; tells how many';

CREATE OR REPLACE FUNCTION millrace.end_turn(job bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = millrace, pg_temp AS $$
BEGIN
    PERFORM millrace.end_turns(ARRAY[h.job_id]) FROM millrace.history h WHERE h.job_id = job;
END $$;
COMMENT ON FUNCTION millrace.end_turn IS 'end_turns for one job, which must have ended: the part of an sql job''s completion that orders';

CREATE OR REPLACE FUNCTION millrace.hold_turn(job bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    lane text := (SELECT millrace.turn_lane(j.ordering_key) FROM millrace.jobs j WHERE j.id = job);
BEGIN
    IF lane IS NOT NULL THEN
        PERFORM millrace.lock_lanes(ARRAY[lane]);
    END IF;
    RETURN lane;
END $$;
COMMENT ON FUNCTION millrace.hold_turn IS 'Locks the lane of a job''s ordering key before the job is moved, and names it; NULL = it has none';

CREATE OR REPLACE FUNCTION millrace.take_turn(job bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    key text := (SELECT j.ordering_key FROM millrace.jobs j WHERE j.id = job);
BEGIN
    IF key IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM millrace.lock_enqueueing(ARRAY[key]);
    PERFORM millrace.hold_turn(job);
    INSERT INTO millrace.turns (job_id, lane, place) VALUES (job, millrace.turn_lane(key), nextval('millrace.job_seq'));
    RETURN millrace.turn_lane(key);
END $$;
COMMENT ON FUNCTION millrace.take_turn IS 'Puts a job that had ended at the end of the order of its key, and names the lane; NULL = it has none';

CREATE OR REPLACE FUNCTION millrace.join_turns(keys text[], unordered bigint[]) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
BEGIN
    PERFORM millrace.lock_enqueueing(keys);
    PERFORM millrace.lock_lanes((SELECT array_agg(DISTINCT millrace.turn_lane(k.key)) FROM unnest(keys) AS k(key)));
    WITH joined AS (
        UPDATE millrace.jobs j SET ordering_key = w.key FROM unnest(keys, unordered) AS w(key, job_id)
        WHERE j.id = w.job_id AND j.ordering_key IS NULL AND NOT EXISTS (SELECT FROM millrace.history h WHERE h.job_id = j.id)
        RETURNING j.id, j.ordering_key
    )
    INSERT INTO millrace.turns (job_id, lane, place)
    SELECT id, millrace.turn_lane(ordering_key), nextval('millrace.job_seq') FROM (SELECT * FROM joined ORDER BY id) AS o ON CONFLICT (job_id) DO NOTHING;
END $$;
COMMENT ON FUNCTION millrace.join_turns IS 'Gives jobs that have no ordering key and have not ended one after the fact, each the one beside it: they go on as they are, and what is enqueued for the key from now on waits for their ends. One that ends at this very moment is found by mend_turns';

CREATE OR REPLACE FUNCTION millrace.mend_turns(lanes_max integer) RETURNS integer LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    heads bigint[];
    gone bigint[];
    mended integer;
BEGIN
    WITH RECURSIVE lane(name) AS (
        (SELECT t.lane FROM millrace.turns t WHERE t.job_id >= (
            SELECT floor(random() * (max(job_id) - min(job_id) + 1))::bigint + min(job_id) FROM millrace.turns) ORDER BY t.job_id LIMIT 1)
        UNION ALL
        SELECT (SELECT t.lane FROM millrace.turns t WHERE t.lane > lane.name ORDER BY t.lane LIMIT 1) FROM lane WHERE lane.name IS NOT NULL
    )
    SELECT array_agg((SELECT t.job_id FROM millrace.turns t WHERE t.lane = l.name ORDER BY t.place LIMIT 1)) INTO heads
    FROM (SELECT name FROM lane WHERE name IS NOT NULL LIMIT lanes_max) AS l;
    SELECT array_agg(head.id) INTO gone FROM unnest(heads) AS head(id)
    WHERE EXISTS (SELECT FROM millrace.history h WHERE h.job_id = head.id) OR NOT EXISTS (SELECT FROM millrace.jobs j WHERE j.id = head.id);
    PERFORM millrace.end_turns(gone);
    UPDATE millrace.gated g SET not_before = clock_timestamp() WHERE g.job_id = ANY (heads) AND left(g.lane, 1) = 'o' AND g.not_before IS NULL;
    GET DIAGNOSTICS mended = ROW_COUNT;
    RETURN mended + coalesce(cardinality(gone), 0);
END $$;
COMMENT ON FUNCTION millrace.mend_turns IS 'Looks at the first jobs of up to so many lanes, somewhere: those that have ended (a node of an older release did not know of turns) lose theirs, those that wait although it is their turn ask for it; tells how many';

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'millrace_sql') THEN
        GRANT EXECUTE ON FUNCTION millrace.end_turn TO millrace_sql;
    END IF;
END $$;
