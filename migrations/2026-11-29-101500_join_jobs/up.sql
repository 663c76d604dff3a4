-- What becomes of a new job when one like it waits already.
ALTER TABLE millrace.template_versions ADD COLUMN debounce jsonb GENERATED ALWAYS AS (nullif(spec -> 'debounce', 'null')) STORED;
COMMENT ON COLUMN millrace.template_versions.debounce IS 'Whether a newer job takes the place of one that waits, out of spec; NULL = no';
ALTER TABLE millrace.template_versions ADD COLUMN uniqueness jsonb GENERATED ALWAYS AS (nullif(spec -> 'unique', 'null')) STORED;
COMMENT ON COLUMN millrace.template_versions.uniqueness IS 'Whether only one of jobs with the same values is made, out of spec; NULL = no';
CREATE INDEX template_versions_joining ON millrace.template_versions (template_id) WHERE debounce IS NOT NULL OR uniqueness IS NOT NULL;

CREATE INDEX unique_keys_lapsing ON millrace.unique_keys (until) WHERE until IS NOT NULL;

CREATE TABLE millrace.debounces (
    key text COLLATE "C" CONSTRAINT debounces_pk PRIMARY KEY,
    job_id bigint NOT NULL,
    first_at timestamptz NOT NULL,
    due timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX debounces_of_job ON millrace.debounces (job_id);
CREATE INDEX debounces_due ON millrace.debounces (due);
COMMENT ON TABLE millrace.debounces IS 'One row per key whose jobs are debounced; its lock orders those who enqueue. Who waits is known by its row in scheduled';
COMMENT ON COLUMN millrace.debounces.key IS 'The key: "d7:[…]" a template with the values of parameters';
COMMENT ON COLUMN millrace.debounces.job_id IS 'The newest job of the key; the next one takes its place while it is scheduled';
COMMENT ON COLUMN millrace.debounces.first_at IS 'When the first of those came whose place it has';
COMMENT ON COLUMN millrace.debounces.due IS 'When it begins if no newer one comes';
