//! The example of an organisation's own binary: it compiles, its templates are good, its handlers do what they say.

#[path = "../../examples/own_handlers.rs"]
#[allow(dead_code, unreachable_pub)] // its `main` is not ours
mod example;

use millrace::base::document::parse_documents;
use millrace::queue::template::TemplateDocument;
use serde_json::{Value, json};

use crate::support::TestDb;
use crate::support::stage::{TestEngine, enqueue, template, text, wait_for};

const TEMPLATES: &str = include_str!("../../examples/own_handlers.yaml");
const OUTPUT: &str = "SELECT output::text AS text FROM millrace.history WHERE job_id = $1";

#[test]
fn the_handlers_of_the_example_work() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    for document in parse_documents::<TemplateDocument>(TEMPLATES).unwrap() {
        let (name, spec) = document.into_parts();
        assert_eq!(spec.check(), Vec::new(), "{name}");
        template(conn, name.as_str(), serde_json::to_value(spec).unwrap());
    }
    let _engine = TestEngine::start(&db, example::registry());

    let greeted = enqueue(conn, "greet", json!({"name": "Ada"}));
    let summed = enqueue(conn, "sum", json!({"numbers": [1, 2, 39]}));
    let too_large = enqueue(conn, "sum", json!({"numbers": [i64::MAX, 1]}));

    wait_for(conn, greeted, "succeeded");
    wait_for(conn, summed, "succeeded");
    wait_for(conn, too_large, "failed");
    let output = |job| serde_json::from_str::<Value>(&text(&mut db.connect(), OUTPUT, job)).unwrap();
    assert_eq!(output(greeted), json!({"greeting": "Hello, Ada!"}));
    assert_eq!(output(summed), json!({"sum": 42}));
}
