-- What becomes of new jobs when one like them waits already. Applied again when it changes (src/base/db/functions.rs).

-- Keys that templates give their jobs ------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION millrace.with_unique_keys(jobs jsonb, versions jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(CASE WHEN v.uniqueness IS NULL OR e.job ->> 'unique_key' IS NOT NULL THEN e.job ELSE e.job
            || jsonb_build_object('unique_key', millrace.lane_key('u', t.id, v.uniqueness -> 'by', coalesce(e.job -> 'args', '{}')),
                'unique_for_ms', v.uniqueness -> 'for_ms', 'unique_waits', v.uniqueness ->> 'states' IS NOT DISTINCT FROM 'waiting') END ORDER BY e.ord), '[]')
    FROM jsonb_array_elements(jobs) WITH ORDINALITY AS e(job, ord)
    LEFT JOIN millrace.templates t ON t.name = e.job ->> 'template'
    LEFT JOIN millrace.template_versions v ON v.template_id = t.id AND v.uniqueness IS NOT NULL
        AND v.version = coalesce((e.job ->> 'version')::integer, (versions ->> t.name)::integer, t.active_version)
$$;
COMMENT ON FUNCTION millrace.with_unique_keys IS 'Job descriptions with the unique keys that their templates give them; one of its own is kept';

