-- Whoever looks for a unique key finds its jobs at once; jobs without one cost nothing.
CREATE INDEX jobs_of_key ON millrace.jobs (unique_key, id) WHERE unique_key IS NOT NULL;
