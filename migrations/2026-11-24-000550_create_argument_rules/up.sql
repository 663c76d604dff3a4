-- What a parameter's rule (the JSON Schema subset of templates) says about a value. The program checks the same in Rust; a test
-- compares them. Refusals carry HINT 'millrace:<code>' and a JSON pointer as DETAIL. This file and create_enqueue are
-- applied again when they change (src/base/db/functions.rs).

CREATE OR REPLACE FUNCTION millrace.refuse(code text, pointer text, message text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = message, DETAIL = coalesce(pointer, ''), HINT = 'millrace:' || code;
END $$;
COMMENT ON FUNCTION millrace.refuse IS 'Raises the refusal of a call: stable code, JSON pointer into the input, sentence';

CREATE OR REPLACE FUNCTION millrace.json_depth(doc jsonb) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH RECURSIVE walk(node, depth) AS (
        SELECT doc, 1
        UNION ALL
        SELECT child.value, walk.depth + 1
        FROM walk CROSS JOIN LATERAL (
            SELECT value FROM jsonb_each(CASE jsonb_typeof(walk.node) WHEN 'object' THEN walk.node ELSE '{}' END)
            UNION ALL
            SELECT value FROM jsonb_array_elements(CASE jsonb_typeof(walk.node) WHEN 'array' THEN walk.node ELSE '[]' END)
        ) AS child
        WHERE jsonb_typeof(child.value) IN ('object', 'array') AND walk.depth <= 64
    )
    SELECT max(depth) FROM walk
$$;
COMMENT ON FUNCTION millrace.json_depth IS 'Nesting of a document, counted up to 65';

CREATE OR REPLACE FUNCTION millrace.is_time(given text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM given::timestamptz;
    RETURN true;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
    RETURN false;
END $$;
COMMENT ON FUNCTION millrace.is_time IS 'Tells whether a text names a day or moment that exists';

CREATE OR REPLACE FUNCTION millrace.has_format(given text, format text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE format
        WHEN 'date' THEN given ~ '^\d{4}-\d\d-\d\d$' AND millrace.is_time(given)
        WHEN 'date-time' THEN given ~* '^\d{4}-\d\d-\d\d[t ]\d\d:\d\d:\d\d(\.\d+)?(z|[+-]\d\d:\d\d)$' AND millrace.is_time(given)
        WHEN 'email' THEN octet_length(given) <= 254 AND given ~ '^[^@[:space:][:cntrl:]<>,;"]+@[^@.[:space:][:cntrl:]<>,;"-][^@.[:space:][:cntrl:]<>,;"]*(\.[^@.[:space:][:cntrl:]<>,;"-][^@.[:space:][:cntrl:]<>,;"]*)*$'
        WHEN 'uri' THEN given ~* '^[a-z][a-z0-9+.-]*:(//[^/?#[:space:]]+)?[^[:space:]]*$' AND given !~* '^https?:/*$'
        WHEN 'duration' THEN given ~ '^P(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?)$' AND given ~ '[A-SU-Z]$' AND given <> 'P'
        WHEN 'file' THEN given <> ''
        ELSE true
    END
$$;
COMMENT ON FUNCTION millrace.has_format IS 'Tells whether a text has one of the formats of parameters; the address of a uri is looked at less closely than the program does';

CREATE OR REPLACE FUNCTION millrace.may_be_chosen(rule jsonb, value jsonb, siblings jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT NOT rule ? 'enum_by' OR coalesce(rule #> ARRAY['enum_by', 'choices', siblings ->> (rule #>> '{enum_by,param}')] @> jsonb_build_array(value), false)
$$;
COMMENT ON FUNCTION millrace.may_be_chosen IS 'Tells whether a value is among the choices that its sibling leaves';

-- Adds the default of every parameter that is absent, at every depth; a default that its sibling forbids is none.
CREATE OR REPLACE FUNCTION millrace.with_defaults(rule jsonb, value jsonb) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    filled jsonb := value;
    given jsonb;
    key text;
    inner_rule jsonb;
BEGIN
    IF jsonb_typeof(value) = 'array' AND rule ? 'items' THEN
        RETURN coalesce((SELECT jsonb_agg(millrace.with_defaults(rule -> 'items', e.item) ORDER BY e.place)
                         FROM jsonb_array_elements(value) WITH ORDINALITY AS e(item, place)), value);
    ELSIF jsonb_typeof(value) <> 'object' OR jsonb_typeof(rule -> 'properties') IS DISTINCT FROM 'object' THEN
        RETURN value;
    END IF;
    FOR key, inner_rule IN SELECT * FROM jsonb_each(rule -> 'properties') LOOP
        IF filled ? key AND inner_rule ?| ARRAY['properties', 'items'] THEN
            filled := filled || jsonb_build_object(key, millrace.with_defaults(inner_rule, filled -> key));
        END IF;
    END LOOP;
    LOOP -- a default may allow that of another: at most once for every parameter
        given := filled;
        FOR key, inner_rule IN SELECT * FROM jsonb_each(rule -> 'properties') LOOP
            IF inner_rule ? 'default' AND NOT filled ? key AND millrace.may_be_chosen(inner_rule, inner_rule -> 'default', filled) THEN
                filled := filled || jsonb_build_object(key, millrace.with_defaults(inner_rule, inner_rule -> 'default'));
            END IF;
        END LOOP;
        EXIT WHEN filled = given;
    END LOOP;
    RETURN filled;
END $$;
COMMENT ON FUNCTION millrace.with_defaults IS 'Arguments with the defaults of a template''s parameters filled in';

CREATE OR REPLACE FUNCTION millrace.check_value(rule jsonb, value jsonb, at text) RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    kind text := jsonb_typeof(value);
    wanted text := rule ->> 'type';
    plain text := value #>> '{}';
    key text;
    i integer;
BEGIN
    IF wanted = 'integer' AND (kind <> 'number' OR value::numeric <> trunc(value::numeric)) THEN
        PERFORM millrace.refuse('bad-args', at, format('%s must be a whole number', at));
    ELSIF wanted <> 'integer' AND kind <> wanted THEN
        PERFORM millrace.refuse('bad-args', at, format('%s must be of type %s, not %s', at, wanted, kind));
    END IF;
    IF rule ? 'enum' AND NOT rule -> 'enum' @> jsonb_build_array(value) THEN
        PERFORM millrace.refuse('bad-args', at, format('%s must be one of %s', at, rule -> 'enum'));
    END IF;
    IF kind = 'number' THEN
        IF value::numeric < (rule ->> 'minimum')::numeric THEN
            PERFORM millrace.refuse('bad-args', at, format('%s must be at least %s', at, rule ->> 'minimum'));
        ELSIF value::numeric > (rule ->> 'maximum')::numeric THEN
            PERFORM millrace.refuse('bad-args', at, format('%s must be at most %s', at, rule ->> 'maximum'));
        END IF;
    ELSIF kind = 'string' THEN
        IF length(plain) < (rule ->> 'minLength')::integer THEN
            PERFORM millrace.refuse('bad-args', at, format('%s must have at least %s characters', at, rule ->> 'minLength'));
        ELSIF length(plain) > (rule ->> 'maxLength')::integer THEN
            PERFORM millrace.refuse('bad-args', at, format('%s must have at most %s characters', at, rule ->> 'maxLength'));
        ELSIF rule ? 'format' AND NOT millrace.has_format(plain, rule ->> 'format') THEN
            PERFORM millrace.refuse('bad-args', at, format('%s must have the format %s', at, rule ->> 'format'));
        ELSIF rule ? 'pattern' AND plain !~ (rule ->> 'pattern') THEN
            PERFORM millrace.refuse('bad-args', at, format('%s does not match the pattern %s', at, rule ->> 'pattern'));
        END IF;
    ELSIF kind = 'array' THEN
        IF jsonb_array_length(value) < (rule ->> 'minItems')::integer THEN
            PERFORM millrace.refuse('bad-args', at, format('%s must have at least %s items', at, rule ->> 'minItems'));
        ELSIF jsonb_array_length(value) > (rule ->> 'maxItems')::integer THEN
            PERFORM millrace.refuse('bad-args', at, format('%s must have at most %s items', at, rule ->> 'maxItems'));
        END IF;
        IF rule ? 'items' THEN
            FOR i IN 0 .. jsonb_array_length(value) - 1 LOOP
                PERFORM millrace.check_value(rule -> 'items', value -> i, at || '/' || i);
            END LOOP;
        END IF;
    ELSIF kind = 'object' THEN
        FOR key IN SELECT jsonb_array_elements_text(rule -> 'required') LOOP
            IF NOT value ? key THEN
                PERFORM millrace.refuse('bad-args', at || '/' || key, format('%s/%s is required', at, key));
            END IF;
        END LOOP;
        FOR key IN SELECT jsonb_object_keys(value) LOOP
            IF rule -> 'properties' ? key THEN
                PERFORM millrace.check_value(rule #> ARRAY['properties', key], value -> key, at || '/' || key);
                IF NOT millrace.may_be_chosen(rule #> ARRAY['properties', key], value -> key, value) THEN
                    PERFORM millrace.refuse('bad-args', at || '/' || key, format('%s/%s cannot be %s where %s is %s', at, key,
                        value -> key, rule #>> ARRAY['properties', key, 'enum_by', 'param'],
                        coalesce(value ->> (rule #>> ARRAY['properties', key, 'enum_by', 'param']), 'missing')));
                END IF;
            ELSIF NOT coalesce((rule ->> 'additionalProperties')::boolean, NOT rule ? 'properties') THEN
                PERFORM millrace.refuse('bad-args', at || '/' || key, format('%s/%s is not a parameter of this template', at, key));
            END IF;
        END LOOP;
    END IF;
END $$;
COMMENT ON FUNCTION millrace.check_value IS 'Refuses a value that breaks its rule (the JSON Schema subset of templates)';

-- The checks above name what is wrong, rule by rule. Most arguments are plainly right, and these questions find that out at a
-- fraction of the cost. They may say no to what is right, never yes to what is wrong: after a no the checks decide.

-- STABLE as jsonb_build_array is, else it would not be inlined and cost as much as the checks
CREATE OR REPLACE FUNCTION millrace.fits(rule jsonb, value jsonb) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN value IS NULL THEN true
        WHEN rule ?| ARRAY['format', 'enum_by'] THEN false
        WHEN rule ? 'enum' AND NOT rule -> 'enum' @> jsonb_build_array(value) THEN false
        WHEN jsonb_typeof(value) = 'string' THEN coalesce(rule ->> 'type' = 'string', true)
            AND coalesce(length(value #>> '{}') >= (rule ->> 'minLength')::integer, true)
            AND coalesce(length(value #>> '{}') <= (rule ->> 'maxLength')::integer, true)
            AND coalesce(value #>> '{}' ~ (rule ->> 'pattern'), true)
        WHEN jsonb_typeof(value) = 'number' THEN
            CASE coalesce(rule ->> 'type', 'number') WHEN 'number' THEN true WHEN 'integer' THEN value::numeric = trunc(value::numeric) ELSE false END
            AND coalesce(value::numeric >= (rule ->> 'minimum')::numeric, true)
            AND coalesce(value::numeric <= (rule ->> 'maximum')::numeric, true)
        WHEN jsonb_typeof(value) = 'boolean' THEN coalesce(rule ->> 'type' = 'boolean', true)
        ELSE false -- lists and objects are looked at item by item
    END
$$;
COMMENT ON FUNCTION millrace.fits IS 'Tells whether a plain value keeps its rule; false also for lists, objects and nulls, which check_value looks at';

-- plpgsql, because it keeps the plan of its query from call to call
CREATE OR REPLACE FUNCTION millrace.args_fit(params jsonb, args jsonb) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    properties jsonb := params -> 'properties';
    is_open boolean := properties IS NULL OR (params ->> 'additionalProperties') IS NOT DISTINCT FROM 'true';
BEGIN
    RETURN params ->> 'type' = 'object' AND NOT params ? 'enum' AND args @> '{}'
        AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(params -> 'required') AS needed WHERE NOT args ? needed)
        AND NOT EXISTS (
            SELECT FROM jsonb_each(args) AS given(key, value)
            WHERE NOT (properties ? given.key AND millrace.fits(properties -> given.key, given.value) OR is_open AND NOT coalesce(properties ? given.key, false)));
END $$;
COMMENT ON FUNCTION millrace.args_fit IS 'Tells whether arguments made of plain values keep the rules of a template; false also where only check_value can tell';

CREATE OR REPLACE FUNCTION millrace.args_are_small(args jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- 65 levels need 130 characters
    SELECT CASE WHEN octet_length(args::text) < 130 THEN true
        ELSE octet_length(args::text) <= 262144 AND length(args::text) - length(translate(args::text, '[{', '')) <= 64 END
$$;
COMMENT ON FUNCTION millrace.args_are_small IS 'Tells whether arguments are neither too long nor, for certain, too deep';

CREATE OR REPLACE FUNCTION millrace.numbers_are_plain(args jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT args::text !~ '(: |\[|, )-?[0-9.]{19}'
$$;
COMMENT ON FUNCTION millrace.numbers_are_plain IS 'Tells whether every number is short enough for any program; false also for some texts, where check_numbers looks';

CREATE OR REPLACE FUNCTION millrace.check_numbers(args jsonb, at text) RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    odd record;
BEGIN
    WITH RECURSIVE node(value, at) AS (
        SELECT args, check_numbers.at
        UNION ALL
        SELECT inner_.value, node.at || '/' || inner_.key FROM node CROSS JOIN LATERAL (
            SELECT replace(replace(e.key, '~', '~0'), '/', '~1') AS key, e.value
            FROM jsonb_each(CASE WHEN jsonb_typeof(node.value) = 'object' THEN node.value END) AS e
            UNION ALL
            SELECT (e.ord - 1)::text, e.value
            FROM jsonb_array_elements(CASE WHEN jsonb_typeof(node.value) = 'array' THEN node.value END) WITH ORDINALITY AS e(value, ord)
        ) AS inner_
    )
    SELECT node.at, node.value::text AS written, scale(node.value::text::numeric) = 0 AS whole INTO odd FROM node
    WHERE jsonb_typeof(node.value) = 'number' AND CASE WHEN scale(node.value::text::numeric) = 0
        THEN node.value::text::numeric NOT BETWEEN -9223372036854775808 AND 18446744073709551615
        ELSE abs(node.value::text::numeric) > 1.7976931348623157e308 END
    LIMIT 1;
    IF odd.at IS NOT NULL THEN
        PERFORM millrace.refuse('bad-args', odd.at, format('%s is %s, beyond what a %s can be: send it as text', odd.at,
            CASE WHEN length(odd.written) > 40 THEN left(odd.written, 40) || '…' ELSE odd.written END,
            CASE WHEN odd.whole THEN 'whole number' ELSE 'number' END));
    END IF;
END $$;
COMMENT ON FUNCTION millrace.check_numbers IS 'Refuses a number that a program would round or could not read, naming its place';

-- In PL/pgSQL, whose plans last: a function in SQL is planned again for each job when another one calls it.
CREATE OR REPLACE FUNCTION millrace.lane_key(kind text, template_id integer, names jsonb, args jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    given jsonb := '[]';
    key text;
BEGIN
    IF jsonb_array_length(names) = 1 THEN
        given := jsonb_build_array(args -> (names ->> 0)); -- nearly always, and without a query
    ELSIF jsonb_array_length(names) > 1 THEN
        given := (SELECT jsonb_agg(args -> name.name ORDER BY name.ord) FROM jsonb_array_elements_text(names) WITH ORDINALITY AS name(name, ord));
    END IF;
    key := kind || template_id || ':' || given::text;
    RETURN CASE WHEN length(key) <= 200 THEN key ELSE kind || template_id || ':md5:' || md5(key) END;
END $$;
COMMENT ON FUNCTION millrace.lane_key IS 'Key of a limit: its kind, the template and the values of the named parameters; long ones as a digest';

CREATE OR REPLACE FUNCTION millrace.limit_keys(template_id integer, limits jsonb, args jsonb) RETURNS text[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    keys text[];
BEGIN
    keys := array_remove(ARRAY[
        CASE WHEN limits ? 'concurrency' THEN 't' || template_id END,
        CASE WHEN limits ? 'concurrency_per_node' THEN 'n' || template_id END,
        CASE WHEN limits ? 'keyed' THEN millrace.lane_key('k', template_id, limits #> '{keyed,by}', args) END,
        CASE WHEN limits ? 'rate' THEN millrace.lane_key('r', template_id, limits #> '{rate,by}', args) END], NULL);
    IF limits ? 'reserve' THEN -- the pools in the order in which a job gets what it reserves of them
        keys := keys || ARRAY(SELECT 'p' || pool.name FROM jsonb_object_keys(limits -> 'reserve') AS pool(name) ORDER BY pool.name COLLATE "C");
    END IF;
    RETURN keys;
END $$;
COMMENT ON FUNCTION millrace.limit_keys IS 'Lanes whose limits hold for a job with these arguments';

CREATE OR REPLACE FUNCTION millrace.lane_places(key text, jobs_max integer) RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN left(key, 1) = 'n' THEN least(jobs_max::bigint * (SELECT count(*) FROM millrace.nodes WHERE state <> 'down'), 2000000000)::integer
        ELSE jobs_max END
$$;
COMMENT ON FUNCTION millrace.lane_places IS 'Places of a lane on all nodes; NULL = without bound';
