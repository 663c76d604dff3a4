-- `sql` jobs: the changes and the completion commit in one transaction, or neither does (G4).
-- The job's own login role calls begin_sql, which notes what this transaction is about; execute_sql, which runs the text with the
-- caller's rights inside a function, so that it cannot commit; then finish_sql, which runs with the owner's rights, compares the
-- fence and writes the completion, or raises.
--
-- What is guarded: the statements of a job run as the same role and may call finish_sql, too, but their transaction is about one
-- job from before they begin, cannot be made to be about another, and a job finished early fails the attempt. Whoever else logs in
-- as this role can finish jobs of sql templates whose lease they guess while they run, and no other job: keep its password.

CREATE UNLOGGED TABLE millrace.sql_attempts (
    transaction_id xid8 CONSTRAINT sql_attempts_pk PRIMARY KEY,
    job_id bigint NOT NULL,
    fence bigint NOT NULL
);
COMMENT ON TABLE millrace.sql_attempts IS 'Which job a transaction of the sql role is about: written before its statements, removed with its completion, so nobody ever sees a row';
COMMENT ON COLUMN millrace.sql_attempts.transaction_id IS 'The transaction';
COMMENT ON COLUMN millrace.sql_attempts.job_id IS 'The job';
COMMENT ON COLUMN millrace.sql_attempts.fence IS 'The lease of its attempt';

CREATE FUNCTION millrace.begin_sql(job bigint, fence bigint) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = millrace, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM FROM millrace.jobs j JOIN millrace.template_versions v ON v.template_id = j.template_id AND v.version = j.version
    WHERE j.id = job AND v.spec ->> 'runner' = 'sql';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'job % is not of an sql template', job USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- a second job in one transaction meets the primary key
    INSERT INTO millrace.sql_attempts (transaction_id, job_id, fence) VALUES (pg_current_xact_id(), job, fence);
END $$;
COMMENT ON FUNCTION millrace.begin_sql IS 'Notes that this transaction is about one attempt of a job of an sql template, and no other';

CREATE FUNCTION millrace.execute_sql(statements text, vals text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    affected bigint;
BEGIN
    EXECUTE statements USING vals;
    GET DIAGNOSTICS affected = ROW_COUNT;
    RETURN affected;
END $$;
COMMENT ON FUNCTION millrace.execute_sql IS 'Runs statements with the caller''s rights, $1 being the array of values; gives the rows of the last one';

CREATE FUNCTION millrace.histogram_bucket(micros double precision) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ceil(ln(least(greatest(micros, 1.0), 1.15e15)) / ln(1.02::double precision / 0.98::double precision))::integer
$$;
COMMENT ON FUNCTION millrace.histogram_bucket IS 'Bucket of a duration in microseconds, as src/queue/histogram.rs counts it (a test compares them)';

CREATE FUNCTION millrace.finish_sql(job bigint, fence bigint, started_at timestamptz, waiting_since timestamptz, affected bigint)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = millrace, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    held record;
    place record;
    moment timestamptz := clock_timestamp();
    wait_us bigint := greatest(0, extract(epoch FROM started_at - waiting_since) * 1e6)::bigint;
    run_us bigint := greatest(0, extract(epoch FROM clock_timestamp() - started_at) * 1e6)::bigint;
BEGIN
    DELETE FROM millrace.sql_attempts a WHERE a.transaction_id = pg_current_xact_id() AND a.job_id = job AND a.fence = fence;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'this transaction is not about job %', job USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- a lease that a sweep has taken back is gone; nobody else shrinks it
    SELECT l.node_id, l.job_ids, l.attempts, array_position(l.job_ids, job) AS n INTO held FROM millrace.leases l WHERE l.id = fence FOR UPDATE;
    IF held.n IS NULL THEN
        RAISE EXCEPTION 'the lease of job % is lost; nothing of this attempt is kept', job USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'millrace:lease-lost';
    END IF;
    IF cardinality(held.job_ids) = 1 THEN
        DELETE FROM millrace.leases l WHERE l.id = fence;
    ELSE
        UPDATE millrace.leases l SET job_ids = held.job_ids[:held.n - 1] || held.job_ids[held.n + 1:],
            attempts = held.attempts[:held.n - 1] || held.attempts[held.n + 1:] WHERE l.id = fence;
    END IF;
    SELECT j.template_id, j.version, j.unique_key, coalesce(p.queue_id, j.queue_id) AS queue_id, coalesce(p.priority, j.priority) AS priority INTO place
    FROM millrace.jobs j LEFT JOIN millrace.placements p ON p.job_id = j.id WHERE j.id = job;
    INSERT INTO millrace.history (job_id, fence, since, started_at, finished_at, template_id, version, queue_id, node_id, state, priority, attempt, output)
    VALUES (job, fence, waiting_since, started_at, moment, place.template_id, place.version, place.queue_id, held.node_id, 'succeeded', place.priority,
            held.attempts[held.n], jsonb_build_object('rows', affected));
    DELETE FROM millrace.unique_keys k WHERE k.key = place.unique_key AND k.job_id = job AND k.until IS NULL;
    DELETE FROM millrace.live v WHERE v.job_id = job;
    DELETE FROM millrace.placements p WHERE p.job_id = job;
    INSERT INTO millrace.state_deltas (queue_id, template_id, left_state, entered_state, jobs)
    VALUES (place.queue_id, place.template_id, 'running', 'succeeded', 1);
    INSERT INTO millrace.rollup_deltas (minute, template_id, queue_id, node_id, succeeded, failed, attempts_failed, wait_us, run_us, cpu_ms,
        peak_memory_bytes, wait_histogram, run_histogram)
    VALUES (date_trunc('minute', moment), place.template_id, place.queue_id, held.node_id, 1, 0, 0, wait_us, run_us, 0, 0,
        ARRAY[millrace.histogram_bucket(wait_us), 1], ARRAY[millrace.histogram_bucket(run_us), 1]);
END $$;
COMMENT ON FUNCTION millrace.finish_sql IS 'Writes the completion of an sql job whose lease is still held, or raises; called in the job''s own transaction';
