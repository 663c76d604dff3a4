-- The roles stay: other databases of the cluster may use them. What they were given here goes with the objects.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['millrace_app', 'millrace_client', 'millrace_sql'] LOOP
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA millrace FROM %I', role);
            EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA millrace FROM %I', role);
            EXECUTE format('REVOKE ALL ON ALL FUNCTIONS IN SCHEMA millrace FROM %I', role);
            EXECUTE format('REVOKE ALL ON SCHEMA millrace FROM %I', role);
            EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA millrace REVOKE ALL ON TABLES FROM %I', role);
            EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA millrace REVOKE ALL ON SEQUENCES FROM %I', role);
            EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA millrace REVOKE ALL ON FUNCTIONS FROM %I', role);
        END IF;
    END LOOP;
END $$;
