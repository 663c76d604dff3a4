CREATE TABLE millrace.queues (
    id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT queues_pk PRIMARY KEY,
    name text NOT NULL CONSTRAINT queues_name_shape CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    weight integer NOT NULL DEFAULT 1 CONSTRAINT queues_weight_range CHECK (weight BETWEEN 1 AND 1000),
    created_at timestamptz NOT NULL DEFAULT now(),
    paused_at timestamptz,
    paused_by text,
    pause_reason text,
    CONSTRAINT queues_pause_explained CHECK ((paused_at IS NULL) = (paused_by IS NULL))
);
CREATE UNIQUE INDEX queues_by_name ON millrace.queues (name);
COMMENT ON TABLE millrace.queues IS 'Where ready jobs wait';
COMMENT ON COLUMN millrace.queues.id IS 'Row id';
COMMENT ON COLUMN millrace.queues.name IS '1 to 64 of a-z 0-9 . _ -';
COMMENT ON COLUMN millrace.queues.weight IS 'Share of the slots when several queues have work';
COMMENT ON COLUMN millrace.queues.created_at IS 'When it was first used';
COMMENT ON COLUMN millrace.queues.paused_at IS 'Since when it takes no new work; null = it does';
COMMENT ON COLUMN millrace.queues.paused_by IS 'Who paused it';
COMMENT ON COLUMN millrace.queues.pause_reason IS 'Why';
INSERT INTO millrace.queues (name) VALUES ('default');

CREATE TABLE millrace.templates (
    id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT templates_pk PRIMARY KEY,
    name text NOT NULL CONSTRAINT templates_name_shape CHECK (name ~ '^[a-z0-9][a-z0-9._-]{0,63}$'),
    state text NOT NULL DEFAULT 'draft' CONSTRAINT templates_state_known CHECK (state IN ('draft', 'active', 'deprecated', 'archived')),
    active_version integer,
    latest_version integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    paused_at timestamptz,
    paused_by text,
    pause_reason text,
    CONSTRAINT templates_active_has_version CHECK (state IN ('draft', 'archived') OR active_version IS NOT NULL),
    CONSTRAINT templates_pause_explained CHECK ((paused_at IS NULL) = (paused_by IS NULL))
);
CREATE UNIQUE INDEX templates_by_name ON millrace.templates (name);
COMMENT ON TABLE millrace.templates IS 'Named pieces of work that staff own';
COMMENT ON COLUMN millrace.templates.id IS 'Row id';
COMMENT ON COLUMN millrace.templates.name IS '1 to 64 of a-z 0-9 . _ -';
COMMENT ON COLUMN millrace.templates.state IS 'Life cycle; only active and deprecated ones can be enqueued';
COMMENT ON COLUMN millrace.templates.active_version IS 'The published version that new jobs are pinned to';
COMMENT ON COLUMN millrace.templates.latest_version IS 'Highest version that exists';
COMMENT ON COLUMN millrace.templates.created_at IS 'When it was made';
COMMENT ON COLUMN millrace.templates.created_by IS 'Who made it';
COMMENT ON COLUMN millrace.templates.updated_at IS 'Last change';
COMMENT ON COLUMN millrace.templates.paused_at IS 'Since when none of its jobs is started; null = they are';
COMMENT ON COLUMN millrace.templates.paused_by IS 'Who paused it';
COMMENT ON COLUMN millrace.templates.pause_reason IS 'Why';

CREATE FUNCTION millrace.texts(list jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_agg(e.item ORDER BY e.place) FROM jsonb_array_elements_text(list) WITH ORDINALITY AS e(item, place)
$$;
COMMENT ON FUNCTION millrace.texts IS 'A JSON list of texts as array; null when it is empty or absent';

CREATE TABLE millrace.template_versions (
    template_id integer NOT NULL CONSTRAINT template_versions_template REFERENCES millrace.templates (id),
    version integer NOT NULL CONSTRAINT template_versions_positive CHECK (version > 0),
    spec jsonb NOT NULL CONSTRAINT template_versions_spec_shape CHECK (jsonb_typeof(spec) = 'object'),
    queue text NOT NULL GENERATED ALWAYS AS (spec #>> '{defaults,queue}') STORED,
    priority smallint NOT NULL GENERATED ALWAYS AS ((spec #>> '{defaults,priority}')::smallint) STORED,
    tags text[] GENERATED ALWAYS AS (millrace.texts(spec #> '{defaults,tags}')) STORED,
    fills boolean NOT NULL GENERATED ALWAYS AS (coalesce(spec -> 'params' @? 'strict $.**.default', false)) STORED,
    hides boolean NOT NULL GENERATED ALWAYS AS (coalesce(spec -> 'params' @? 'strict $.**.secret ? (@ == true)', false)) STORED,
    author text NOT NULL,
    message text,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz,
    published_by text,
    CONSTRAINT template_versions_pk PRIMARY KEY (template_id, version),
    CONSTRAINT template_versions_priority_range CHECK ((spec #>> '{defaults,priority}')::smallint BETWEEN 1 AND 5),
    CONSTRAINT template_versions_publication CHECK ((published_at IS NULL) = (published_by IS NULL))
);
COMMENT ON TABLE millrace.template_versions IS 'Immutable versions of templates; only their publication is added later';
COMMENT ON COLUMN millrace.template_versions.template_id IS 'The template';
COMMENT ON COLUMN millrace.template_versions.version IS 'From 1, without gaps';
COMMENT ON COLUMN millrace.template_versions.spec IS 'The document: runner, its configuration, params, defaults';
COMMENT ON COLUMN millrace.template_versions.queue IS 'Default queue, taken from spec';
COMMENT ON COLUMN millrace.template_versions.priority IS 'Default priority, taken from spec';
COMMENT ON COLUMN millrace.template_versions.tags IS 'Default tags, taken from spec; null = none';
COMMENT ON COLUMN millrace.template_versions.fills IS 'Whether a parameter has a default, taken from spec';
COMMENT ON COLUMN millrace.template_versions.hides IS 'Whether a parameter is secret, taken from spec';
COMMENT ON COLUMN millrace.template_versions.author IS 'Who wrote it';
COMMENT ON COLUMN millrace.template_versions.message IS 'What changed and why';
COMMENT ON COLUMN millrace.template_versions.created_at IS 'When it was saved';
COMMENT ON COLUMN millrace.template_versions.published_at IS 'When it was first published; null = never, so it cannot be enqueued';
COMMENT ON COLUMN millrace.template_versions.published_by IS 'Who published it';
ALTER TABLE millrace.templates ADD CONSTRAINT templates_active_version_exists
    FOREIGN KEY (id, active_version) REFERENCES millrace.template_versions (template_id, version);

CREATE FUNCTION millrace.refuse_version_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.template_id, NEW.version, NEW.spec, NEW.author, NEW.message, NEW.created_at)
       IS DISTINCT FROM (OLD.template_id, OLD.version, OLD.spec, OLD.author, OLD.message, OLD.created_at)
       OR (OLD.published_at IS NOT NULL AND NEW.published_at IS DISTINCT FROM OLD.published_at) THEN
        RAISE EXCEPTION 'version % of a template cannot be changed; save a new one', OLD.version
            USING ERRCODE = 'check_violation', HINT = 'millrace:version-immutable';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION millrace.refuse_version_change IS 'Keeps versions immutable';
CREATE TRIGGER template_versions_are_immutable BEFORE UPDATE ON millrace.template_versions
    FOR EACH ROW EXECUTE FUNCTION millrace.refuse_version_change();
