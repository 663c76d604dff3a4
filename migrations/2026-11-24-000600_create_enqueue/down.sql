DROP FUNCTION millrace.enqueue, millrace.enqueue_many, millrace.insert_jobs, millrace.take_unique_keys, millrace.check_options,
    millrace.check_job, millrace.check_value, millrace.json_depth, millrace.refuse;
