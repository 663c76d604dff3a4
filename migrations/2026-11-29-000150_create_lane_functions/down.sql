DROP FUNCTION millrace.ask_lanes;
DROP FUNCTION millrace.lane_kept, millrace.kept_of_lanes;
DROP FUNCTION millrace.lane_used;
