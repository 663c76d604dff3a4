ALTER TABLE millrace.template_versions DROP COLUMN args_names, DROP COLUMN args_condition;
DROP FUNCTION millrace.params_names(jsonb), millrace.params_condition(jsonb), millrace.member_condition(text, jsonb, boolean);
