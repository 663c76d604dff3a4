DROP FUNCTION millrace.lane_places, millrace.limit_keys, millrace.lane_key, millrace.check_numbers, millrace.numbers_are_plain, millrace.args_are_small, millrace.args_fit, millrace.fits, millrace.check_value, millrace.with_defaults,
    millrace.may_be_chosen, millrace.has_format, millrace.is_time, millrace.json_depth, millrace.refuse;
