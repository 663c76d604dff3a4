ALTER TABLE millrace.lanes ADD COLUMN overdue smallint[] NOT NULL DEFAULT '{}', ADD COLUMN aged smallint NOT NULL DEFAULT 0;
COMMENT ON COLUMN millrace.lanes.overdue IS 'Priorities whose first job waits too long behind higher ones, the one whose turn it is first, as of the last look';
COMMENT ON COLUMN millrace.lanes.aged IS 'Places given since an overdue priority had one, less than four: every fourth is theirs';
