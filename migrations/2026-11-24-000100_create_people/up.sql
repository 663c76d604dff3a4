CREATE TABLE millrace.people (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT people_pk PRIMARY KEY,
    email text NOT NULL CONSTRAINT people_email_shape CHECK (email = lower(email) AND email LIKE '%_@_%' AND length(email) <= 254),
    name text NOT NULL CONSTRAINT people_name_length CHECK (length(name) BETWEEN 1 AND 100),
    role text NOT NULL CONSTRAINT people_role_known CHECK (role IN ('admin', 'operator', 'analyst', 'auditor', 'viewer')),
    scope_queues text[] NOT NULL DEFAULT '{}',
    scope_tags text[] NOT NULL DEFAULT '{}',
    password_hash text,
    zone text NOT NULL DEFAULT 'UTC',
    theme text NOT NULL DEFAULT 'auto' CONSTRAINT people_theme_known CHECK (theme IN ('auto', 'light', 'dark')),
    density text NOT NULL DEFAULT 'normal' CONSTRAINT people_density_known CHECK (density IN ('normal', 'compact')),
    created_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz,
    last_seen_at timestamptz
);
CREATE UNIQUE INDEX people_by_email ON millrace.people (email);
COMMENT ON TABLE millrace.people IS 'Somebody with a login and a role';
COMMENT ON COLUMN millrace.people.id IS 'Row id';
COMMENT ON COLUMN millrace.people.email IS 'Login name, lower case, at most 254 characters';
COMMENT ON COLUMN millrace.people.name IS 'Shown name, 1 to 100 characters';
COMMENT ON COLUMN millrace.people.role IS 'Present role; read on each request';
COMMENT ON COLUMN millrace.people.scope_queues IS 'Queues the person is limited to; empty = all, unless scope_tags is set';
COMMENT ON COLUMN millrace.people.scope_tags IS 'Tags the person is limited to; empty = all, unless scope_queues is set';
COMMENT ON COLUMN millrace.people.password_hash IS 'argon2id in PHC form; null = cannot sign in with a password';
COMMENT ON COLUMN millrace.people.zone IS 'IANA time zone in which pages show times';
COMMENT ON COLUMN millrace.people.theme IS 'auto follows the system';
COMMENT ON COLUMN millrace.people.density IS 'Row height of tables';
COMMENT ON COLUMN millrace.people.created_at IS 'When the person was added';
COMMENT ON COLUMN millrace.people.disabled_at IS 'Since when the person may not sign in; null = may';
COMMENT ON COLUMN millrace.people.last_seen_at IS 'Last request, to the minute';

-- The last admin cannot be removed, disabled or demoted, by whatever way.
CREATE FUNCTION millrace.keep_an_admin() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.role = 'admin' AND OLD.disabled_at IS NULL
       AND (TG_OP = 'DELETE' OR NEW.role <> 'admin' OR NEW.disabled_at IS NOT NULL) THEN
        PERFORM pg_advisory_xact_lock(hashtext('millrace.keep_an_admin'));
        IF NOT EXISTS (SELECT FROM millrace.people WHERE role = 'admin' AND disabled_at IS NULL AND id <> OLD.id) THEN
            RAISE EXCEPTION 'the last admin cannot be removed, disabled or given another role'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'people_keep_an_admin', HINT = 'millrace:last-admin';
        END IF;
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
COMMENT ON FUNCTION millrace.keep_an_admin IS 'Refuses to lose the last admin';
CREATE TRIGGER people_keep_an_admin BEFORE UPDATE OR DELETE ON millrace.people
    FOR EACH ROW EXECUTE FUNCTION millrace.keep_an_admin();

