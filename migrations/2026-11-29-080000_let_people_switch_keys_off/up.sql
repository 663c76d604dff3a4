-- Single keys that act are in the way of speech input and of keyboards that hands do not control well (WCAG 2.1.4).
ALTER TABLE millrace.people ADD COLUMN shortcuts boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN millrace.people.shortcuts IS 'Whether single keys act on the person''s pages';
