ALTER TABLE millrace.templates DROP CONSTRAINT templates_active_version_exists;
DROP TABLE millrace.template_versions, millrace.templates, millrace.queues;
DROP FUNCTION millrace.refuse_version_change, millrace.texts;