CREATE TABLE millrace.setup_links (
    token_hash bytea CONSTRAINT setup_links_pk PRIMARY KEY CONSTRAINT setup_links_sha256 CHECK (length(token_hash) = 32),
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE millrace.setup_links IS 'One-time links to make the first admin; usable only while there is no admin';
COMMENT ON COLUMN millrace.setup_links.token_hash IS 'SHA-256 of the token in the link';
COMMENT ON COLUMN millrace.setup_links.expires_at IS 'Unusable from then on';

CREATE TABLE millrace.sessions (
    key_hash bytea CONSTRAINT sessions_pk PRIMARY KEY CONSTRAINT sessions_sha256 CHECK (length(key_hash) = 32),
    person_id bigint CONSTRAINT sessions_person REFERENCES millrace.people (id) ON DELETE CASCADE,
    state jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    sudo_until timestamptz,
    address text,
    agent text
);
CREATE INDEX sessions_of_person ON millrace.sessions (person_id);
CREATE INDEX sessions_by_age ON millrace.sessions (seen_at);
COMMENT ON TABLE millrace.sessions IS 'Browser sessions; a row is a session that may still be used';
COMMENT ON COLUMN millrace.sessions.key_hash IS 'SHA-256 of the key in the cookie';
COMMENT ON COLUMN millrace.sessions.person_id IS 'Whose session; null before sign-in';
COMMENT ON COLUMN millrace.sessions.state IS 'What the web kit keeps: CSRF token, flash note';
COMMENT ON COLUMN millrace.sessions.created_at IS 'Start; ends 12 h later at the latest';
COMMENT ON COLUMN millrace.sessions.seen_at IS 'Last request, to the minute; ends 30 min later';
COMMENT ON COLUMN millrace.sessions.sudo_until IS 'Dangerous acts need no new password until then';
COMMENT ON COLUMN millrace.sessions.address IS 'Address of the browser at sign-in';
COMMENT ON COLUMN millrace.sessions.agent IS 'User agent at sign-in, cut to 200 characters';

CREATE TABLE millrace.sign_in_failures (
    subject text CONSTRAINT sign_in_failures_pk PRIMARY KEY CONSTRAINT sign_in_failures_length CHECK (length(subject) <= 300),
    failures integer NOT NULL CONSTRAINT sign_in_failures_positive CHECK (failures > 0),
    last_at timestamptz NOT NULL,
    wait_until timestamptz NOT NULL
);
COMMENT ON TABLE millrace.sign_in_failures IS 'Growing delays after failed sign-ins, per account and per address';
COMMENT ON COLUMN millrace.sign_in_failures.subject IS '"email:…" or "address:…"';
COMMENT ON COLUMN millrace.sign_in_failures.failures IS 'Failures in a row';
COMMENT ON COLUMN millrace.sign_in_failures.last_at IS 'Last failure; forgotten a day later';
COMMENT ON COLUMN millrace.sign_in_failures.wait_until IS 'Attempts before this are refused without looking at the password';

CREATE TABLE millrace.tokens (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT tokens_pk PRIMARY KEY,
    person_id bigint NOT NULL CONSTRAINT tokens_person REFERENCES millrace.people (id) ON DELETE CASCADE,
    name text NOT NULL CONSTRAINT tokens_name_length CHECK (length(name) BETWEEN 1 AND 100),
    token_hash bytea NOT NULL CONSTRAINT tokens_sha256 CHECK (length(token_hash) = 32),
    hint text NOT NULL,
    scopes text[] NOT NULL CONSTRAINT tokens_scopes_given CHECK (cardinality(scopes) > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);
CREATE UNIQUE INDEX tokens_by_hash ON millrace.tokens (token_hash);
CREATE INDEX tokens_of_person ON millrace.tokens (person_id);
COMMENT ON TABLE millrace.tokens IS 'API credentials; a token has its scopes and its owner''s present rights';
COMMENT ON COLUMN millrace.tokens.id IS 'Row id';
COMMENT ON COLUMN millrace.tokens.person_id IS 'Owner';
COMMENT ON COLUMN millrace.tokens.name IS 'What it is for';
COMMENT ON COLUMN millrace.tokens.token_hash IS 'SHA-256 of the token, which is shown once and never kept';
COMMENT ON COLUMN millrace.tokens.hint IS 'First characters, to recognise it';
COMMENT ON COLUMN millrace.tokens.scopes IS '"all" or "<area>:read" and "<area>:write"';
COMMENT ON COLUMN millrace.tokens.created_at IS 'When it was made';
COMMENT ON COLUMN millrace.tokens.expires_at IS 'Unusable from then on; null = never expires';
COMMENT ON COLUMN millrace.tokens.revoked_at IS 'Unusable since then; null = not revoked';
COMMENT ON COLUMN millrace.tokens.last_used_at IS 'Last use, to the minute';
