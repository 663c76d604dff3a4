-- What is asked of lanes. Applied again when it changes (src/base/db/functions.rs).

CREATE OR REPLACE FUNCTION millrace.lane_used(lane text, only_node integer DEFAULT NULL) RETURNS integer LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN (SELECT least(greatest(coalesce(sum(u.taken - coalesce(f.freed, 0)), 0), 0), 2147483647)::integer FROM millrace.lane_use u
        JOIN millrace.nodes n ON n.id = u.node_id AND n.epoch = u.epoch AND n.state <> 'down'
        LEFT JOIN millrace.lane_freed f ON f.key = u.key AND f.node_id = u.node_id AND f.epoch = u.epoch
        WHERE u.key = lane AND (only_node IS NULL OR u.node_id = only_node));
END $$;
COMMENT ON FUNCTION millrace.lane_used IS 'Places of a lane that living nodes hold, or one of them; of a pool the amount';

CREATE OR REPLACE FUNCTION millrace.kept_of_lanes(lanes text[]) RETURNS TABLE (lane text, job_id bigint, amount integer)
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT k.lane, k.job_id, k.amount FROM millrace.lane_kept k JOIN millrace.queues q ON q.id = k.queue_id AND q.paused_at IS NULL
        WHERE k.lane = ANY(lanes) AND k.until > clock_timestamp()
            AND EXISTS (SELECT FROM millrace.nodes n WHERE n.state = 'up' AND (n.queues IS NULL OR q.name = ANY(n.queues)));
END $$;
COMMENT ON FUNCTION millrace.kept_of_lanes IS 'What is kept of pools for jobs that were let in; nothing is for those that no node can come to';

CREATE OR REPLACE FUNCTION millrace.lane_kept(lane text) RETURNS integer LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT least(coalesce(sum(k.amount), 0), 2147483647)::integer FROM millrace.kept_of_lanes(ARRAY[lane]) AS k);
END $$;
COMMENT ON FUNCTION millrace.lane_kept IS 'How much of a pool is kept';

-- A function, because each of its statements sees what was committed before it: what a lane holds has to be read behind its lock.
CREATE OR REPLACE FUNCTION millrace.ask_lanes(fences bigint[], by_node integer, by_epoch bigint, keys text[])
RETURNS TABLE (now timestamptz, key text, jobs_max integer, queue_max integer, tat timestamptz, promised timestamptz, used integer,
    used_here integer, has_waiting boolean, is_old boolean)
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    found integer;
BEGIN
    PERFORM FROM millrace.leases l WHERE l.id = ANY(fences) AND l.node_id + 0 = by_node AND l.epoch = by_epoch ORDER BY l.id FOR UPDATE;
    PERFORM FROM millrace.lanes l WHERE l.key = ANY(keys) ORDER BY l.key FOR UPDATE;
    GET DIAGNOSTICS found = ROW_COUNT;
    IF found < cardinality(keys) THEN
        INSERT INTO millrace.lanes (key) SELECT k.key FROM UNNEST(keys) AS k(key) ORDER BY k.key ON CONFLICT ON CONSTRAINT lanes_pk DO NOTHING;
        PERFORM FROM millrace.lanes l WHERE l.key = ANY(keys) ORDER BY l.key FOR UPDATE;
    END IF;
    RETURN QUERY SELECT clock_timestamp(), l.key, l.jobs_max,
        CASE WHEN l.key ~ '^q[0-9]+$' THEN (SELECT q.concurrency FROM millrace.queues q WHERE q.id = substr(l.key, 2)::integer) ELSE p.amount END,
        l.tat, l.promised, held.everywhere, held.here,
        CASE WHEN l.key >= 'p' AND l.key < 'q' THEN -- whoever needs more than a pool has waits in nobody's way
                EXISTS (SELECT FROM millrace.gated g WHERE g.lane = l.key AND g.lane >= 'p' AND g.lane < 'q' AND g.amount <= coalesce(p.amount, 2147483647))
            ELSE EXISTS (SELECT FROM millrace.gated g WHERE g.lane = l.key) END,
        l.touched_at < clock_timestamp() - interval '1 hour'
        FROM millrace.lanes l
        LEFT JOIN millrace.pools p ON l.key >= 'p' AND l.key < 'q' AND p.name = substr(l.key, 2)
        CROSS JOIN LATERAL ( -- as millrace.lane_used, for all of them at once
            SELECT least(greatest(coalesce(sum(u.taken - coalesce(f.freed, 0)), 0), 0), 2147483647)::integer AS everywhere,
                least(greatest(coalesce(sum(u.taken - coalesce(f.freed, 0)) FILTER (WHERE u.node_id = by_node), 0), 0), 2147483647)::integer AS here
            FROM millrace.lane_use u JOIN millrace.nodes n ON n.id = u.node_id AND n.epoch = u.epoch AND n.state <> 'down'
            LEFT JOIN millrace.lane_freed f ON f.key = u.key AND f.node_id = u.node_id AND f.epoch = u.epoch
            WHERE u.key = l.key
        ) AS held
        WHERE l.key = ANY(keys);
END $$;
COMMENT ON FUNCTION millrace.ask_lanes IS 'Locks leases of a node, then lanes, which are made where they lack, and tells what the lanes hold';
