CREATE TABLE millrace.audit (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT audit_pk PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    person_id bigint,
    actor text NOT NULL,
    via text NOT NULL CONSTRAINT audit_via_known CHECK (via IN ('console', 'token', 'command line', 'system')),
    address text,
    request_id text,
    act text NOT NULL,
    subject_kind text NOT NULL,
    subject text NOT NULL,
    accepted boolean NOT NULL,
    reason text,
    before jsonb,
    after jsonb
);
CREATE INDEX audit_of_subject ON millrace.audit (subject_kind, subject, id DESC);
CREATE INDEX audit_of_person ON millrace.audit (person_id, id DESC) WHERE person_id IS NOT NULL;
COMMENT ON TABLE millrace.audit IS 'One record per accepted change, in its transaction, and per refused attempt. Only ever inserted.';
COMMENT ON COLUMN millrace.audit.id IS 'Row id; order of insertion, not of commit';
COMMENT ON COLUMN millrace.audit.at IS 'When';
COMMENT ON COLUMN millrace.audit.person_id IS 'The person, if one; no foreign key so that the record outlives the person';
COMMENT ON COLUMN millrace.audit.actor IS 'Shown name of who acted';
COMMENT ON COLUMN millrace.audit.via IS 'Way in';
COMMENT ON COLUMN millrace.audit.address IS 'Network address, if any';
COMMENT ON COLUMN millrace.audit.request_id IS 'Joins log lines and error pages';
COMMENT ON COLUMN millrace.audit.act IS 'What was done, "job.cancel"';
COMMENT ON COLUMN millrace.audit.subject_kind IS 'Kind of thing it was done to, "job"';
COMMENT ON COLUMN millrace.audit.subject IS 'Which thing';
COMMENT ON COLUMN millrace.audit.accepted IS 'false = a refused attempt';
COMMENT ON COLUMN millrace.audit.reason IS 'Reason the actor gave, or why it was refused';
COMMENT ON COLUMN millrace.audit.before IS 'What changed, before; masked';
COMMENT ON COLUMN millrace.audit.after IS 'What changed, after; masked';

CREATE FUNCTION millrace.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit records cannot be changed or deleted' USING ERRCODE = 'insufficient_privilege';
END $$;
COMMENT ON FUNCTION millrace.refuse_audit_change IS 'Keeps the audit trail append-only, also for the owner of the table';
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON millrace.audit
    FOR EACH STATEMENT EXECUTE FUNCTION millrace.refuse_audit_change();
