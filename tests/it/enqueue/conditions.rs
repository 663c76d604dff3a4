//! The compiled condition of a version's parameters: it may say no to what is right, never yes to what is wrong.

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Jsonb};
use millrace::base::db::{PgConnection, statement};
use millrace::queue::params::Params;
use serde_json::{Value, json};

use super::stage;

#[derive(QueryableByName)]
struct Told {
    #[diesel(sql_type = Bool)]
    told: bool,
}

/// Whether arguments are plainly right, as the enqueueing functions ask it.
fn is_plainly_right(conn: &mut PgConnection, params: &Value, args: &Value) -> bool {
    const SQL: &str = "SELECT coalesce($1 @@ millrace.params_condition($2) AND
    (millrace.params_names($2) IS NULL OR $1 - millrace.params_names($2) = '{}'), false) AS told";
    let told: Option<Told> = statement(SQL).bind::<Jsonb, _>(args).bind::<Jsonb, _>(params).row(conn).unwrap();
    told.unwrap().told
}

/// One parameter `x` with each kind of rule.
fn rules() -> Vec<Value> {
    vec![
        json!({"type": "string"}),
        json!({"type": "string", "minLength": 2, "maxLength": 3, "title": "X", "default": "ab"}),
        json!({"type": "string", "maxLength": 1000}),
        json!({"type": "string", "minLength": 300}),
        json!({"type": "string", "enum": ["ab", "a\"b", "é\n"]}),
        json!({"type": "string", "pattern": "^a"}),
        json!({"type": "string", "format": "email"}),
        json!({"type": "integer", "minimum": -2, "maximum": 7}),
        json!({"type": "integer", "enum": [1, 2]}),
        json!({"type": "number", "minimum": 0.5}),
        json!({"type": "boolean"}),
        json!({"type": "array", "items": {"type": "string"}}),
        json!({"type": "object", "properties": {"y": {"type": "string"}}}),
    ]
}

fn values() -> Vec<Value> {
    let long = "ä".repeat(1001);
    let mut values: Vec<Value> =
        ["", "a", "ab", "abc", "abcd", "a\"b", "é\n", "\u{1f600}\u{1f600}", "1", &long[..1000], &long]
            .into_iter()
            .map(Value::from)
            .collect();
    values.extend([json!(0), json!(1), json!(7), json!(8), json!(-2), json!(-3), json!(0.5), json!(0.4), json!(1e3)]);
    values.extend([json!(true), json!(null), json!([]), json!(["ab"]), json!([1]), json!({}), json!({"y": "ab"})]);
    values
}

#[test]
fn it_never_says_yes_to_what_the_rules_refuse() {
    let (_db, mut conn) = stage();
    let mut yes = 0;

    for rule in rules() {
        for (required, open) in [(false, false), (true, false), (false, true)] {
            let needed = if required { json!(["x"]) } else { json!([]) };
            let params =
                json!({"type": "object", "properties": {"x": rule}, "required": needed, "additionalProperties": open});
            let parsed = Params::parse(&params).unwrap();
            let mut cases: Vec<Value> = values().into_iter().map(|value| json!({ "x": value })).collect();
            cases.extend([json!({}), json!({"z": 1})]);
            for args in cases {
                if is_plainly_right(&mut conn, &params, &args) {
                    assert!(parsed.validate(&args).is_empty(), "{params} takes {args}");
                    yes += 1;
                }
            }
        }
    }
    assert!(yes > 150, "it says yes to {yes} cases only: everything would go the slow way");
}

#[test]
fn plain_arguments_are_told_at_once() {
    let (_db, mut conn) = stage();
    let params = json!({"type": "object", "required": ["to"], "properties": {"to": {"type": "string", "minLength": 1, "maxLength": 200},
        "n": {"type": "integer", "minimum": 1}, "lang": {"type": "string", "enum": ["it", "de"]}, "draft": {"type": "boolean"}}});

    for args in [
        json!({"to": "a@b.c"}),
        json!({"to": "x\ny", "n": 3, "lang": "de", "draft": false}),
        json!({"to": "z".repeat(200), "n": 1e3}),
    ] {
        assert!(is_plainly_right(&mut conn, &params, &args), "{args}");
    }
    assert!(is_plainly_right(&mut conn, &Value::Null, &json!({"any": [1]})));
    assert!(is_plainly_right(&mut conn, &json!({"type": "object"}), &json!({"any": [1]})));
}
