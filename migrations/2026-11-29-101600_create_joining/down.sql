DROP FUNCTION millrace.debounce_jobs, millrace.open_debounce, millrace.replace_job, millrace.joined, millrace.keep_waiting, millrace.with_unique_keys;
