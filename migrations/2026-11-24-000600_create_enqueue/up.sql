-- The one door for jobs: SQL by enqueue(_many), the program (same rules; a test compares) by insert_jobs. Refusals: HINT 'millrace:<code>', pointer as DETAIL.

CREATE OR REPLACE FUNCTION millrace.check_job(job jsonb, at text) RETURNS void LANGUAGE plpgsql STABLE AS $$
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
    IF jsonb_typeof(job -> 'version') NOT IN ('number', 'null') OR (job ->> 'version') !~ '^-?\d{1,9}$' THEN
        PERFORM millrace.refuse('bad-job', at || '/version', 'version must be a whole number'); -- before it is read as one
    END IF;
    SELECT t.id, t.state, t.active_version, v.version, v.published_at, v.spec -> 'params' AS params, v.debounce IS NOT NULL AS debounced INTO found
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
    IF NOT millrace.numbers_are_plain(args) THEN
        PERFORM millrace.check_numbers(args, at || '/args');
    END IF;
    IF jsonb_typeof(found.params) = 'object' THEN
        PERFORM millrace.check_value(found.params, args, at || '/args');
    END IF;
    IF job - ARRAY['template', 'args'] <> '{}' THEN
        PERFORM millrace.check_options(job, at);
        IF found.debounced THEN
            PERFORM millrace.refuse('bad-job', at || '/' || k.field, format('the template %L debounces its jobs: they take no %s', wanted, k.field))
            FROM unnest(ARRAY['unique_key', 'ordering_key']) AS k(field) WHERE job ->> k.field IS NOT NULL;
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION millrace.check_job IS 'Refuses a job description that breaks a rule, naming the field';

CREATE OR REPLACE FUNCTION millrace.check_options(job jsonb, at text) RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    field text;
    tag record;
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
    ELSIF length(job ->> 'ordering_key') NOT BETWEEN 1 AND 255 OR starts_with(job ->> 'ordering_key', 'schedule:') THEN
        PERFORM millrace.refuse('bad-job', at || '/ordering_key', 'ordering_key ' || CASE WHEN starts_with(job ->> 'ordering_key', 'schedule:')
            THEN 'cannot begin with schedule: (those are of schedules)' ELSE 'has 1 to 255 characters' END);
    ELSIF jsonb_typeof(job -> 'tags') NOT IN ('array', 'null') OR jsonb_array_length(nullif(job -> 'tags', 'null')) > 20 THEN
        PERFORM millrace.refuse('bad-job', at || '/tags', 'tags is a list of at most 20 texts');
    END IF;
    FOR tag IN SELECT value, ord - 1 AS place FROM jsonb_array_elements(nullif(job -> 'tags', 'null')) WITH ORDINALITY AS e(value, ord) LOOP
        IF jsonb_typeof(tag.value) <> 'string' OR tag.value #>> '{}' !~ '^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,63}$' THEN
            PERFORM millrace.refuse('bad-job', at || '/tags/' || tag.place, format('%s is no tag: 1 to 64 of letters, digits, . _ : / @ -', left(tag.value::text, 80)));
        END IF;
    END LOOP;
    FOREACH field IN ARRAY ARRAY['run_at', 'deadline'] LOOP
        CONTINUE WHEN job ->> field IS NULL;
        BEGIN
            IF job ->> field !~* '^\d{4}-\d\d-\d\d[t ]\d\d:\d\d(:\d\d(\.\d+)?)?(z|[+-]\d\d(:?\d\d)?)$'
               OR (job ->> field)::timestamptz NOT BETWEEN '1970-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00' THEN
                RAISE datetime_field_overflow;
            END IF;
        EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
            PERFORM millrace.refuse('bad-job', at || '/' || field, format('%s is no time in RFC 3339 from 1970 to 9999: %L', field, left(job ->> field, 60)));
        END;
    END LOOP;
END $$;
COMMENT ON FUNCTION millrace.check_options IS 'Refuses fields of a job description that are out of range';

