ALTER TABLE millrace.jobs DROP CONSTRAINT jobs_times_range;
DROP TABLE millrace.function_texts;
