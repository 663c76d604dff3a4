DROP FUNCTION millrace.ask_lanes;
DROP FUNCTION millrace.lane_used;
