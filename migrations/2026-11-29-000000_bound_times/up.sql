-- Times that no program can read must not get in by any way. Functions are told apart from migrations by a digest (src/base/db/functions.rs).
CREATE TABLE millrace.function_texts (
    one boolean CONSTRAINT function_texts_pk PRIMARY KEY DEFAULT true CONSTRAINT function_texts_one_row CHECK (one),
    digest bytea NOT NULL
);
COMMENT ON TABLE millrace.function_texts IS 'Which texts of the repeatable functions were applied last; one row';
COMMENT ON COLUMN millrace.function_texts.one IS 'Always true: there is one row';
COMMENT ON COLUMN millrace.function_texts.digest IS 'SHA-256 of the texts';

ALTER TABLE millrace.jobs ADD CONSTRAINT jobs_times_range CHECK (
    run_at BETWEEN '1970-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00'
    AND deadline BETWEEN '1970-01-01 00:00:00+00' AND '9999-12-31 23:59:59.999999+00') NOT VALID;
