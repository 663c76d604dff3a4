//! `GET /api/v1/jobs`: the search of the page, keyset by keyset.

use std::collections::BTreeMap;

use millrace::queue::permission::Role;
use serde_json::{Value, json};

use super::stage::{Program, Server};

/// Follows the pages of a list and gives the ids in the order they came.
fn all(program: &Program, query: &str, mut between: impl FnMut(usize)) -> Vec<i64> {
    let (mut ids, mut after) = (Vec::new(), String::new());
    for page in 0.. {
        let answer = program.get(&format!("/api/v1/jobs?{query}{after}")).expect(200);
        ids.extend(answer["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_i64().unwrap()));
        let Some(next) = answer["next"].as_i64() else { break };
        after = format!("&after={next}");
        between(page);
    }
    ids
}

fn many(program: &Program, count: usize, job: &Value) -> Vec<i64> {
    let jobs = vec![job.clone(); count];
    let answer = program.post("/api/v1/jobs/bulk", &json!(jobs)).expect(201);
    answer["ids"].as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect()
}

#[test]
fn pages_follow_one_another_newest_first() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let mut ids = many(&program, 25, &json!({"template": "demo.any"}));
    ids.reverse();

    assert_eq!(all(&program, "limit=10", |_| ()), ids);
    let page = program.get("/api/v1/jobs?limit=25").expect(200);
    assert_eq!(page["next"], Value::Null);
    assert!(page["jobs"][0].get("output").is_none() && page["jobs"][0]["args"] == json!({}));
    assert_eq!(program.get("/api/v1/jobs").expect(200)["jobs"].as_array().unwrap().len(), 25);
}

#[test]
fn each_job_is_met_once_while_jobs_move() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let ids = many(&program, 60, &json!({"template": "demo.any"}));
    let act = |id: i64, verb: &str, body: Value| program.post(&format!("/api/v1/jobs/{id}/{verb}"), &body).expect(200);
    // every way to move: to another place in line, away and back, into history and out again
    let shake = |page: usize| {
        for (at, id) in ids.iter().enumerate().filter(|(at, _)| at % 5 == page % 5) {
            match at % 4 {
                0 => drop(act(*id, "priority", json!({"priority": 1 + page % 5}))),
                1 => drop((act(*id, "hold", json!({})), act(*id, "release", json!({})))),
                2 => drop((act(*id, "cancel", json!({})), act(*id, "retry", json!({})))),
                _ => drop(act(*id, "reschedule", json!({"run_at": "2030-01-01T00:00:00Z"}))),
            }
        }
        program.enqueue(&json!({"template": "demo.any"}));
    };
    (0..5).for_each(shake);

    let mut met: BTreeMap<i64, usize> = BTreeMap::new();
    for id in all(&program, "limit=7", shake) {
        *met.entry(id).or_default() += 1;
    }

    for id in &ids {
        assert_eq!(met.get(id), Some(&1), "job {id}");
    }
    assert!(met.values().all(|times| *times == 1));
}

#[test]
fn parameters_and_typed_words_say_the_same() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    many(&program, 3, &json!({"template": "demo.any"}));
    let mail = many(
        &program,
        2,
        &json!({"template": "demo.any", "queue": "mail", "tags": ["vip"], "args": {"to": "ada@example.org"}}),
    );
    let greet = program.enqueue(&json!({"template": "demo.greet", "args": {"name": "x"}, "delay_ms": 60000}));
    let found = |query: &str| all(&program, query, |_| ()).len();

    for (query, count) in [
        ("state=scheduled", 1),
        ("q=state:scheduled", 1),
        ("state=scheduled,ready", 6),
        ("state=scheduled&state=ready", 6),
        ("queue=mail", 2),
        ("q=queue:mail%20tag:vip", 2),
        ("template=demo.greet", 1),
        ("tag=vip", 2),
        ("q=ada%40example", 2),
        ("q=%22no%20such%20text%22", 0),
        (&format!("q=id:{greet}"), 1),
        (&format!("q={}", mail[0]), 1),
        ("state=failed", 0),
    ] {
        assert_eq!(found(query), count, "{query}");
    }
    for (query, refusal) in [
        ("q=quue:mail", "q: quue:mail (column 1): there is no field quue; did you mean queue?"),
        ("state=broken", "state: state=broken: \"broken\" is no state; they are "),
        ("color=red", "color: color=red: there is no field color; fields are "),
        ("limit=201", "limit: limit goes from 1 to 200"),
        ("after=x", "after: "),
    ] {
        let told = program.get(&format!("/api/v1/jobs?{query}")).refusal(422);
        assert!(told.starts_with(refusal), "{told}");
    }
}

#[test]
fn what_is_rare_is_found_behind_many_others() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let rare = program.enqueue(&json!({"template": "demo.any", "tags": ["rare"]}));
    for _ in 0..6 {
        many(&program, 2_000, &json!({"template": "demo.any"}));
    }

    assert_eq!(all(&program, "tag=rare", |_| ()), [rare.0]);
    assert_eq!(all(&program, "tag=none", |_| ()), [] as [i64; 0]);
}

#[test]
fn texts_in_arguments_are_found_only_by_those_who_may_see_them() {
    let server = Server::start();
    server.program(Role::Operator).enqueue(&json!({"template": "demo.any", "args": {"card": "4111"}}));

    assert_eq!(all(&server.program(Role::Analyst), "q=%224111%22", |_| ()).len(), 1);
    let viewer = server.program(Role::Viewer);
    assert_eq!(all(&viewer, "q=%22card%22", |_| ()).len(), 0);
    let shown = viewer.get("/api/v1/jobs").expect(200);
    assert_eq!(shown["jobs"][0]["args"], json!({"card": "•••"}));
}
