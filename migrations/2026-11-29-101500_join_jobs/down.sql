DROP TABLE millrace.debounces;
DROP INDEX millrace.unique_keys_lapsing, millrace.template_versions_joining;
ALTER TABLE millrace.template_versions DROP COLUMN uniqueness, DROP COLUMN debounce;
