-- A demo's data must never pass for real, nor real data be taken for a demo's: the mark goes where the data goes, also by dump.
CREATE TABLE millrace.demo (
    only_row boolean NOT NULL DEFAULT true CONSTRAINT demo_pk PRIMARY KEY CONSTRAINT demo_only_one CHECK (only_row),
    seeded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    partner_port integer NOT NULL CONSTRAINT demo_partner_port_range CHECK (partner_port BETWEEN 1 AND 65535)
);
COMMENT ON TABLE millrace.demo IS 'One row in the database of a demo, none elsewhere; written with the demo''s data in one transaction';
COMMENT ON COLUMN millrace.demo.only_row IS 'Always true';
COMMENT ON COLUMN millrace.demo.seeded_at IS 'When the demo''s data was made';
COMMENT ON COLUMN millrace.demo.partner_port IS 'Port on 127.0.0.1 where the demo''s HTTP jobs find somebody who answers';
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'millrace_app') THEN
        REVOKE INSERT, UPDATE, DELETE ON millrace.demo FROM millrace_app;
    END IF;
END $$;
