-- What became of occurrences is kept for a time only. Up to when it may be gone is known, so that nobody takes for missing what was forgotten.
CREATE TABLE millrace.forgotten_occurrences (
    one boolean CONSTRAINT forgotten_occurrences_pk PRIMARY KEY DEFAULT true CONSTRAINT forgotten_occurrences_one_row CHECK (one),
    until timestamptz NOT NULL
);
COMMENT ON TABLE millrace.forgotten_occurrences IS 'Up to when occurrences that had a job may be forgotten; no row = none is';
COMMENT ON COLUMN millrace.forgotten_occurrences.one IS 'Always true: there is one row';
COMMENT ON COLUMN millrace.forgotten_occurrences.until IS 'Those up to this instant, and what was decided up to then, may be gone';
