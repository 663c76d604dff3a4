DROP INDEX millrace.jobs_of_key;
