-- A console with full pages: as many of everything as a list shows, with long names, sentences and arguments.
INSERT INTO millrace.queues (name, paused_at, paused_by, pause_reason, wait_target_ms)
    SELECT 'region-' || n || '.transactional-mail', CASE WHEN n % 5 = 0 THEN now() - interval '1 hour' END, CASE WHEN n % 5 = 0 THEN 'ada@example.org' END,
        CASE WHEN n % 5 = 0 THEN 'the relay of region ' || n || ' is being moved' END, 60000 FROM generate_series(1, 30) AS n;
INSERT INTO millrace.nodes (name, version, state, slots, busy, slots_min, slots_max, memory_bytes, labels)
    SELECT 'worker-' || n || '.fra.example.org', '0.1.0', 'up', 64, n, 8, 128, 4000000000, '{"gpu": "no", "region": "fra"}' FROM generate_series(1, 30) AS n;
INSERT INTO millrace.pools (name, amount, unit, description)
    SELECT 'licence-' || n, 40, 'seats', 'What the contract with supplier ' || n || ' allows at once' FROM generate_series(1, 30) AS n;
INSERT INTO millrace.people (email, name, role, scope_queues)
    SELECT 'person' || n || '@example.org', 'Nadia Kowalczyk the ' || n || 'th', 'operator', CASE WHEN n % 3 = 0 THEN '{default}'::text[] ELSE '{}' END
    FROM generate_series(1, 60) AS n;
INSERT INTO millrace.tokens (person_id, name, token_hash, hint, scopes, expires_at)
    SELECT p.id, 'deploy of shop ' || p.id, sha256(p.email::bytea), 'mr_a', '{enqueue,jobs.read}', now() + interval '30 days' FROM millrace.people p;
INSERT INTO millrace.saved_views (slug, page, owner_id, name, address, visibility)
    SELECT 'view-' || n, 'jobs', (SELECT min(id) FROM millrace.people), 'Needs attention in region ' || n, 'state=retrying,failed&queue=region-' || n || '*', 'everyone'
    FROM generate_series(1, 60) AS n;
INSERT INTO millrace.notifications (person_id, tone, title, body, link_word, link_path)
    SELECT p.id, 'failed', n || ' of 500 jobs could not be cancelled.', 'They had ended by then. The list of them says which.', 'Open', '/operations/1'
    FROM millrace.people p, generate_series(1, 60) AS n;
INSERT INTO millrace.operations (act, query, zone, actor, via, expected, state, below, looked, done, skipped, finished_at, reason)
    SELECT 'retry', 'state:failed queue:region-' || n || '* created:-24h', 'UTC', 'ada@example.org', 'console', 5000, 'done', 1, 5000, 4990, 10, now(),
        'the relay is back' FROM generate_series(1, 60) AS n;
INSERT INTO millrace.failure_groups (fingerprint, template_id, message, error, first_seen, last_seen, first_job, last_job, last_number, first_version,
        last_version, attempts, jobs_failed)
    SELECT lpad(to_hex(n), 16, '0'), 1, 'connection to relay # refused after # ms while sending order # of region ' || n,
        'connection to relay 7 refused after 250 ms while sending order 17 of region ' || n, now() - n * interval '1 hour', now(), n, n, 1, 1, 1, 100 + n, n
    FROM generate_series(1, 60) AS n;
INSERT INTO millrace.failure_counts (fingerprint, hour, version, queue_id, node_id, attempts, jobs_failed)
    SELECT lpad(to_hex(n), 16, '0'), date_trunc('hour', now()) - h * interval '1 hour', 1, 2 + n % 30, 1, n, 1 FROM generate_series(1, 60) AS n, generate_series(0, 20) AS h;
INSERT INTO millrace.failure_notes (fingerprint, at, author, note)
    SELECT lpad('1', 16, '0'), now(), 'ada@example.org', 'The supplier was asked for the ' || n || 'th time.' FROM generate_series(1, 20) AS n;
INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, enqueued, succeeded, failed, attempts_failed)
    SELECT 60, date_trunc('minute', now()) - m * interval '1 minute', 1, q.id, 1, 500 + m, 480 + m, 3, 9 FROM millrace.queues q, generate_series(0, 59) AS m;
INSERT INTO millrace.audit (actor, via, act, subject_kind, subject, accepted, reason)
    SELECT 'ada@example.org', 'console', 'queue.pause', 'queue', 'region-' || n || '.transactional-mail', true, 'the relay is being moved' FROM generate_series(1, 30) AS n;
WITH chosen AS (SELECT r.* FROM millrace.ready r WHERE r.job_id % 2 = 0), gone AS (
    DELETE FROM millrace.ready r USING chosen c WHERE r.job_id = c.job_id RETURNING r.job_id, r.queue_id, r.template_id, r.since, r.priority
), tried AS (
    INSERT INTO millrace.attempts (job_id, number, fence, finished_at, outcome, counted, error, trace, fingerprint)
    SELECT job_id, 1, job_id, now(), 'failed', true, 'connection to relay 7 refused after 250 ms while sending order ' || job_id,
        repeat('mail::relay::connect (relay.rs:41)' || chr(10), 20), lpad(to_hex(1 + job_id % 60), 16, '0') FROM gone
)
INSERT INTO millrace.history (job_id, since, started_at, finished_at, template_id, version, queue_id, node_id, state, priority, attempt, error, fingerprint)
    SELECT job_id, since, now(), now(), template_id, 1, queue_id, (SELECT min(id) FROM millrace.nodes), 'failed', priority, 1,
        'connection to relay 7 refused after 250 ms while sending order ' || job_id, lpad(to_hex(1 + job_id % 60), 16, '0') FROM gone;
