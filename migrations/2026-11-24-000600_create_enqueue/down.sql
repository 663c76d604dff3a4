DROP FUNCTION millrace.enqueue, millrace.enqueue_many, millrace.fill_jobs, millrace.check_jobs, millrace.active_versions,
    millrace.insert_jobs, millrace.take_unique_keys, millrace.check_options, millrace.check_job;
