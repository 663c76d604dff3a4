DELETE FROM millrace.intents WHERE kind = 'terminate';
ALTER TABLE millrace.intents DROP CONSTRAINT intents_kind_known, ADD CONSTRAINT intents_kind_known CHECK (kind IN ('cancel'));
COMMENT ON COLUMN millrace.intents.kind IS 'cancel';
ALTER TABLE millrace.jobs DROP CONSTRAINT jobs_occurrence_of_schedule, DROP COLUMN schedule_id, DROP COLUMN occurrence;
DROP TABLE millrace.backfills, millrace.schedule_jobs, millrace.occurrences, millrace.schedule_calendars, millrace.schedule_versions,
    millrace.schedules, millrace.calendars;
DROP FUNCTION millrace.refuse_schedule_version_change;
