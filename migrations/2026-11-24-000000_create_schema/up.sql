-- The schema itself is made before the list of migrations, see src/base/db/migrate.rs.
COMMENT ON SCHEMA millrace IS 'Background work: templates, jobs, schedules, history. Everything Millrace owns stands here.';
