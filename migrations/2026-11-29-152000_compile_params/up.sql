-- The rules of a version's parameters as one condition, so that plainly right arguments are known as such for a fraction of what the
-- questions in create_argument_rules cost. It may say no to what is right, never yes to what is wrong.
--
-- Columns are made of these functions: whoever changes what they say writes a migration that makes the columns anew.

-- A member whose rule has words that are not told here (formats, patterns, lists, objects, dependent choices) must be absent, and where
-- it is needed nothing is plainly right.
CREATE FUNCTION millrace.member_condition(name text, rule jsonb, needed boolean) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    member CONSTANT text := '$.' || to_jsonb(name)::text;
    kind CONSTANT text := rule ->> 'type';
    choices CONSTANT jsonb := rule -> 'enum';
    told text;
BEGIN
    IF rule - ARRAY['type', 'title', 'description', 'default', 'secret', 'enum', 'minLength', 'maxLength', 'minimum', 'maximum'] <> '{}'
       OR coalesce(kind, '') NOT IN ('string', 'number', 'integer', 'boolean')
       OR choices @? 'strict $[*] ? (@.type() != "string" && @.type() != "number" && @.type() != "boolean")'
       OR (rule ->> 'minLength')::numeric > 255 OR (rule ->> 'maxLength')::numeric < coalesce((rule ->> 'minLength')::numeric, 0) THEN
        RETURN CASE WHEN needed THEN '1 == 0' ELSE '!exists(' || member || ')' END;
    END IF;
    told := concat_ws(' && ',
        format('%s.type() == "%s"', member, replace(kind, 'integer', 'number')),
        CASE WHEN kind = 'integer' THEN format('%s.floor() == %s', member, member) END,
        CASE WHEN kind <> 'string' AND rule ? 'minimum' THEN format('%s >= %s', member, rule -> 'minimum') END,
        CASE WHEN kind <> 'string' AND rule ? 'maximum' THEN format('%s <= %s', member, rule -> 'maximum') END,
        -- repetitions go to 255: longer texts are left to the questions
        CASE WHEN kind = 'string' AND rule ?| ARRAY['minLength', 'maxLength'] THEN format('%s like_regex "^.{%s,%s}$" flag "s"', member,
            coalesce((rule ->> 'minLength')::integer, 0), least((rule ->> 'maxLength')::numeric, 255)::integer) END,
        CASE WHEN choices IS NOT NULL THEN format('(%s)', coalesce((SELECT string_agg(format('%s == %s', member, c.value), ' || ' ORDER BY c.ord)
            FROM jsonb_array_elements(choices) WITH ORDINALITY AS c(value, ord)), '1 == 0')) END);
    RETURN CASE WHEN needed THEN told ELSE format('(!exists(%s) || %s)', member, told) END;
END $$;
COMMENT ON FUNCTION millrace.member_condition IS 'What one parameter must be, as a part of params_condition';

CREATE FUNCTION millrace.params_condition(params jsonb) RETURNS jsonpath LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    needed CONSTANT jsonb := coalesce(params -> 'required', '[]');
BEGIN
    IF jsonb_typeof(params) IS DISTINCT FROM 'object' THEN
        RETURN '1 == 1';
    ELSIF params ->> 'type' IS DISTINCT FROM 'object' OR params - ARRAY['type', 'title', 'description', 'properties', 'required', 'additionalProperties', 'order'] <> '{}'
        OR jsonb_typeof(needed) <> 'array' OR jsonb_typeof(coalesce(params -> 'properties', '{}')) <> 'object' THEN
        RETURN '1 == 0';
    END IF;
    RETURN (
        SELECT coalesce(string_agg(of.condition, ' && '), '1 == 1')
        FROM (
            SELECT millrace.member_condition(p.key, p.value, needed ? p.key) AS condition FROM jsonb_each(params -> 'properties') AS p
            UNION ALL
            SELECT format('exists($.%s)', r.name) FROM jsonb_array_elements(needed) AS r(name) WHERE NOT coalesce(params -> 'properties' ? (r.name #>> '{}'), false)
        ) AS of)::jsonpath;
END $$;
COMMENT ON FUNCTION millrace.params_condition IS 'Condition that plainly right arguments of a template fulfil; names that stand in no rule are not looked at';

CREATE FUNCTION millrace.params_names(params jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof(params -> 'properties') = 'object' AND params ->> 'additionalProperties' IS DISTINCT FROM 'true'
        THEN ARRAY(SELECT p.key FROM jsonb_each(params -> 'properties') AS p) END
$$;
COMMENT ON FUNCTION millrace.params_names IS 'The only names that arguments of a template may have; NULL = any';

ALTER TABLE millrace.template_versions
    ADD COLUMN args_condition jsonpath NOT NULL GENERATED ALWAYS AS (millrace.params_condition(spec -> 'params')) STORED,
    ADD COLUMN args_names text[] GENERATED ALWAYS AS (millrace.params_names(spec -> 'params')) STORED;
COMMENT ON COLUMN millrace.template_versions.args_condition IS 'Condition that plainly right arguments fulfil, taken from spec';
COMMENT ON COLUMN millrace.template_versions.args_names IS 'The only names that arguments may have, taken from spec; null = any';
