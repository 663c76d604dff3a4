-- What people were told: toasts of their own acts, and what ended while they were elsewhere. Bounded per person where it is written.
CREATE TABLE millrace.notifications (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT notifications_pk PRIMARY KEY,
    person_id bigint NOT NULL CONSTRAINT notifications_person REFERENCES millrace.people ON DELETE CASCADE,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tone text NOT NULL CONSTRAINT notifications_tone_known CHECK (tone IN ('done', 'info', 'warning', 'failed')),
    title text NOT NULL CONSTRAINT notifications_title_length CHECK (length(title) BETWEEN 1 AND 300),
    body text NOT NULL DEFAULT '' CONSTRAINT notifications_body_length CHECK (length(body) <= 1000),
    link_word text CONSTRAINT notifications_link_word_length CHECK (length(link_word) BETWEEN 1 AND 60),
    link_path text CONSTRAINT notifications_link_path_own CHECK (link_path LIKE '/%' AND link_path NOT LIKE '//%' AND length(link_path) <= 2000),
    read_at timestamptz,
    CONSTRAINT notifications_link_whole CHECK ((link_word IS NULL) = (link_path IS NULL))
);
CREATE INDEX notifications_of_person ON millrace.notifications (person_id, id DESC);
CREATE INDEX notifications_unread ON millrace.notifications (person_id) WHERE read_at IS NULL;
CREATE INDEX notifications_by_age ON millrace.notifications (at);
COMMENT ON TABLE millrace.notifications IS 'What people were told, the newest 500 of each for 30 days';
COMMENT ON COLUMN millrace.notifications.id IS 'Row id; rises with time';
COMMENT ON COLUMN millrace.notifications.person_id IS 'Who was told';
COMMENT ON COLUMN millrace.notifications.at IS 'When';
COMMENT ON COLUMN millrace.notifications.tone IS 'done, info, warning or failed';
COMMENT ON COLUMN millrace.notifications.title IS 'What happened, 1 to 300 characters';
COMMENT ON COLUMN millrace.notifications.body IS 'What follows from it, at most 1,000 characters; empty = nothing';
COMMENT ON COLUMN millrace.notifications.link_word IS 'The word of the way on or back; NULL = none';
COMMENT ON COLUMN millrace.notifications.link_path IS 'Where that leads: a path of the console, at most 2,000 characters';
COMMENT ON COLUMN millrace.notifications.read_at IS 'When the person saw it; NULL = not yet';
