-- Partitions, and what only the owner may see of the server. This file is applied again when it changes
-- (src/base/db/functions.rs).

-- Made apart and attached: creating a table as PARTITION OF another locks that one against everybody, and would wait, with all
-- work behind it, for whoever has read it in an open transaction. Attaching hinders nobody.
CREATE OR REPLACE FUNCTION millrace.create_partitions(ahead bigint DEFAULT 4) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = millrace, pg_temp SET client_min_messages = warning AS $$
DECLARE
    ids_per_partition CONSTANT bigint := 1000000;
    newest bigint := (SELECT last_value FROM millrace.job_seq) / ids_per_partition;
    part bigint;
    parent text;
    child text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('millrace.create_partitions'));
    FOR part IN newest .. newest + ahead LOOP
        FOREACH parent IN ARRAY ARRAY['jobs', 'history', 'attempts', 'log_chunks'] LOOP
            child := parent || '_p' || part;
            CONTINUE WHEN to_regclass(format('millrace.%I', child)) IS NOT NULL;
            EXECUTE format('CREATE TABLE millrace.%I (LIKE millrace.%I INCLUDING ALL)', child, parent);
            EXECUTE format('ALTER TABLE millrace.%I ATTACH PARTITION millrace.%I FOR VALUES FROM (%s) TO (%s)',
                parent, child, part * ids_per_partition, (part + 1) * ids_per_partition);
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
COMMENT ON FUNCTION millrace.create_partitions IS 'Makes partitions of one million ids each, up to "ahead" beyond the present one; tells how many tables it made';

-- Fresh jobs stand in line by their own id, moved ones have a placement: every look is one along an index.
CREATE OR REPLACE FUNCTION millrace.partition_is_live(part bigint) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = millrace, pg_temp AS $$
    WITH ids AS (SELECT part * 1000000 AS low, (part + 1) * 1000000 AS high)
    SELECT part >= (SELECT last_value FROM millrace.job_seq) / 1000000
        OR EXISTS (SELECT FROM millrace.queues q CROSS JOIN generate_series(1, 5) AS p(priority) CROSS JOIN LATERAL (
            SELECT FROM millrace.ready r WHERE r.queue_id = q.id AND r.priority = p.priority AND r.seq >= ids.low AND r.seq < ids.high LIMIT 1) AS found)
        OR EXISTS (SELECT FROM millrace.placements WHERE job_id >= ids.low AND job_id < ids.high)
        OR EXISTS (SELECT FROM millrace.scheduled WHERE job_id >= ids.low AND job_id < ids.high)
        OR EXISTS (SELECT FROM millrace.parked WHERE job_id >= ids.low AND job_id < ids.high)
        OR EXISTS (SELECT FROM millrace.turns WHERE job_id >= ids.low AND job_id < ids.high)
        OR EXISTS (SELECT FROM millrace.gated WHERE job_id >= ids.low AND job_id < ids.high)
        OR EXISTS (SELECT FROM millrace.leases l CROSS JOIN UNNEST(l.job_ids) AS u(id) WHERE u.id >= ids.low AND u.id < ids.high)
    FROM ids
$$;
COMMENT ON FUNCTION millrace.partition_is_live IS 'Whether a job of the partition waits or runs, or its ids are still being given out';

