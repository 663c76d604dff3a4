DROP FUNCTION millrace.enqueue, millrace.enqueue_many, millrace.fill_jobs, millrace.check_jobs, millrace.args_are_small, millrace.args_fit, millrace.fits,
    millrace.active_versions, millrace.insert_jobs, millrace.take_unique_keys, millrace.check_options,
    millrace.check_job, millrace.check_value, millrace.with_defaults, millrace.may_be_chosen, millrace.has_format, millrace.is_time, millrace.json_depth, millrace.refuse;
