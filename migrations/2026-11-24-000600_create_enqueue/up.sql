-- The one door through which jobs come in. SQL callers use enqueue and enqueue_many; the program checks in Rust (the same
-- rules, compared by a test) and calls insert_jobs. Refusals carry HINT 'millrace:<code>' and a JSON pointer as DETAIL.

CREATE FUNCTION millrace.refuse(code text, pointer text, message text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = message, DETAIL = coalesce(pointer, ''), HINT = 'millrace:' || code;
END $$;
COMMENT ON FUNCTION millrace.refuse IS 'Raises the refusal of a call: stable code, JSON pointer into the input, sentence';

CREATE FUNCTION millrace.json_depth(doc jsonb) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH RECURSIVE walk(node, depth) AS (
        SELECT doc, 1
        UNION ALL
        SELECT child.value, walk.depth + 1
        FROM walk CROSS JOIN LATERAL (
            SELECT value FROM jsonb_each(CASE jsonb_typeof(walk.node) WHEN 'object' THEN walk.node ELSE '{}' END)
            UNION ALL
            SELECT value FROM jsonb_array_elements(CASE jsonb_typeof(walk.node) WHEN 'array' THEN walk.node ELSE '[]' END)
        ) AS child
        WHERE jsonb_typeof(child.value) IN ('object', 'array') AND walk.depth <= 64
    )
    SELECT max(depth) FROM walk
$$;
COMMENT ON FUNCTION millrace.json_depth IS 'Nesting of a document, counted up to 65';

CREATE FUNCTION millrace.check_value(rule jsonb, value jsonb, at text) RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    kind text := jsonb_typeof(value);
    wanted text := rule ->> 'type';
    plain text := value #>> '{}';
    key text;
    i integer;
BEGIN
    IF wanted = 'integer' AND (kind <> 'number' OR value::numeric <> trunc(value::numeric)) THEN
        PERFORM millrace.refuse('bad-args', at, format('%s must be a whole number', at));
    ELSIF wanted <> 'integer' AND kind <> wanted THEN
        PERFORM millrace.refuse('bad-args', at, format('%s must be of type %s, not %s', at, wanted, kind));
    END IF;
    IF rule ? 'enum' AND NOT rule -> 'enum' @> jsonb_build_array(value) THEN
        PERFORM millrace.refuse('bad-args', at, format('%s must be one of %s', at, rule -> 'enum'));
    END IF;
    IF kind = 'number' THEN
        IF value::numeric < (rule ->> 'minimum')::numeric THEN
            PERFORM millrace.refuse('bad-args', at, format('%s must be at least %s', at, rule ->> 'minimum'));
        ELSIF value::numeric > (rule ->> 'maximum')::numeric THEN
            PERFORM millrace.refuse('bad-args', at, format('%s must be at most %s', at, rule ->> 'maximum'));
        END IF;
    ELSIF kind = 'string' THEN
        IF length(plain) < (rule ->> 'minLength')::integer THEN
            PERFORM millrace.refuse('bad-args', at, format('%s must have at least %s characters', at, rule ->> 'minLength'));
        ELSIF length(plain) > (rule ->> 'maxLength')::integer THEN
            PERFORM millrace.refuse('bad-args', at, format('%s must have at most %s characters', at, rule ->> 'maxLength'));
        ELSIF rule ? 'pattern' AND plain !~ (rule ->> 'pattern') THEN
            PERFORM millrace.refuse('bad-args', at, format('%s does not match the pattern %s', at, rule ->> 'pattern'));
        END IF;
    ELSIF kind = 'array' THEN
        IF jsonb_array_length(value) < (rule ->> 'minItems')::integer THEN
            PERFORM millrace.refuse('bad-args', at, format('%s must have at least %s items', at, rule ->> 'minItems'));
        ELSIF jsonb_array_length(value) > (rule ->> 'maxItems')::integer THEN
            PERFORM millrace.refuse('bad-args', at, format('%s must have at most %s items', at, rule ->> 'maxItems'));
        END IF;
        IF rule ? 'items' THEN
            FOR i IN 0 .. jsonb_array_length(value) - 1 LOOP
                PERFORM millrace.check_value(rule -> 'items', value -> i, at || '/' || i);
            END LOOP;
        END IF;
    ELSIF kind = 'object' THEN
        FOR key IN SELECT jsonb_array_elements_text(rule -> 'required') LOOP
            IF NOT value ? key THEN
                PERFORM millrace.refuse('bad-args', at || '/' || key, format('%s/%s is required', at, key));
            END IF;
        END LOOP;
        FOR key IN SELECT jsonb_object_keys(value) LOOP
            IF rule -> 'properties' ? key THEN
                PERFORM millrace.check_value(rule #> ARRAY['properties', key], value -> key, at || '/' || key);
            ELSIF rule ? 'properties' AND (rule ->> 'additionalProperties') IS DISTINCT FROM 'true' THEN
                PERFORM millrace.refuse('bad-args', at || '/' || key, format('%s/%s is not a parameter of this template', at, key));
            END IF;
        END LOOP;
    END IF;
END $$;
COMMENT ON FUNCTION millrace.check_value IS 'Refuses a value that breaks its rule (the JSON Schema subset of templates)';

CREATE FUNCTION millrace.check_job(job jsonb, at text) RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    odd text;
    wanted text := job ->> 'template';
    found record;
    args jsonb := coalesce(job -> 'args', '{}');
BEGIN
    IF jsonb_typeof(job) <> 'object' THEN
        PERFORM millrace.refuse('bad-job', at, format('a job must be an object, not %s', jsonb_typeof(job)));
    END IF;
    SELECT k INTO odd FROM jsonb_object_keys(job) AS k
    WHERE k NOT IN ('template', 'version', 'args', 'queue', 'priority', 'run_at', 'delay_ms', 'unique_key', 'unique_for_ms',
                    'ordering_key', 'tags', 'max_attempts', 'timeout_ms', 'deadline', 'parent') LIMIT 1;
    IF odd IS NOT NULL THEN
        PERFORM millrace.refuse('unknown-field', at || '/' || odd, format('%s is not a field of a job', odd));
    END IF;
    IF wanted IS NULL THEN
        PERFORM millrace.refuse('bad-job', at || '/template', 'template is required');
    END IF;
    SELECT t.id, t.state, t.active_version, v.version, v.published_at, v.spec -> 'params' AS params INTO found
    FROM millrace.templates t
    LEFT JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = coalesce((job ->> 'version')::integer, t.active_version)
    WHERE t.name = wanted;
    IF found.id IS NULL THEN
        PERFORM millrace.refuse('unknown-template', at || '/template', format('there is no template called %L', wanted));
    ELSIF found.state IN ('draft', 'archived') THEN
        PERFORM millrace.refuse('inactive-template', at || '/template', format('the template %L is %s; only active templates can be enqueued', wanted, found.state));
    ELSIF found.version IS NULL THEN
        PERFORM millrace.refuse('unknown-version', at || '/version', format('the template %L has no version %s', wanted, job ->> 'version'));
    ELSIF found.published_at IS NULL THEN
        PERFORM millrace.refuse('inactive-version', at || '/version', format('version %s of %L was never published', found.version, wanted));
    END IF;
    IF jsonb_typeof(args) <> 'object' THEN
        PERFORM millrace.refuse('bad-args', at || '/args', format('args must be an object, not %s', jsonb_typeof(args)));
    ELSIF octet_length(args::text) > 262144 THEN
        PERFORM millrace.refuse('args-too-large', at || '/args', format('args have %s bytes, at most 262144 are allowed', octet_length(args::text)));
    ELSIF length(args::text) - length(translate(args::text, '[{', '')) > 64 AND millrace.json_depth(args) > 64 THEN
        PERFORM millrace.refuse('args-too-deep', at || '/args', 'args are nested more than 64 levels deep');
    END IF;
    IF jsonb_typeof(found.params) = 'object' THEN
        PERFORM millrace.check_value(found.params, args, at || '/args');
    END IF;
    IF job - ARRAY['template', 'args'] <> '{}' THEN
        PERFORM millrace.check_options(job, at);
    END IF;
END $$;
COMMENT ON FUNCTION millrace.check_job IS 'Refuses a job description that breaks a rule, naming the field';

CREATE FUNCTION millrace.check_options(job jsonb, at text) RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    field text;
    tag jsonb;
BEGIN
    FOREACH field IN ARRAY ARRAY['version', 'priority', 'delay_ms', 'unique_for_ms', 'max_attempts', 'timeout_ms', 'parent'] LOOP
        IF jsonb_typeof(job -> field) NOT IN ('number', 'null') OR (job ->> field) !~ '^-?\d{1,18}$' THEN
            PERFORM millrace.refuse('bad-job', at || '/' || field, format('%s must be a whole number', field));
        END IF;
    END LOOP;
    FOREACH field IN ARRAY ARRAY['template', 'queue', 'run_at', 'unique_key', 'ordering_key', 'deadline'] LOOP
        IF jsonb_typeof(job -> field) NOT IN ('string', 'null') THEN
            PERFORM millrace.refuse('bad-job', at || '/' || field, format('%s must be a text', field));
        END IF;
    END LOOP;
    IF (job ->> 'queue') !~ '^[a-z0-9][a-z0-9._-]{0,63}$' THEN
        PERFORM millrace.refuse('bad-job', at || '/queue', 'a queue''s name is 1 to 64 of a-z 0-9 . _ - and begins with a letter or digit');
    ELSIF (job ->> 'priority')::bigint NOT BETWEEN 1 AND 5 THEN
        PERFORM millrace.refuse('bad-job', at || '/priority', 'priority goes from 1 (highest) to 5');
    ELSIF (job ->> 'delay_ms')::bigint NOT BETWEEN 0 AND 31536000000 THEN
        PERFORM millrace.refuse('bad-job', at || '/delay_ms', 'delay_ms goes from 0 to one year');
    ELSIF job ->> 'delay_ms' IS NOT NULL AND job ->> 'run_at' IS NOT NULL THEN
        PERFORM millrace.refuse('bad-job', at || '/delay_ms', 'give run_at or delay_ms, not both');
    ELSIF (job ->> 'max_attempts')::bigint NOT BETWEEN 1 AND 100 THEN
        PERFORM millrace.refuse('bad-job', at || '/max_attempts', 'max_attempts goes from 1 to 100');
    ELSIF (job ->> 'timeout_ms')::bigint NOT BETWEEN 100 AND 604800000 THEN
        PERFORM millrace.refuse('bad-job', at || '/timeout_ms', 'timeout_ms goes from 100 to 604800000 (7 days)');
    ELSIF length(job ->> 'unique_key') NOT BETWEEN 1 AND 255 THEN
        PERFORM millrace.refuse('bad-job', at || '/unique_key', 'unique_key has 1 to 255 characters');
    ELSIF job ->> 'unique_for_ms' IS NOT NULL AND job ->> 'unique_key' IS NULL THEN
        PERFORM millrace.refuse('bad-job', at || '/unique_for_ms', 'unique_for_ms needs a unique_key');
    ELSIF (job ->> 'unique_for_ms')::bigint NOT BETWEEN 1 AND 31536000000 THEN
        PERFORM millrace.refuse('bad-job', at || '/unique_for_ms', 'unique_for_ms goes from 1 to one year');
    ELSIF length(job ->> 'ordering_key') NOT BETWEEN 1 AND 255 THEN
        PERFORM millrace.refuse('bad-job', at || '/ordering_key', 'ordering_key has 1 to 255 characters');
    ELSIF jsonb_typeof(job -> 'tags') NOT IN ('array', 'null') OR jsonb_array_length(nullif(job -> 'tags', 'null')) > 20 THEN
        PERFORM millrace.refuse('bad-job', at || '/tags', 'tags is a list of at most 20 texts');
    END IF;
    FOR tag IN SELECT jsonb_array_elements(nullif(job -> 'tags', 'null')) LOOP
        IF jsonb_typeof(tag) <> 'string' OR tag #>> '{}' !~ '^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,63}$' THEN
            PERFORM millrace.refuse('bad-job', at || '/tags', format('%s is no tag: 1 to 64 of letters, digits, . _ : / @ -', tag));
        END IF;
    END LOOP;
    FOREACH field IN ARRAY ARRAY['run_at', 'deadline'] LOOP
        CONTINUE WHEN job ->> field IS NULL;
        BEGIN
            PERFORM (job ->> field)::timestamptz;
        EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
            PERFORM millrace.refuse('bad-job', at || '/' || field, format('%s is no time in RFC 3339: %L', field, job ->> field));
        END;
    END LOOP;
END $$;
COMMENT ON FUNCTION millrace.check_options IS 'Refuses fields of a job description that are out of range';

CREATE FUNCTION millrace.take_unique_keys(jobs jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    item jsonb;
    owner bigint;
    fresh bigint;
    taken jsonb := '[]';
BEGIN
    -- In the order of the keys, so that two callers with the same keys cannot wait for each other.
    FOR item IN SELECT value || jsonb_build_object('ord', ord) FROM jsonb_array_elements(jobs) WITH ORDINALITY AS e(value, ord)
                WHERE value ->> 'unique_key' IS NOT NULL ORDER BY value ->> 'unique_key', ord LOOP
        fresh := nextval('millrace.job_seq');
        LOOP
            INSERT INTO millrace.unique_keys AS k (key, job_id, until)
            VALUES (item ->> 'unique_key', fresh, clock_timestamp() + (item ->> 'unique_for_ms')::bigint * interval '1 ms')
            ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id, until = excluded.until
                WHERE k.until <= clock_timestamp()
            RETURNING job_id INTO owner;
            EXIT WHEN owner IS NOT NULL;
            SELECT job_id INTO owner FROM millrace.unique_keys WHERE key = item ->> 'unique_key';
            EXIT WHEN owner IS NOT NULL; -- else it was freed between the two statements: try again
        END LOOP;
        taken := taken || jsonb_build_object('ord', item -> 'ord', 'id', owner, 'existing', owner <> fresh);
        owner := NULL;
    END LOOP;
    RETURN taken;
END $$;
COMMENT ON FUNCTION millrace.take_unique_keys IS 'Takes the unique keys of these jobs; tells for each position who owns the key now';

CREATE FUNCTION millrace.insert_jobs(jobs jsonb, enqueued_by text) RETURNS TABLE (ord bigint, id bigint, existing boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    owners jsonb := '[]';
    moment timestamptz := clock_timestamp();
BEGIN
    INSERT INTO millrace.queues (name)
    SELECT DISTINCT coalesce(e.value ->> 'queue', v.queue) AS name FROM jsonb_array_elements(jobs) AS e(value)
    JOIN millrace.templates t ON t.name = e.value ->> 'template'
    JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = coalesce((e.value ->> 'version')::integer, t.active_version)
    WHERE NOT EXISTS (SELECT FROM millrace.queues q WHERE q.name = coalesce(e.value ->> 'queue', v.queue))
    ON CONFLICT (name) DO NOTHING;
    IF jobs @? '$[*].unique_key ? (@ != null)' THEN
        owners := millrace.take_unique_keys(jobs);
    END IF;
    RETURN QUERY
    WITH named AS (
        SELECT e.ord, (o.owner ->> 'id')::bigint AS owner_id, coalesce((o.owner ->> 'existing')::boolean, false) AS existing,
               t.id AS template_id, v.version, q.id AS queue_id, coalesce(j.priority, v.priority) AS priority,
               coalesce(j.run_at, moment + j.delay_ms * interval '1 ms') AS run_at, coalesce(e.value -> 'args', '{}') AS args,
               j.tags, j.max_attempts, j.timeout_ms, j.deadline, j.unique_key, j.ordering_key, j.parent
        FROM jsonb_array_elements(jobs) WITH ORDINALITY AS e(value, ord)
        CROSS JOIN LATERAL jsonb_to_record(e.value) AS j(template text, version integer, queue text, priority smallint,
            run_at timestamptz, delay_ms bigint, tags text[], max_attempts smallint, timeout_ms bigint, deadline timestamptz,
            unique_key text, ordering_key text, parent bigint)
        JOIN millrace.templates t ON t.name = j.template
        JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = coalesce(j.version, t.active_version)
        JOIN millrace.queues q ON q.name = coalesce(j.queue, v.queue)
        LEFT JOIN LATERAL (SELECT owner FROM jsonb_array_elements(owners) AS owner WHERE (owner ->> 'ord')::bigint = e.ord) AS o
            ON j.unique_key IS NOT NULL
    ), item AS MATERIALIZED ( -- ids are drawn in the order of the list, whatever order the joins have
        SELECT coalesce(owner_id, nextval('millrace.job_seq')) AS id, in_order.* FROM (SELECT * FROM named ORDER BY ord) AS in_order
    ), fresh AS MATERIALIZED (
        SELECT *, run_at > moment AS later FROM item WHERE NOT existing ORDER BY ord
    ), kept AS (
        INSERT INTO millrace.jobs (id, created_at, run_at, template_id, version, queue_id, priority, max_attempts, timeout_ms,
                                   deadline, parent_id, args, tags, unique_key, ordering_key, enqueued_by)
        SELECT id, moment, run_at, template_id, version, queue_id, priority, max_attempts, timeout_ms,
               deadline, parent, args, tags, unique_key, ordering_key, insert_jobs.enqueued_by FROM fresh
    ), waiting AS (
        INSERT INTO millrace.ready (seq, job_id, since, queue_id, template_id, priority, attempt)
        SELECT id, id, moment, queue_id, template_id, priority, 0 FROM fresh WHERE later IS NOT TRUE
    ), timed AS (
        INSERT INTO millrace.scheduled (job_id, run_at, since, seq, queue_id, template_id, priority, attempt, retrying)
        SELECT id, run_at, moment, id, queue_id, template_id, priority, 0, false FROM fresh WHERE later
    ), counted AS (
        INSERT INTO millrace.state_deltas (at, queue_id, template_id, entered_state, jobs)
        SELECT moment, queue_id, template_id, CASE WHEN later THEN 'scheduled' ELSE 'ready' END::millrace.job_state, count(*)
        FROM fresh GROUP BY queue_id, template_id, later IS TRUE, later
    )
    SELECT item.ord, item.id, item.existing FROM item ORDER BY item.ord;
END $$;
COMMENT ON FUNCTION millrace.insert_jobs IS 'Inserts checked job descriptions and tells their ids in order; a taken unique key gives its owner. Does not notify';

CREATE FUNCTION millrace.enqueue_many(jobs jsonb, notify boolean DEFAULT true)
RETURNS TABLE (ord bigint, id bigint, existing boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = millrace, pg_temp AS $$
#variable_conflict use_column
DECLARE
    item record;
BEGIN
    IF jsonb_typeof(jobs) IS DISTINCT FROM 'array' THEN
        PERFORM millrace.refuse('bad-job', '', 'jobs must be a JSON array of job descriptions');
    ELSIF jsonb_array_length(jobs) > 10000 THEN
        PERFORM millrace.refuse('too-many-jobs', '', format('%s jobs in one call, at most 10000 are allowed', jsonb_array_length(jobs)));
    END IF;
    FOR item IN SELECT e.value, e.ord FROM jsonb_array_elements(jobs) WITH ORDINALITY AS e(value, ord) LOOP
        PERFORM millrace.check_job(item.value, '/' || item.ord - 1);
    END LOOP;
    RETURN QUERY SELECT i.ord, i.id, i.existing FROM millrace.insert_jobs(jobs, 'sql:' || session_user) AS i;
    IF notify THEN
        PERFORM pg_notify('millrace', 'ready');
    END IF;
END $$;
COMMENT ON FUNCTION millrace.enqueue_many IS 'Enqueues up to 10,000 jobs within the caller''s transaction and gives their ids in order. notify => false leaves the waking to the poll (at most 1 s)';

CREATE FUNCTION millrace.enqueue(
    template text, args jsonb DEFAULT '{}', queue text DEFAULT NULL, priority integer DEFAULT NULL, run_at timestamptz DEFAULT NULL,
    delay_ms bigint DEFAULT NULL, unique_key text DEFAULT NULL, unique_for_ms bigint DEFAULT NULL, ordering_key text DEFAULT NULL,
    tags text[] DEFAULT NULL, max_attempts integer DEFAULT NULL, timeout_ms bigint DEFAULT NULL, deadline timestamptz DEFAULT NULL,
    version integer DEFAULT NULL, notify boolean DEFAULT true)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = millrace, pg_temp AS $$
DECLARE
    job jsonb := jsonb_strip_nulls(jsonb_build_object(
        'template', template, 'queue', queue, 'priority', priority, 'run_at', run_at, 'delay_ms', delay_ms,
        'unique_key', unique_key, 'unique_for_ms', unique_for_ms, 'ordering_key', ordering_key, 'tags', to_jsonb(tags),
        'max_attempts', max_attempts, 'timeout_ms', timeout_ms, 'deadline', deadline, 'version', version))
        || jsonb_build_object('args', coalesce(args, '{}')); -- args keep their nulls
    job_id bigint;
BEGIN
    PERFORM millrace.check_job(job, '');
    SELECT i.id INTO job_id FROM millrace.insert_jobs(jsonb_build_array(job), 'sql:' || session_user) AS i;
    IF notify THEN
        PERFORM pg_notify('millrace', 'ready');
    END IF;
    RETURN job_id;
END $$;
COMMENT ON FUNCTION millrace.enqueue IS 'Enqueues one job within the caller''s transaction and gives its id; a taken unique key gives its owner';
