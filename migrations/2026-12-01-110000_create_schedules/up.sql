-- Schedules: when templates are enqueued by themselves. A schedule's row is locked by whoever decides its occurrences, so that each is
-- decided once, whatever the number of nodes; occurrences_pk is the last word.
CREATE TABLE millrace.calendars (
    id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT calendars_pk PRIMARY KEY,
    name text COLLATE "C" NOT NULL CONSTRAINT calendars_name_shape CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    version integer NOT NULL DEFAULT 1 CONSTRAINT calendars_version_positive CHECK (version > 0),
    spec jsonb NOT NULL CONSTRAINT calendars_spec_shape CHECK (jsonb_typeof(spec) = 'object'),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_by text NOT NULL
);
CREATE UNIQUE INDEX calendars_by_name ON millrace.calendars (name);
COMMENT ON TABLE millrace.calendars IS 'Business calendars: holidays, business days and maintenance windows';
COMMENT ON COLUMN millrace.calendars.id IS 'Row id';
COMMENT ON COLUMN millrace.calendars.name IS 'Its name, by which schedules mind it';
COMMENT ON COLUMN millrace.calendars.version IS 'Raised by each change, so that nobody overwrites what he has not seen';
COMMENT ON COLUMN millrace.calendars.spec IS 'The document (kind: Calendar)';
COMMENT ON COLUMN millrace.calendars.created_at IS 'When it was made';
COMMENT ON COLUMN millrace.calendars.updated_at IS 'When it was changed last';
COMMENT ON COLUMN millrace.calendars.updated_by IS 'Who changed it last';

