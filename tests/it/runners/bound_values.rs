//! What `render::bind` writes is SQL that PostgreSQL takes, and the values arrive with their kinds.

use diesel::QueryableByName;
use diesel::sql_types::{Array, Jsonb, Nullable, Text};
use millrace::base::db::statement;
use millrace::queue::render::{RenderContext, bind};
use serde_json::{Value, json};

use crate::support::TestDb;

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Jsonb)]
    value: Value,
}

fn selected(db: &TestDb, expression: &str, params: &Value) -> Value {
    let text = format!("SELECT jsonb_build_array({expression}) AS value");
    let (sql, values) = bind(&text, &RenderContext::sample(params)).unwrap();
    let sql: &'static str = Box::leak(sql.into_boxed_str()); // statements are constants everywhere else
    let row: Option<Row> = statement(sql).bind::<Array<Nullable<Text>>, _>(values).row(&mut db.connect()).unwrap();
    row.unwrap().value
}

#[test]
fn values_arrive_with_their_kinds() {
    let db = TestDb::new();
    let params = json!({ "text": "it's; DROP TABLE x -- $1 \\ {{ü}}", "small": -7, "large": u64::MAX, "float": 1.5, "yes": true,
        "none": null, "list": [1, "a"], "object": { "k": "v" }, "day": "2026-11-24" });

    let kinds = selected(
        &db,
        "pg_typeof({{ params.text }}), pg_typeof({{ params.small }}), pg_typeof({{ params.large }}), pg_typeof({{ params.float }}), \
         pg_typeof({{ params.yes }}), pg_typeof({{ params.list }}), pg_typeof({{ params.day }}::date)",
        &params,
    );
    assert_eq!(kinds, json!(["text", "bigint", "numeric", "numeric", "boolean", "jsonb", "date"]));

    let values = selected(
        &db,
        "{{ params.text }}, {{ params.small }}, {{ params.large }}, {{ params.float }}, {{ params.yes }}, {{ params.none }}, \
         {{ params.list }}, {{ params.object }}, {{ params.small + 1 }} + 1, {{ params.day }}::date + 1",
        &params,
    );
    assert_eq!(
        values,
        json!([params["text"], -7, u64::MAX, 1.5, true, null, [1, "a"], { "k": "v" }, -5, "2026-11-25"])
    );
}