-- The locks are waited for so briefly that nobody behind them notices; whoever is refused comes again. Writers of the
-- partition are kept out first, so that nothing ends or is retried between the count and the drop.
CREATE OR REPLACE FUNCTION millrace.drop_partition(part bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = millrace, pg_temp SET lock_timeout = '20ms' AS $$
BEGIN
    IF to_regclass(format('millrace.%I', 'jobs_p' || part)) IS NULL THEN
        RETURN 'absent';
    END IF;
    IF millrace.partition_is_live(part) THEN
        RETURN 'live';
    END IF;
    EXECUTE format('LOCK TABLE millrace.%I, millrace.%I, millrace.%I, millrace.%I IN SHARE MODE',
        'jobs_p' || part, 'history_p' || part, 'attempts_p' || part, 'log_chunks_p' || part);
    IF millrace.partition_is_live(part) THEN
        RETURN 'live';
    END IF;
    EXECUTE format('INSERT INTO millrace.state_deltas (queue_id, template_id, left_state, jobs)
        SELECT queue_id, template_id, state, count(*) FROM millrace.%I GROUP BY queue_id, template_id, state', 'history_p' || part);
    EXECUTE format('DROP TABLE millrace.%I, millrace.%I, millrace.%I, millrace.%I',
        'log_chunks_p' || part, 'attempts_p' || part, 'history_p' || part, 'jobs_p' || part);
    RETURN 'dropped';
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN 'busy';
END $$;
COMMENT ON FUNCTION millrace.drop_partition IS 'Removes a partition whose jobs have all ended, and takes them out of the counts: dropped, live (something of it waits or runs), busy (somebody reads it; come again) or absent';

CREATE OR REPLACE FUNCTION millrace.snapshot_holders(holders_max integer)
RETURNS TABLE (kind text, name text, pid integer, application text, login text, state text, since timestamptz, xids bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = millrace, pg_temp AS $$
    SELECT * FROM (
        SELECT CASE a.backend_type WHEN 'client backend' THEN 'session' ELSE 'standby' END AS kind, a.pid::text AS name, a.pid,
            coalesce(a.application_name, '') AS application, coalesce(a.usename::text, '') AS login, coalesce(a.state, 'hidden') AS state,
            a.xact_start AS since, greatest(age(a.backend_xmin), age(a.backend_xid))::bigint AS xids
        FROM pg_stat_activity a
        WHERE (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND a.pid <> pg_backend_pid()
            AND (a.backend_type = 'client backend' AND a.datname = current_database() OR a.backend_type = 'walsender')
        UNION ALL
        SELECT 'prepared', p.gid, NULL, '', p.owner::text, 'prepared', p.prepared, age(p.transaction)::bigint
        FROM pg_prepared_xacts p WHERE p.database = current_database()
        UNION ALL
        SELECT 'slot', s.slot_name::text, s.active_pid, '', '', CASE WHEN s.active THEN 'active' ELSE 'inactive' END, NULL, age(s.xmin)::bigint
        FROM pg_replication_slots s WHERE s.xmin IS NOT NULL
    ) AS found ORDER BY found.since NULLS LAST, found.xids DESC LIMIT holders_max
$$;
COMMENT ON FUNCTION millrace.snapshot_holders IS 'Who keeps dead rows of this database from being removed, the oldest first; no texts of statements';

CREATE OR REPLACE FUNCTION millrace.connection_use()
RETURNS TABLE (application text, login text, connections integer, active integer, idle_in_transaction integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = millrace, pg_temp AS $$
    SELECT CASE WHEN place < 50 THEN application ELSE 'others' END, CASE WHEN place < 50 THEN login ELSE '' END,
        sum(connections)::integer, sum(active)::integer, sum(idle_in_transaction)::integer
    FROM (
        SELECT *, row_number() OVER (ORDER BY connections DESC, application, login) AS place
        FROM (
            SELECT regexp_replace(left(coalesce(a.application_name, ''), 64), '^(millrace [a-z]+).*', '\1') AS application,
                coalesce(a.usename::text, '') AS login, count(*) AS connections, count(*) FILTER (WHERE a.state = 'active') AS active,
                count(*) FILTER (WHERE a.state LIKE 'idle in transaction%') AS idle_in_transaction
            FROM pg_stat_activity a WHERE a.backend_type = 'client backend' GROUP BY 1, 2
        ) AS grouped
    ) AS placed GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
$$;
COMMENT ON FUNCTION millrace.connection_use IS 'Connections of the whole server by application and login, the smallest groups as one; those of other databases count, because they share the limit';
