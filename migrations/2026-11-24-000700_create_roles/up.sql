-- Roles belong to the cluster, not to the database, so several databases may share them. Where the migrating user may not
-- make roles (a managed server), they are made by an administrator beforehand; `millrace doctor` names what is missing.
DO $$
DECLARE
    role text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('millrace.roles'));
    FOREACH role IN ARRAY ARRAY['millrace_app', 'millrace_client', 'millrace_sql'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I LOGIN', role);
            EXCEPTION WHEN insufficient_privilege THEN
                RAISE WARNING 'role % is missing and may not be made by %', role, current_user;
            END;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'millrace_app') THEN
        GRANT USAGE ON SCHEMA millrace TO millrace_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA millrace TO millrace_app;
        REVOKE UPDATE, DELETE ON millrace.audit FROM millrace_app;
        REVOKE INSERT, UPDATE, DELETE ON millrace.__diesel_schema_migrations FROM millrace_app;
        REVOKE ALL ON millrace.sql_attempts FROM millrace_app;
        GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA millrace TO millrace_app;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA millrace TO millrace_app;
        ALTER DEFAULT PRIVILEGES IN SCHEMA millrace GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO millrace_app;
        ALTER DEFAULT PRIVILEGES IN SCHEMA millrace GRANT USAGE, SELECT ON SEQUENCES TO millrace_app;
        ALTER DEFAULT PRIVILEGES IN SCHEMA millrace GRANT EXECUTE ON FUNCTIONS TO millrace_app;
    END IF;
    -- That of functions to come is taken after every migration (src/base/db/migrate.rs): a default for one schema can only add rights.
    REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA millrace FROM PUBLIC;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'millrace_client') THEN
        GRANT USAGE ON SCHEMA millrace TO millrace_client;
        GRANT EXECUTE ON FUNCTION millrace.enqueue, millrace.enqueue_many TO millrace_client;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'millrace_sql') THEN
        GRANT USAGE ON SCHEMA millrace TO millrace_sql;
        GRANT EXECUTE ON FUNCTION millrace.begin_sql, millrace.execute_sql, millrace.finish_sql, millrace.enqueue, millrace.enqueue_many TO millrace_sql;
    END IF;
END $$;