CREATE OR REPLACE FUNCTION millrace.keep_waiting(job bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    place record;
BEGIN
    SELECT coalesce(p.queue_id, j.queue_id) AS queue_id, coalesce(p.priority, j.priority) AS priority, coalesce(p.seq, j.id) AS seq INTO place
    FROM millrace.jobs j LEFT JOIN millrace.placements p ON p.job_id = j.id WHERE j.id = job;
    PERFORM FROM millrace.ready r WHERE r.queue_id = place.queue_id AND r.priority = place.priority AND r.seq = place.seq AND r.job_id = job FOR SHARE;
    IF NOT FOUND THEN
        PERFORM FROM millrace.scheduled s WHERE s.job_id = job FOR SHARE;
    END IF;
    IF NOT FOUND THEN
        PERFORM FROM millrace.gated g WHERE g.job_id = job AND left(g.lane, 1) <> 'o' FOR SHARE; -- a turn is given by the end of another job, which waits for nobody
    END IF;
    IF NOT FOUND THEN
        PERFORM FROM millrace.parked k WHERE k.job_id = job FOR SHARE;
    END IF;
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION millrace.keep_waiting IS 'Tells whether a job waits, and keeps it from running until the transaction ends: so it will see what the transaction did';

-- Debounce ---------------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION millrace.joined(base jsonb, args jsonb, rule jsonb, items_max integer) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    field text := rule ->> 'field';
    list jsonb;
    whole jsonb;
BEGIN
    IF base IS NULL OR rule ->> 'mode' IS DISTINCT FROM 'accumulate' THEN
        RETURN args;
    END IF;
    list := coalesce(base -> field, '[]') || coalesce(args -> field, '[]');
    whole := args || jsonb_build_object(field, list);
    RETURN CASE WHEN jsonb_array_length(list) <= coalesce(items_max, jsonb_array_length(list)) AND octet_length(whole::text) <= 262144 THEN whole END;
END $$;
COMMENT ON FUNCTION millrace.joined IS 'Arguments of a job that takes the place of one with the arguments base; NULL = both lists together are longer than a job''s may be';

CREATE OR REPLACE FUNCTION millrace.replace_job(old bigint, fresh bigint) RETURNS void LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    WITH gone AS (
        DELETE FROM millrace.scheduled s WHERE s.job_id = old RETURNING s.*
    ), ended AS (
        INSERT INTO millrace.history (job_id, since, finished_at, template_id, version, queue_id, state, priority, attempt, ended_by, error)
        SELECT g.job_id, g.since, clock_timestamp(), g.template_id, j.version, g.queue_id, 'cancelled', g.priority, g.attempt, 'debounce',
            format('cancelled by debounce: job %s took its place', fresh)
        FROM gone g JOIN millrace.jobs j ON j.id = g.job_id
    )
    INSERT INTO millrace.state_deltas (queue_id, template_id, left_state, entered_state, jobs)
    SELECT queue_id, template_id, 'scheduled', 'cancelled', 1 FROM gone;
    DELETE FROM millrace.placements p WHERE p.job_id = old;
    DELETE FROM millrace.intents i WHERE i.job_id = old;
    DELETE FROM millrace.live v WHERE v.job_id = old;
END $$;
COMMENT ON FUNCTION millrace.replace_job IS 'Cancels a scheduled job because a newer one takes its place';

CREATE OR REPLACE FUNCTION millrace.open_debounce(wanted text, OUT job_id bigint, OUT first_at timestamptz, OUT version integer, OUT args jsonb)
LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    known record;
BEGIN
    LOOP
        SELECT d.job_id, d.first_at INTO known FROM millrace.debounces d WHERE d.key = wanted FOR UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO millrace.debounces (key, job_id, first_at, due) VALUES (wanted, 0, clock_timestamp(), clock_timestamp()) ON CONFLICT (key) DO NOTHING;
    END LOOP;
    -- a job whose time has come, or that somebody holds, is not replaced any more: what comes now begins anew
    SELECT s.job_id, known.first_at, j.version, j.args INTO job_id, first_at, version, args
    FROM millrace.scheduled s JOIN millrace.jobs j ON j.id = s.job_id WHERE s.job_id = known.job_id AND NOT s.retrying FOR UPDATE OF s;
END $$;
COMMENT ON FUNCTION millrace.open_debounce IS 'Locks a key until the transaction ends and gives the job whose place a newer one takes; NULL = none waits';

CREATE OR REPLACE FUNCTION millrace.debounce_jobs(INOUT jobs jsonb, versions jsonb, OUT owners jsonb) LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    item record;                 -- the job at hand; the last one is none
    group_key text;              -- jobs of the call that become one: their key,
    rule jsonb;                  -- the rule of the last,
    args_so_far jsonb;
    members bigint[] := '{}';    -- and their places in the list
    old_id bigint;               -- whose place they take
    began timestamptz;           -- when the first of all came
    joint jsonb;
    old record;
    fresh bigint;
    ends timestamptz;
    ords bigint[] := '{}'; ids bigint[] := '{}'; known boolean[] := '{}'; -- of all jobs
    lasts bigint[] := '{}'; lists jsonb[] := '{}'; dues timestamptz[] := '{}'; parents bigint[] := '{}'; -- of those that are made
BEGIN
    FOR item IN
        SELECT * FROM (
            SELECT e.ord, coalesce(e.job -> 'args', '{}') AS args, v.version, v.debounce AS rule,
                millrace.lane_key('d', t.id, v.debounce -> 'by', coalesce(e.job -> 'args', '{}')) COLLATE "C" AS key,
                (v.spec #>> ARRAY['params', 'properties', v.debounce ->> 'field', 'maxItems'])::integer AS items_max
            FROM jsonb_array_elements(jobs) WITH ORDINALITY AS e(job, ord)
            JOIN millrace.templates t ON t.name = e.job ->> 'template'
            JOIN millrace.template_versions v ON v.template_id = t.id AND v.debounce IS NOT NULL
                AND v.version = coalesce((e.job ->> 'version')::integer, (versions ->> t.name)::integer, t.active_version)
            WHERE e.job ->> 'run_at' IS NULL AND e.job ->> 'delay_ms' IS NULL -- whoever names a time gets it
        ) AS of_rules
        UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL
        ORDER BY key NULLS LAST, ord
    LOOP
        joint := CASE WHEN item.key = group_key THEN millrace.joined(args_so_far, item.args, item.rule, item.items_max) END;
        IF joint IS NULL AND cardinality(members) > 0 THEN
            fresh := nextval('millrace.job_seq');
            ends := least(moment + (rule ->> 'wait_ms')::bigint * interval '1 ms', began + (rule ->> 'max_wait_ms')::bigint * interval '1 ms');
            IF old_id IS NOT NULL THEN
                PERFORM millrace.replace_job(old_id, fresh);
            END IF;
            UPDATE millrace.debounces d SET job_id = fresh, first_at = began, due = ends WHERE d.key = group_key;
            ords := ords || members;
            ids := ids || array_fill(fresh, ARRAY[cardinality(members)]);
            known := known || array_fill(true, ARRAY[cardinality(members) - 1]) || false;
            lasts := lasts || members[cardinality(members)];
            lists := lists || args_so_far;
            dues := dues || ends;
            parents := parents || old_id;
            members := '{}';
            old_id := NULL;
            began := moment; -- if the group was full, what comes begins anew
        END IF;
        EXIT WHEN item.ord IS NULL;
        IF group_key IS DISTINCT FROM item.key THEN
            group_key := item.key;
            began := moment;
            SELECT * INTO old FROM millrace.open_debounce(group_key);
            IF old.job_id IS NOT NULL AND (item.rule ->> 'mode' IS DISTINCT FROM 'accumulate' OR old.version = item.version) THEN
                joint := millrace.joined(old.args, item.args, item.rule, item.items_max);
                IF joint IS NOT NULL THEN
                    old_id := old.job_id;
                    began := old.first_at;
                END IF;
            END IF;
        END IF;
        args_so_far := coalesce(joint, item.args);
        rule := item.rule;
        members := members || item.ord;
    END LOOP;
    owners := (SELECT coalesce(jsonb_agg(jsonb_build_object('ord', m.ord, 'id', m.id, 'existing', m.known)), '[]') FROM unnest(ords, ids, known) AS m(ord, id, known));
    jobs := (
        SELECT jsonb_agg(CASE WHEN made.ord IS NULL THEN e.job ELSE e.job || jsonb_build_object('args', made.args, 'run_at', made.due,
            'parent', coalesce((e.job ->> 'parent')::bigint, made.parent)) END ORDER BY e.ord)
        FROM jsonb_array_elements(jobs) WITH ORDINALITY AS e(job, ord)
        LEFT JOIN unnest(lasts, lists, dues, parents) AS made(ord, args, due, parent) ON made.ord = e.ord);
END $$;
COMMENT ON FUNCTION millrace.debounce_jobs IS 'Lets debounced jobs take the place of those that wait: gives the descriptions with time and arguments, and which job each of them has become';
