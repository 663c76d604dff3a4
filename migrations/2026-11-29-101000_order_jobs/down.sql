ALTER TABLE millrace.scheduled DROP COLUMN lane;
DROP TABLE millrace.turns;
ALTER TABLE millrace.gated ALTER COLUMN lane TYPE text COLLATE "default";
ALTER TABLE millrace.lane_freed ALTER COLUMN key TYPE text COLLATE "default";
ALTER TABLE millrace.lane_use ALTER COLUMN key TYPE text COLLATE "default";
ALTER TABLE millrace.lanes ALTER COLUMN key TYPE text COLLATE "default";