CREATE OR REPLACE FUNCTION millrace.take_unique_keys(jobs jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    item jsonb;
    owner bigint;
    fresh bigint;
    lapses timestamptz;
    last bigint; -- the owner of the key before, which may be of this call
    taken jsonb := '[]';
BEGIN
    -- In the order of the keys, so that two callers with the same keys cannot wait for each other.
    FOR item IN SELECT value || jsonb_build_object('ord', ord) FROM jsonb_array_elements(jobs) WITH ORDINALITY AS e(value, ord)
                WHERE value ->> 'unique_key' IS NOT NULL ORDER BY value ->> 'unique_key', ord LOOP
        fresh := nextval('millrace.job_seq');
        LOOP
            -- Look first: the insert below locks the owner's row even when it changes nothing, and then the end of that job
            -- would wait for the end of our caller's transaction.
            SELECT k.job_id INTO owner FROM millrace.unique_keys k
            WHERE k.key = item ->> 'unique_key' AND (k.until IS NULL OR k.until > clock_timestamp());
            EXIT WHEN owner IS NOT NULL AND ((item ->> 'unique_waits')::boolean IS NOT TRUE OR owner = last OR millrace.keep_waiting(owner));
            -- Who has the key only while it waits has lost it by running. Its row in jobs does not name the key, so that its end
            -- does not wait for us; what is left of such keys lapses.
            lapses := clock_timestamp() + CASE WHEN (item ->> 'unique_waits')::boolean THEN interval '31 days' + greatest(interval '0',
                coalesce((item ->> 'run_at')::timestamptz - clock_timestamp(), (item ->> 'delay_ms')::bigint * interval '1 ms', interval '0'))
                ELSE (item ->> 'unique_for_ms')::bigint * interval '1 ms' END;
            UPDATE millrace.unique_keys k SET job_id = fresh, until = lapses WHERE k.key = item ->> 'unique_key' AND k.job_id = owner;
            IF FOUND THEN
                owner := fresh;
                EXIT;
            END IF;
            INSERT INTO millrace.unique_keys AS k (key, job_id, until)
            VALUES (item ->> 'unique_key', fresh, lapses)
            ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id, until = excluded.until
                WHERE k.until <= clock_timestamp()
            RETURNING job_id INTO owner;
            EXIT WHEN owner IS NOT NULL; -- else somebody took it between the two statements: look again
        END LOOP;
        taken := taken || jsonb_build_object('ord', item -> 'ord', 'id', owner, 'existing', owner <> fresh);
        last := owner;
        owner := NULL;
    END LOOP;
    RETURN taken;
END $$;
COMMENT ON FUNCTION millrace.take_unique_keys IS 'Takes the unique keys of these jobs; tells for each position who owns the key now';

CREATE OR REPLACE FUNCTION millrace.insert_jobs(jobs jsonb, enqueued_by text, versions jsonb DEFAULT '{}') RETURNS TABLE (ord bigint, id bigint, existing boolean)
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    owners jsonb := '[]';
    moment timestamptz := clock_timestamp();
    inserted bigint;
    ordered boolean := jobs @? '$[*].ordering_key ? (@ != null)';
    joining boolean := EXISTS (SELECT FROM millrace.template_versions WHERE debounce IS NOT NULL OR uniqueness IS NOT NULL);
BEGIN
    PERFORM pg_current_xact_id(); -- before numbers are drawn: whoever waits with one in hand must be seen (src/queue/horizon.rs)
    INSERT INTO millrace.queues (name)
    SELECT DISTINCT coalesce(e.queue, v.queue)
    FROM (SELECT DISTINCT value ->> 'template' AS template, value ->> 'version' AS version, value ->> 'queue' AS queue
          FROM jsonb_array_elements(jobs)) AS e
    JOIN millrace.templates t ON t.name = e.template
    JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = coalesce(e.version::integer, (versions ->> t.name)::integer, t.active_version)
    WHERE NOT EXISTS (SELECT FROM millrace.queues q WHERE q.name = coalesce(e.queue, v.queue))
    ON CONFLICT (name) DO NOTHING;
    IF ordered THEN -- before places are drawn
        PERFORM millrace.lock_enqueueing(ARRAY(SELECT e.job ->> 'ordering_key' FROM jsonb_array_elements(jobs) AS e(job) WHERE e.job ->> 'ordering_key' IS NOT NULL));
    END IF;
    IF joining THEN
        jobs := millrace.with_unique_keys(jobs, versions);
    END IF;
    IF jobs @? '$[*].unique_key ? (@ != null)' THEN
        owners := millrace.take_unique_keys(jobs);
    END IF;
    IF joining THEN
        SELECT d.list, owners || d.of_debounced INTO jobs, owners FROM millrace.debounce_jobs(jobs, versions) AS d(list, of_debounced);
    END IF;
    RETURN QUERY
    WITH named AS (
        SELECT j.ord, owner.id AS owner_id, coalesce(owner.existing, false) AS existing, t.id AS template_id, v.version,
               q.id AS queue_id, coalesce(j.priority, v.priority) AS priority,
               coalesce(j.run_at, moment + j.delay_ms * interval '1 ms') AS run_at, coalesce(j.args, '{}') AS args,
               v.limits, coalesce(j.tags, v.tags) AS tags, j.max_attempts, j.timeout_ms, j.deadline,
               CASE WHEN j.unique_waits IS NOT TRUE THEN j.unique_key END AS unique_key, j.ordering_key, j.parent,
               coalesce(j.enqueued_by, insert_jobs.enqueued_by) AS enqueued_by, j.schedule_id, j.occurrence
        FROM ROWS FROM (jsonb_to_recordset(jobs) AS (template text, version integer, queue text, priority smallint, run_at timestamptz,
            delay_ms bigint, args jsonb, tags text[], max_attempts smallint, timeout_ms bigint, deadline timestamptz, unique_key text,
            ordering_key text, parent bigint, unique_waits boolean, enqueued_by text, schedule_id integer, occurrence timestamptz)) WITH ORDINALITY AS j(template, version,
            queue, priority, run_at, delay_ms, args, tags, max_attempts, timeout_ms, deadline, unique_key, ordering_key, parent, unique_waits, enqueued_by, schedule_id, occurrence, ord)
        JOIN millrace.templates t ON t.name = j.template AND t.state IN ('active', 'deprecated')
        JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = coalesce(j.version, (versions ->> t.name)::integer, t.active_version)
        JOIN millrace.queues q ON q.name = coalesce(j.queue, v.queue)
        LEFT JOIN jsonb_to_recordset(owners) AS owner(ord bigint, id bigint, existing boolean) ON owner.ord = j.ord
        ORDER BY j.ord -- ids are drawn above this sort, so that they rise in the callers' order
    ), item AS MATERIALIZED (
        SELECT *, coalesce(owner_id, nextval('millrace.job_seq')) AS id, run_at > moment AS later, -- those of unique keys do not rise with their places
            CASE WHEN ordering_key IS NOT NULL AND NOT existing THEN millrace.turn_lane(ordering_key) END AS lane,
            CASE WHEN ordering_key IS NOT NULL THEN nextval('millrace.job_seq') END AS place FROM named
    ), kept AS (
        INSERT INTO millrace.jobs (id, created_at, run_at, template_id, version, queue_id, priority, max_attempts, timeout_ms,
                                   deadline, parent_id, args, tags, unique_key, ordering_key, enqueued_by, limit_keys, schedule_id, occurrence)
        SELECT id, moment, run_at, template_id, version, queue_id, priority, max_attempts, timeout_ms,
               deadline, parent, args, tags, unique_key, ordering_key, enqueued_by,
               CASE WHEN limits IS NOT NULL THEN millrace.limit_keys(template_id, limits, args) END, schedule_id, occurrence FROM item WHERE NOT existing
    ), waiting AS (
        INSERT INTO millrace.ready (seq, job_id, since, queue_id, template_id, priority, attempt)
        SELECT id, id, moment, queue_id, template_id, priority, 0 FROM item WHERE NOT existing AND later IS NOT TRUE AND lane IS NULL
    ), timed AS (
        INSERT INTO millrace.scheduled (job_id, run_at, since, seq, queue_id, template_id, priority, attempt, retrying, lane)
        SELECT id, run_at, moment, id, queue_id, template_id, priority, 0, false, lane FROM item WHERE NOT existing AND later
    ), turn AS ( -- of several in a lane only the first can have the turn
        INSERT INTO millrace.turns (job_id, lane, place) SELECT id, lane, place FROM item WHERE ordered AND lane IS NOT NULL
    ), asking AS (
        INSERT INTO millrace.gated (job_id, lane, since, not_before, queue_id, template_id, priority, attempt)
        SELECT id, lane, moment, CASE WHEN place = min(place) OVER (PARTITION BY lane) THEN moment END, queue_id, template_id, priority, 0
        FROM item WHERE ordered AND lane IS NOT NULL AND later IS NOT TRUE
    ), counted AS (
        INSERT INTO millrace.state_deltas (at, queue_id, template_id, entered_state, jobs)
        SELECT moment, queue_id, template_id, CASE WHEN later THEN 'scheduled' ELSE 'ready' END::millrace.job_state, count(*)
        FROM item WHERE NOT existing GROUP BY queue_id, template_id, later IS TRUE, later
    )
    SELECT item.ord, item.id, item.existing FROM item;
    GET DIAGNOSTICS inserted = ROW_COUNT;
    IF inserted <> jsonb_array_length(jobs) THEN
        RAISE EXCEPTION 'a template was archived meanwhile; nothing was enqueued' USING ERRCODE = 'serialization_failure';
    END IF;
END $$;
COMMENT ON FUNCTION millrace.insert_jobs IS 'Inserts checked job descriptions and tells their ids in order; a taken unique key gives its owner. Those without a version get that of versions (by template), against which they were checked; a description may name who enqueued it, and the occurrence of a schedule that it is of. Does not notify';

CREATE OR REPLACE FUNCTION millrace.active_versions(jobs jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(t.name, t.active_version), '{}') FROM millrace.templates t
    WHERE t.active_version IS NOT NULL AND t.name IN (SELECT e.job ->> 'template' FROM jsonb_array_elements(jobs) AS e(job))
$$;
COMMENT ON FUNCTION millrace.active_versions IS 'Active version of each template that the jobs name: read once, so that a job is pinned to what it was checked against';

CREATE OR REPLACE FUNCTION millrace.check_jobs(jobs jsonb, versions jsonb) RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    item record;
BEGIN
    FOR item IN
        WITH job AS MATERIALIZED (
            SELECT e.ord, e.value, e.value ->> 'template' AS template, coalesce(e.value -> 'args', '{}') AS args
            FROM jsonb_array_elements(jobs) WITH ORDINALITY AS e(value, ord)
        ), known AS MATERIALIZED (
            SELECT t.name, v.spec -> 'params' AS params, v.args_condition, v.args_names
            FROM millrace.templates t JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = (versions ->> t.name)::integer
            WHERE t.name IN (SELECT template FROM job) AND t.state IN ('active', 'deprecated') AND v.published_at IS NOT NULL
        )
        SELECT job.ord, CASE WHEN jsonb_typeof(job.value) = 'object' AND job.value ->> 'version' IS NULL AND versions ? job.template
            THEN job.value || jsonb_build_object('version', versions -> job.template) ELSE job.value END AS value FROM job LEFT JOIN known ON known.name = job.template
        WHERE (CASE WHEN known.name IS NULL OR jsonb_typeof(job.args) <> 'object' THEN false
            ELSE job.value - ARRAY['template', 'args', 'queue', 'priority'] = '{}'
                AND (NOT job.value ? 'queue' OR jsonb_typeof(job.value -> 'queue') = 'string'
                    AND job.value ->> 'queue' ~ '^[a-z0-9][a-z0-9._-]{0,63}$')
                AND (NOT job.value ? 'priority' OR jsonb_typeof(job.value -> 'priority') = 'number'
                    AND job.value ->> 'priority' IN ('1', '2', '3', '4', '5'))
                AND millrace.args_are_small(job.args) AND millrace.numbers_are_plain(job.args)
                AND CASE WHEN job.args @@ known.args_condition AND (known.args_names IS NULL OR job.args - known.args_names = '{}') THEN true
                    ELSE millrace.args_fit(known.params, job.args) END
            END) IS NOT TRUE
        ORDER BY job.ord
    LOOP
        PERFORM millrace.check_job(item.value, '/' || item.ord - 1);
    END LOOP;
END $$;
COMMENT ON FUNCTION millrace.check_jobs IS 'Refuses the first of a list of job descriptions that breaks a rule; what is plainly right costs little';

CREATE OR REPLACE FUNCTION millrace.fill_jobs(jobs jsonb, versions jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM millrace.template_versions WHERE fills) THEN
        RETURN jobs;
    END IF;
    RETURN (
        SELECT coalesce(jsonb_agg(CASE
            WHEN v.fills AND jsonb_typeof(coalesce(e.job -> 'args', '{}')) = 'object' AND millrace.args_are_small(coalesce(e.job -> 'args', '{}'))
            THEN e.job || jsonb_build_object('args', millrace.with_defaults(v.spec -> 'params', coalesce(e.job -> 'args', '{}')))
            ELSE e.job END ORDER BY e.ord), '[]')
        FROM jsonb_array_elements(jobs) WITH ORDINALITY AS e(job, ord)
        LEFT JOIN millrace.templates t ON t.name = e.job ->> 'template'
        LEFT JOIN millrace.template_versions v ON v.template_id = t.id AND v.fills
            AND v.version = CASE WHEN e.job ->> 'version' ~ '^\d{1,9}$' THEN (e.job ->> 'version')::integer ELSE (versions ->> t.name)::integer END);
END $$;
COMMENT ON FUNCTION millrace.fill_jobs IS 'Job descriptions with the defaults of their templates'' parameters in their arguments';

CREATE OR REPLACE FUNCTION millrace.enqueue_many(jobs jsonb, notify boolean DEFAULT true)
RETURNS TABLE (ord bigint, id bigint, existing boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = millrace, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    versions jsonb;
BEGIN
    IF jsonb_typeof(jobs) IS DISTINCT FROM 'array' THEN
        PERFORM millrace.refuse('bad-job', '', 'jobs must be a JSON array of job descriptions');
    ELSIF jsonb_array_length(jobs) > 10000 THEN
        PERFORM millrace.refuse('too-many-jobs', '', format('%s jobs in one call, at most 10000 are allowed', jsonb_array_length(jobs)));
    END IF;
    versions := millrace.active_versions(jobs);
    jobs := millrace.fill_jobs(jobs, versions);
    PERFORM millrace.check_jobs(jobs, versions);
    RETURN QUERY SELECT i.ord, i.id, i.existing FROM millrace.insert_jobs(jobs, 'sql:' || session_user, versions) AS i;
    IF notify THEN
        PERFORM pg_notify('millrace', CASE WHEN jobs @? '$[*] ? (@.ordering_key != null || @.run_at != null || @.delay_ms != null)' OR EXISTS (
            SELECT FROM millrace.template_versions v JOIN millrace.templates t ON t.id = v.template_id
            WHERE v.debounce IS NOT NULL AND t.name IN (SELECT e.job ->> 'template' FROM jsonb_array_elements(jobs) AS e(job))) THEN 'all' ELSE 'ready' END);
    END IF;
END $$;
COMMENT ON FUNCTION millrace.enqueue_many IS 'Enqueues up to 10,000 jobs within the caller''s transaction and gives their ids in order. notify => false leaves the waking to the poll (at most 1 s)';

CREATE OR REPLACE FUNCTION millrace.enqueue(
    template text, args jsonb DEFAULT '{}', queue text DEFAULT NULL, priority integer DEFAULT NULL, run_at timestamptz DEFAULT NULL,
    delay_ms bigint DEFAULT NULL, unique_key text DEFAULT NULL, unique_for_ms bigint DEFAULT NULL, ordering_key text DEFAULT NULL,
    tags text[] DEFAULT NULL, max_attempts integer DEFAULT NULL, timeout_ms bigint DEFAULT NULL, deadline timestamptz DEFAULT NULL,
    version integer DEFAULT NULL, notify boolean DEFAULT true)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = millrace, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    moment timestamptz := clock_timestamp();
    due timestamptz := coalesce(run_at, moment + CASE WHEN delay_ms BETWEEN 0 AND 31536000000 THEN delay_ms END * interval '1 ms');
    given jsonb := coalesce(args, '{}');
    found_template integer;
    found_version integer;
    found_queue integer;
    found_priority smallint;
    found_tags text[];
    filled jsonb;
    found_limits jsonb;
    job jsonb;
    job_id bigint;
    is_timed boolean := false;
BEGIN
    -- What is plainly right goes in at once; everything else through the checks.
    IF num_nonnulls(unique_key, unique_for_ms, ordering_key, tags, version) = 0 AND num_nonnulls(run_at, delay_ms) < 2
       AND coalesce(priority, 1) BETWEEN 1 AND 5 AND coalesce(delay_ms, 0) BETWEEN 0 AND 31536000000
       AND coalesce(max_attempts, 1) BETWEEN 1 AND 100 AND coalesce(timeout_ms, 100) BETWEEN 100 AND 604800000
       AND coalesce(run_at, moment) BETWEEN '1970-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'
       AND coalesce(deadline, moment) BETWEEN '1970-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'
       AND jsonb_typeof(given) = 'object' AND millrace.args_are_small(given) AND millrace.numbers_are_plain(given) THEN
        SELECT t.id, v.version, q.id, coalesce(enqueue.priority, v.priority), v.tags, f.args, v.limits
        INTO found_template, found_version, found_queue, found_priority, found_tags, filled, found_limits
        FROM millrace.templates t
        JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = t.active_version
        JOIN millrace.queues q ON q.name = coalesce(enqueue.queue, v.queue)
        CROSS JOIN LATERAL (SELECT CASE WHEN v.fills THEN millrace.with_defaults(v.spec -> 'params', given) ELSE given END AS args) AS f
        WHERE t.name = enqueue.template AND t.state IN ('active', 'deprecated') AND v.published_at IS NOT NULL
            AND v.debounce IS NULL AND v.uniqueness IS NULL
            AND CASE WHEN f.args @@ v.args_condition AND (v.args_names IS NULL OR f.args - v.args_names = '{}') THEN true
                ELSE millrace.args_fit(v.spec -> 'params', f.args) END;
    END IF;
    IF found_template IS NOT NULL THEN
        PERFORM pg_current_xact_id(); job_id := nextval('millrace.job_seq'); -- in this order: src/queue/horizon.rs
        INSERT INTO millrace.jobs (id, created_at, run_at, template_id, version, queue_id, priority, max_attempts, timeout_ms,
                                   deadline, args, tags, enqueued_by, limit_keys)
        VALUES (job_id, moment, due, found_template, found_version, found_queue, found_priority, max_attempts, timeout_ms,
                deadline, filled, found_tags, 'sql:' || session_user,
                CASE WHEN found_limits IS NOT NULL THEN millrace.limit_keys(found_template, found_limits, filled) END);
        IF due > moment THEN
            INSERT INTO millrace.scheduled (job_id, run_at, since, seq, queue_id, template_id, priority, attempt, retrying)
            VALUES (job_id, due, moment, job_id, found_queue, found_template, found_priority, 0, false);
        ELSE
            INSERT INTO millrace.ready (seq, job_id, since, queue_id, template_id, priority, attempt)
            VALUES (job_id, job_id, moment, found_queue, found_template, found_priority, 0);
        END IF;
        INSERT INTO millrace.state_deltas (at, queue_id, template_id, entered_state, jobs)
        VALUES (moment, found_queue, found_template, CASE WHEN due > moment THEN 'scheduled' ELSE 'ready' END::millrace.job_state, 1);
    ELSE
        job := jsonb_strip_nulls(jsonb_build_object(
            'template', template, 'queue', queue, 'priority', priority, 'run_at', run_at, 'delay_ms', delay_ms,
            'unique_key', unique_key, 'unique_for_ms', unique_for_ms, 'ordering_key', ordering_key, 'tags', to_jsonb(tags),
            'max_attempts', max_attempts, 'timeout_ms', timeout_ms, 'deadline', deadline, 'version', version))
            || jsonb_build_object('args', given); -- args keep their nulls
        IF version IS NULL THEN -- what is checked now is what is inserted then
            job := job || coalesce((SELECT jsonb_build_object('version', t.active_version) FROM millrace.templates t
                                    WHERE t.name = enqueue.template AND t.active_version IS NOT NULL), '{}');
        END IF;
        job := millrace.fill_jobs(jsonb_build_array(job), '{}') -> 0;
        PERFORM millrace.check_job(job, '');
        SELECT i.id INTO job_id FROM millrace.insert_jobs(jsonb_build_array(job), 'sql:' || session_user) AS i;
        is_timed := EXISTS (SELECT FROM (SELECT job_id AS id) AS made JOIN millrace.scheduled s ON s.job_id = made.id); -- a debounce sets times, too
    END IF;
    IF notify THEN
        PERFORM pg_notify('millrace', CASE WHEN due > moment OR ordering_key IS NOT NULL OR is_timed THEN 'scheduled' ELSE 'ready' END);
    END IF;
    RETURN job_id;
END $$;
COMMENT ON FUNCTION millrace.enqueue IS 'Enqueues one job within the caller''s transaction and gives its id; a taken unique key gives its owner';
