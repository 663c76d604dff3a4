-- Numbers that change by themselves are silent to screen readers unless somebody wants to hear them.
ALTER TABLE millrace.people ADD COLUMN announces boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN millrace.people.announces IS 'Whether screen readers read out values that change by themselves on the person''s pages';
