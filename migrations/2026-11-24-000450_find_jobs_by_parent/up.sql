-- "Jobs made from this one" on a job's page. Few jobs have a parent, so enqueueing pays nothing for it.
CREATE INDEX jobs_of_parent ON millrace.jobs (parent_id, id) WHERE parent_id IS NOT NULL;
