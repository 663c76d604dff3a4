ALTER TABLE millrace.lanes DROP COLUMN overdue, DROP COLUMN aged;