CREATE TABLE millrace.schedules (
    id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT schedules_pk PRIMARY KEY,
    name text COLLATE "C" NOT NULL CONSTRAINT schedules_name_shape CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    template_id integer NOT NULL CONSTRAINT schedules_template REFERENCES millrace.templates (id),
    version integer NOT NULL CONSTRAINT schedules_version_positive CHECK (version > 0),
    stamp integer NOT NULL DEFAULT 1,
    decided_until timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at timestamptz,
    next_at timestamptz,
    jobs bigint NOT NULL DEFAULT 0 CONSTRAINT schedules_jobs_not_negative CHECK (jobs >= 0),
    failures_since timestamptz,
    trouble text,
    paused_at timestamptz,
    paused_by text,
    pause_reason text,
    ended_at timestamptz,
    removed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_by text NOT NULL,
    said text COLLATE "C" NOT NULL DEFAULT '',
    CONSTRAINT schedules_pause_explained CHECK ((paused_at IS NULL) = (paused_by IS NULL)),
    CONSTRAINT schedules_over_is_not_due CHECK (due_at IS NULL OR (ended_at IS NULL AND removed_at IS NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE UNIQUE INDEX schedules_by_name ON millrace.schedules (name) WHERE removed_at IS NULL;
CREATE INDEX schedules_due ON millrace.schedules (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX schedules_by_next ON millrace.schedules (next_at, name) WHERE next_at IS NOT NULL AND removed_at IS NULL;
CREATE INDEX schedules_of_template ON millrace.schedules (template_id);
CREATE INDEX schedules_in_trouble ON millrace.schedules (id) WHERE trouble IS NOT NULL;
CREATE INDEX schedules_paused_by_themselves ON millrace.schedules (paused_at) WHERE paused_by = 'Millrace';
CREATE INDEX schedules_removed_by_name ON millrace.schedules (name, removed_at) WHERE removed_at IS NOT NULL;
CREATE INDEX schedules_removed ON millrace.schedules (removed_at) WHERE removed_at IS NOT NULL;
COMMENT ON TABLE millrace.schedules IS 'When templates are enqueued by themselves; what a schedule says stands in its version in force';
COMMENT ON COLUMN millrace.schedules.id IS 'Row id';
COMMENT ON COLUMN millrace.schedules.name IS '1 to 64 of a-z 0-9 . _ -; free again when it is removed';
COMMENT ON COLUMN millrace.schedules.template_id IS 'Template of its jobs';
COMMENT ON COLUMN millrace.schedules.version IS 'The version in force';
COMMENT ON COLUMN millrace.schedules.stamp IS 'Raised whenever what it says comes to mean something else: a version, a calendar. Nodes keep plans by it';
COMMENT ON COLUMN millrace.schedules.decided_until IS 'Everything before is decided. A clock that goes back does not put it back, so nothing is fired twice; only somebody who resumes a schedule that is decided far ahead does';
COMMENT ON COLUMN millrace.schedules.due_at IS 'When it has to be looked at next; null = never';
COMMENT ON COLUMN millrace.schedules.next_at IS 'When it runs next; null = never, as far as is known';
COMMENT ON COLUMN millrace.schedules.jobs IS 'Jobs that its rules have made, which its limit counts';
COMMENT ON COLUMN millrace.schedules.failures_since IS 'Failures of earlier occurrences do not count towards its pause: it was resumed then';
COMMENT ON COLUMN millrace.schedules.trouble IS 'Why it cannot make jobs at present; null = it can';
COMMENT ON COLUMN millrace.schedules.paused_at IS 'Since when its occurrences are left out; null = they are not';
COMMENT ON COLUMN millrace.schedules.paused_by IS 'Who paused it';
COMMENT ON COLUMN millrace.schedules.pause_reason IS 'Why';
COMMENT ON COLUMN millrace.schedules.ended_at IS 'Since when nothing can come any more: its end has come or its limit is used up';
COMMENT ON COLUMN millrace.schedules.removed_at IS 'When it was removed; what it did is kept as long as jobs are';
COMMENT ON COLUMN millrace.schedules.created_at IS 'When it was made';
COMMENT ON COLUMN millrace.schedules.created_by IS 'Who made it';
COMMENT ON COLUMN millrace.schedules.updated_at IS 'When a version of it came into force last';
COMMENT ON COLUMN millrace.schedules.updated_by IS 'Whose';
COMMENT ON COLUMN millrace.schedules.said IS 'Name, template and description in lower case, which searches look through';

CREATE TABLE millrace.schedule_versions (
    schedule_id integer NOT NULL,
    version integer NOT NULL CONSTRAINT schedule_versions_positive CHECK (version > 0),
    spec jsonb NOT NULL CONSTRAINT schedule_versions_spec_shape CHECK (jsonb_typeof(spec) = 'object'),
    note text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL,
    CONSTRAINT schedule_versions_pk PRIMARY KEY (schedule_id, version)
);
COMMENT ON TABLE millrace.schedule_versions IS 'What schedules said; never changed';
COMMENT ON COLUMN millrace.schedule_versions.schedule_id IS 'The schedule';
COMMENT ON COLUMN millrace.schedule_versions.version IS 'Number, from 1';
COMMENT ON COLUMN millrace.schedule_versions.spec IS 'The document (kind: Schedule)';
COMMENT ON COLUMN millrace.schedule_versions.note IS 'What was changed and why, in the words of who did';
COMMENT ON COLUMN millrace.schedule_versions.created_at IS 'When';
COMMENT ON COLUMN millrace.schedule_versions.created_by IS 'Who';
CREATE FUNCTION millrace.refuse_schedule_version_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'version % of a schedule cannot be changed; save a new one', OLD.version
        USING ERRCODE = 'check_violation', HINT = 'millrace:version-immutable';
END $$;
COMMENT ON FUNCTION millrace.refuse_schedule_version_change IS 'Keeps versions immutable';
CREATE TRIGGER schedule_versions_are_immutable BEFORE UPDATE ON millrace.schedule_versions
    FOR EACH ROW EXECUTE FUNCTION millrace.refuse_schedule_version_change();

CREATE TABLE millrace.schedule_calendars (
    calendar_id integer NOT NULL CONSTRAINT schedule_calendars_calendar REFERENCES millrace.calendars (id),
    schedule_id integer NOT NULL,
    CONSTRAINT schedule_calendars_pk PRIMARY KEY (calendar_id, schedule_id)
);
CREATE INDEX schedule_calendars_of_schedule ON millrace.schedule_calendars (schedule_id);
COMMENT ON TABLE millrace.schedule_calendars IS 'Which calendars the versions in force mind';
COMMENT ON COLUMN millrace.schedule_calendars.calendar_id IS 'The calendar';
COMMENT ON COLUMN millrace.schedule_calendars.schedule_id IS 'The schedule';

CREATE TABLE millrace.occurrences (
    schedule_id integer NOT NULL,
    at timestamptz NOT NULL,
    backfill_id integer NOT NULL DEFAULT 0 CONSTRAINT occurrences_backfill_range CHECK (backfill_id >= -1),
    version integer NOT NULL,
    outcome text NOT NULL CONSTRAINT occurrences_outcome_known CHECK (outcome IN ('enqueued', 'skipped', 'missed', 'refused')),
    cause text,
    reason text,
    run_at timestamptz,
    until timestamptz,
    more bigint NOT NULL DEFAULT 0 CONSTRAINT occurrences_more_not_negative CHECK (more >= 0),
    job_id bigint,
    finish_by timestamptz,
    decided_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT occurrences_pk PRIMARY KEY (schedule_id, at, backfill_id),
    CONSTRAINT occurrences_job_iff_enqueued CHECK ((outcome = 'enqueued') = (job_id IS NOT NULL)),
    CONSTRAINT occurrences_explained CHECK (outcome = 'enqueued' OR (cause IS NOT NULL AND reason IS NOT NULL)),
    CONSTRAINT occurrences_more_until CHECK (more = 0 OR until IS NOT NULL)
);
CREATE UNIQUE INDEX occurrences_of_job ON millrace.occurrences (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX occurrences_of_runs ON millrace.occurrences (schedule_id, at DESC) WHERE job_id IS NOT NULL AND backfill_id = 0;
CREATE INDEX occurrences_of_backfill ON millrace.occurrences (backfill_id, at) WHERE backfill_id > 0;
CREATE INDEX occurrences_by_age ON millrace.occurrences (decided_at);
CREATE INDEX occurrences_missed ON millrace.occurrences (decided_at) WHERE cause = 'missed';
COMMENT ON TABLE millrace.occurrences IS 'What became of each time that a schedule''s rules name; exactly one row each';
COMMENT ON COLUMN millrace.occurrences.schedule_id IS 'The schedule';
COMMENT ON COLUMN millrace.occurrences.at IS 'The instant that the rules name';
COMMENT ON COLUMN millrace.occurrences.backfill_id IS '0 = by the rules, -1 = run by hand, else the backfill';
COMMENT ON COLUMN millrace.occurrences.version IS 'Version of the schedule by which it was decided';
COMMENT ON COLUMN millrace.occurrences.outcome IS 'enqueued, skipped (meant to be left out), missed (nothing ran then) or refused (no job could be made)';
COMMENT ON COLUMN millrace.occurrences.cause IS 'Why it was not enqueued at its instant: a word for programs';
COMMENT ON COLUMN millrace.occurrences.reason IS 'The same in words for people';
COMMENT ON COLUMN millrace.occurrences.run_at IS 'When its job begins at the earliest; null = there is none';
COMMENT ON COLUMN millrace.occurrences.until IS 'The row stands for all up to this instant';
COMMENT ON COLUMN millrace.occurrences.more IS 'How many more it stands for, as far as they were counted';
COMMENT ON COLUMN millrace.occurrences.job_id IS 'The job';
COMMENT ON COLUMN millrace.occurrences.finish_by IS 'The job is late when it has not ended by then; null = it may take its time';
COMMENT ON COLUMN millrace.occurrences.decided_at IS 'When it was decided';

CREATE TABLE millrace.schedule_jobs (
    schedule_id integer NOT NULL,
    job_id bigint NOT NULL,
    backfill_id integer NOT NULL,
    finish_by timestamptz,
    CONSTRAINT schedule_jobs_pk PRIMARY KEY (schedule_id, job_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX schedule_jobs_of_backfill ON millrace.schedule_jobs (backfill_id) WHERE backfill_id > 0;
CREATE INDEX schedule_jobs_to_finish ON millrace.schedule_jobs (finish_by) WHERE finish_by IS NOT NULL;
COMMENT ON TABLE millrace.schedule_jobs IS 'Jobs of schedules that had not ended when somebody looked last: overlap policies and backfills look here';
COMMENT ON COLUMN millrace.schedule_jobs.schedule_id IS 'The schedule';
COMMENT ON COLUMN millrace.schedule_jobs.job_id IS 'The job';
COMMENT ON COLUMN millrace.schedule_jobs.backfill_id IS 'As in occurrences';
COMMENT ON COLUMN millrace.schedule_jobs.finish_by IS 'As in occurrences';

CREATE TABLE millrace.backfills (
    id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT backfills_pk PRIMARY KEY,
    schedule_id integer NOT NULL,
    version integer NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz NOT NULL,
    newest_first boolean NOT NULL,
    missing_only boolean NOT NULL,
    concurrency smallint NOT NULL CONSTRAINT backfills_concurrency_range CHECK (concurrency BETWEEN 1 AND 1000),
    planned integer NOT NULL CONSTRAINT backfills_planned_range CHECK (planned > 0),
    enqueued integer NOT NULL DEFAULT 0,
    refused integer NOT NULL DEFAULT 0,
    reached timestamptz,
    state text NOT NULL DEFAULT 'running' CONSTRAINT backfills_state_known CHECK (state IN ('running', 'stopped', 'done')),
    reason text,
    person_id bigint,
    actor text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    ended_by text,
    CONSTRAINT backfills_range CHECK (from_at < to_at),
    CONSTRAINT backfills_finished_iff_over CHECK ((finished_at IS NULL) = (state = 'running'))
) WITH (fillfactor = 50);
CREATE INDEX backfills_running ON millrace.backfills (id) WHERE state = 'running';
CREATE INDEX backfills_of_schedule ON millrace.backfills (schedule_id, id DESC);
COMMENT ON TABLE millrace.backfills IS 'Jobs for occurrences of a range of time, made by hand, a few at a time';
COMMENT ON COLUMN millrace.backfills.id IS 'Row id';
COMMENT ON COLUMN millrace.backfills.schedule_id IS 'The schedule';
COMMENT ON COLUMN millrace.backfills.version IS 'Version of the schedule that says when and what';
COMMENT ON COLUMN millrace.backfills.from_at IS 'From here on';
COMMENT ON COLUMN millrace.backfills.to_at IS 'Before';
COMMENT ON COLUMN millrace.backfills.newest_first IS 'true = from the end of the range to its begin';
COMMENT ON COLUMN millrace.backfills.missing_only IS 'true = only occurrences that have no job yet';
COMMENT ON COLUMN millrace.backfills.concurrency IS 'Most of its jobs that have not ended at a time';
COMMENT ON COLUMN millrace.backfills.planned IS 'Occurrences that run within the range';
COMMENT ON COLUMN millrace.backfills.enqueued IS 'Jobs made so far';
COMMENT ON COLUMN millrace.backfills.refused IS 'Occurrences of which no job could be made';
COMMENT ON COLUMN millrace.backfills.reached IS 'The occurrence that was decided last; null = none';
COMMENT ON COLUMN millrace.backfills.state IS 'running, stopped (may be resumed) or done';
COMMENT ON COLUMN millrace.backfills.reason IS 'Why, in the words of whoever started it';
COMMENT ON COLUMN millrace.backfills.person_id IS 'Who started it and hears when it is done; null = the command line';
COMMENT ON COLUMN millrace.backfills.actor IS 'Who started it, as jobs keep their author';
COMMENT ON COLUMN millrace.backfills.started_at IS 'When it was started';
COMMENT ON COLUMN millrace.backfills.finished_at IS 'When its last job was made, or it was stopped';
COMMENT ON COLUMN millrace.backfills.ended_by IS 'Who stopped it';

ALTER TABLE millrace.jobs ADD COLUMN schedule_id integer, ADD COLUMN occurrence timestamptz,
    ADD CONSTRAINT jobs_occurrence_of_schedule CHECK ((schedule_id IS NULL) = (occurrence IS NULL));
COMMENT ON COLUMN millrace.jobs.schedule_id IS 'The schedule that made it; null = none did';
COMMENT ON COLUMN millrace.jobs.occurrence IS 'The instant that the schedule''s rules named';

ALTER TABLE millrace.intents DROP CONSTRAINT intents_kind_known, ADD CONSTRAINT intents_kind_known CHECK (kind IN ('cancel', 'terminate'));
COMMENT ON COLUMN millrace.intents.kind IS 'cancel (it has time to end in order) or terminate (it has none)';
