-- Views of lists that people saved under a name. One table for every page that has an address: the jobs list now, others later.
CREATE TABLE millrace.saved_views (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT saved_views_pk PRIMARY KEY,
    slug text COLLATE "C" NOT NULL CONSTRAINT saved_views_slug_form CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,63}$'),
    page text COLLATE "C" NOT NULL CONSTRAINT saved_views_page_form CHECK (page ~ '^[a-z]{1,32}$'),
    owner_id bigint NOT NULL CONSTRAINT saved_views_owner REFERENCES millrace.people (id) ON DELETE CASCADE,
    name text NOT NULL CONSTRAINT saved_views_name_length CHECK (length(name) BETWEEN 1 AND 80),
    address text NOT NULL CONSTRAINT saved_views_address_length CHECK (octet_length(address) <= 4000),
    visibility text NOT NULL CONSTRAINT saved_views_visibility_known CHECK (visibility IN ('private', 'team', 'everyone')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    version integer NOT NULL DEFAULT 1 CONSTRAINT saved_views_version_positive CHECK (version > 0)
);
CREATE UNIQUE INDEX saved_views_by_slug ON millrace.saved_views (slug);
CREATE INDEX saved_views_of_owner ON millrace.saved_views (owner_id, page);
CREATE INDEX saved_views_shared ON millrace.saved_views (page) WHERE visibility <> 'private';
COMMENT ON TABLE millrace.saved_views IS 'Addresses of pages that people saved under a name';
COMMENT ON COLUMN millrace.saved_views.id IS 'Row id';
COMMENT ON COLUMN millrace.saved_views.slug IS 'Its place in the address /v/SLUG; never changes, so that links keep leading to it';
COMMENT ON COLUMN millrace.saved_views.page IS 'The page it is a view of: "jobs"';
COMMENT ON COLUMN millrace.saved_views.owner_id IS 'Who saved it';
COMMENT ON COLUMN millrace.saved_views.name IS 'Its name, 1 to 80 characters';
COMMENT ON COLUMN millrace.saved_views.address IS 'Parameters of the page without place in the list, as they stand behind the question mark, at most 4,000 bytes';
COMMENT ON COLUMN millrace.saved_views.visibility IS 'private = the owner, team = whoever has the owner''s role, everyone = whoever may sign in';
COMMENT ON COLUMN millrace.saved_views.created_at IS 'When it was saved first';
COMMENT ON COLUMN millrace.saved_views.updated_at IS 'When it was changed last';
COMMENT ON COLUMN millrace.saved_views.version IS 'Raised by each change, so that nobody overwrites what he has not seen';

CREATE TABLE millrace.view_pins (
    person_id bigint NOT NULL CONSTRAINT view_pins_person REFERENCES millrace.people (id) ON DELETE CASCADE,
    view_id bigint NOT NULL CONSTRAINT view_pins_view REFERENCES millrace.saved_views (id) ON DELETE CASCADE,
    pinned_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT view_pins_pk PRIMARY KEY (person_id, view_id)
);
CREATE INDEX view_pins_of_view ON millrace.view_pins (view_id);
COMMENT ON TABLE millrace.view_pins IS 'Views that somebody wants above the list; each person pins their own';
COMMENT ON COLUMN millrace.view_pins.person_id IS 'Who pinned it';
COMMENT ON COLUMN millrace.view_pins.view_id IS 'The view';
COMMENT ON COLUMN millrace.view_pins.pinned_at IS 'When; earlier ones stand first';
