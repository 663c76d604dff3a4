//! One job: its fields, attempts, log and explanation; counts.

use diesel::connection::SimpleConnection;
use millrace::base::clock::{Clock, SystemClock, Time};
use millrace::queue::permission::Role;
use millrace::queue::work::{Ended, Handler, JobContext, Level, Outcome, Registry};
use serde_json::{Value, json};

use super::stage::{Program, Server};
use crate::support::stage::{TestEngine, wait_for};

/// Fails its first attempt, then succeeds and says so.
struct Second;

impl Handler for Second {
    fn run(&self, job: &JobContext) -> Ended {
        job.log(Level::Info, &format!("attempt {}\nline two", job.attempt()));
        if job.attempt() == 1 {
            return Err(millrace::queue::work::Failure::new("not the first time\nand more"));
        }
        job.progress(3, 3, "done");
        job.output(json!({"sum": 42}));
        Ok(Outcome::Done)
    }
}

#[test]
fn a_finished_job_tells_its_attempts_output_and_log() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let _engine = TestEngine::start(&server.db, Registry::default().with_handler("demo.any", Second));
    let job = program.enqueue(&json!({"template": "demo.any", "args": {"n": 1}}));
    wait_for(&mut server.db.connect(), job, "succeeded");
    let path = format!("/api/v1/jobs/{job}");

    let shown = program.get(&path).expect(200);
    assert_eq!(
        (&shown["state"], &shown["output"], &shown["attempt"]),
        (&json!("succeeded"), &json!({"sum": 42}), &json!(2))
    );
    let attempts = program.get(&format!("{path}/attempts")).expect(200)["attempts"].as_array().unwrap().clone();
    assert_eq!(attempts.len(), 2);
    assert_eq!((&attempts[0]["number"], &attempts[0]["outcome"]), (&json!(1), &json!("failed")));
    assert_eq!((&attempts[0]["reason"], &attempts[0]["counted"]), (&json!("not the first time"), &json!(true)));
    assert_eq!(attempts[0]["error"]["message"], "not the first time\nand more");
    assert_eq!(
        (&attempts[1]["number"], &attempts[1]["outcome"], &attempts[1]["node"]),
        (&json!(2), &json!("succeeded"), &json!("test"))
    );
    assert!(attempts[0]["fence"].as_i64() < attempts[1]["fence"].as_i64());

    let log = program.get(&format!("{path}/log"));
    assert_eq!((log.status, log.header("content-type")), (200, "application/x-ndjson"));
    let lines: Vec<Value> = log.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let texts: Vec<_> = lines.iter().map(|line| line["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["attempt 1", "line two", "attempt 2", "line two"]);
    assert_eq!((&lines[3]["attempt"], &lines[3]["line"], &lines[3]["level"]), (&json!(2), &json!(2), &json!("info")));

    let second = program.get(&format!("{path}/log?attempt=2&limit=1"));
    assert_eq!(second.text.lines().count(), 1);
    let rest = program.get(&format!("{path}/log?attempt=2&after={}", second.header("millrace-next")));
    assert!(
        rest.text.contains("line two") && !rest.text.contains("attempt 2") && rest.header("millrace-next").is_empty()
    );
    let plain = program.send("GET", &format!("{path}/log"), &[("Accept", "text/plain")], &[]);
    assert!(plain.text.lines().next().unwrap().ends_with("Z info  attempt 1"), "{}", plain.text);
    for bad in ["attempt=x", "attempt=-1", "attempt=0", "after=7", "limit=0", "limit=10001"] {
        assert_eq!(program.get(&format!("{path}/log?{bad}")).status, 422, "{bad}");
    }
}

#[test]
fn a_waiting_job_explains_itself() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let job = program.enqueue(&json!({"template": "demo.any"}));
    let later = program.enqueue(&json!({"template": "demo.any", "run_at": "2030-01-01T00:00:00Z"}));
    let second = program.enqueue(&json!({"template": "demo.any"}));
    let codes = |id| {
        let told = program.get(&format!("/api/v1/jobs/{id}/explain")).expect(200);
        assert_eq!(told["id"], json!(id));
        told["reasons"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["code"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };

    assert_eq!(codes(job), ["no-node", "in-line"]);
    assert_eq!(codes(later), ["not-due"]);
    program.post("/api/v1/queues/default/pause", &json!({"reason": "cleaning"})).expect(200);
    assert_eq!(codes(job), ["queue-paused", "no-node", "in-line"]);
    let told = program.get(&format!("/api/v1/jobs/{second}/explain")).expect(200);
    assert_eq!((&told["reasons"][0]["reason"], &told["reasons"][2]["position"]), (&json!("cleaning"), &json!(2)));
    assert!(told["reasons"][0]["message"].as_str().unwrap().ends_with("paused its queue: cleaning"));
    program.post(&format!("/api/v1/jobs/{job}/hold"), &json!({"reason": "why not"})).expect(200);
    assert_eq!(codes(job), ["held"]);
}

#[test]
fn a_waiting_job_is_told_when_it_is_expected_to_start() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let job = program.enqueue(&json!({"template": "demo.any"}));
    let later = program.enqueue(&json!({"template": "demo.any", "run_at": "2030-01-01T00:00:00Z"}));
    let [holder, limited] = [(); 2].map(|()| program.enqueue(&json!({"template": "demo.any"})));
    let run = |sql: &str| server.db.connect().batch_execute(sql).unwrap();
    let expected = |id| program.get(&format!("/api/v1/jobs/{id}/explain")).expect(200)["expected"].clone();

    assert_eq!(expected(job), json!(null), "no node serves its queue");
    assert_eq!(expected(later)["start_at"], json!("2030-01-01T00:00:00Z"));
    run("INSERT INTO millrace.nodes (name, version, slots, queues) VALUES ('vm', '1', 8, NULL)");
    assert_eq!((&expected(job)["basis"], &expected(job)["holder"]), (&json!("free-slot"), &json!(null)));

    // 60 jobs a minute for nine minutes, on slots that were all busy
    run("UPDATE millrace.nodes SET busy = 8;
        INSERT INTO millrace.rollups (step_s, at, template_id, queue_id, node_id, succeeded, run_us)
        SELECT 60, date_trunc('minute', now()) - n * interval '1 minute', 1, 1, 1, 60, 480000000 FROM generate_series(1, 9) AS n");
    let told = expected(job);
    assert_eq!(told["basis"], "queue-pace", "{told}");
    let [start, earliest, latest] =
        ["start_at", "earliest", "latest"].map(|name| told[name].as_str().unwrap().to_owned());
    assert!(earliest <= start && start < latest, "{told}");
    assert!(
        told["message"].as_str().unwrap().starts_with("At the pace of the last 10 minutes it starts in about"),
        "{told}"
    );

    // the holder is through with a quarter of its work after a minute
    run(&format!(
        "DELETE FROM millrace.ready WHERE job_id IN ({holder}, {limited}, {job});
        INSERT INTO millrace.leases (node_id, epoch, started_at, job_ids, attempts)
        VALUES (1, 1, clock_timestamp() - interval '60 s', '{{{holder}}}', '{{1}}');
        UPDATE millrace.jobs SET limit_keys = '{{t1}}' WHERE id IN ({holder}, {limited});
        INSERT INTO millrace.live (job_id, fence, done, total, updated_at) SELECT {holder}, max(id), 30, 120, now() FROM millrace.leases;
        INSERT INTO millrace.lanes (key, jobs_max) VALUES ('t1', 1);
        INSERT INTO millrace.gated (job_id, lane, since, not_before, queue_id, template_id, priority, attempt)
        VALUES ({limited}, 't1', now(), NULL, 1, 1, 3, 0), ({job}, 'r1:[]', now(), '2031-02-03T04:05:06Z', 1, 1, 3, 0)"
    ));
    let told = expected(limited);
    assert_eq!((&told["basis"], &told["holder"], &told["start_at"]), (&json!("holder"), &json!(holder), &json!(null)));
    let earliest: Time = told["earliest"].as_str().unwrap().parse().unwrap();
    let ends_in = (earliest - SystemClock.now()).num_seconds();
    assert!((100..=190).contains(&ends_in), "three times as long as it ran so far: {told}");
    let reasons = program.get(&format!("/api/v1/jobs/{limited}/explain")).expect(200)["reasons"].clone();
    assert!(reasons.to_string().contains(&format!("may run at once and do, held by job {holder}; it is")), "{reasons}");
    let told = expected(job);
    assert_eq!((&told["basis"], &told["start_at"]), (&json!("promised"), &json!("2031-02-03T04:05:06Z")));

    run("UPDATE millrace.queues SET paused_at = now(), paused_by = 'ada'");
    assert_eq!([expected(job), expected(limited)], [json!(null), json!(null)], "somebody has to let the queue go on");
}

#[test]
fn a_job_out_of_scope_that_has_the_turn_is_told_without_its_number() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let of = |queue: &str| json!({"template": "demo.any", "ordering_key": "acme", "queue": queue});
    let first = program.enqueue(&of("other"));
    let second = program.enqueue(&of("mail"));

    let turn = |program: &Program| {
        let told = program.get(&format!("/api/v1/jobs/{second}/explain")).expect(200);
        told["reasons"].as_array().unwrap().iter().find(|one| one["code"] == "turn").cloned().unwrap()
    };
    let whole = turn(&program);
    assert_eq!((&whole["holder"], &whole["holder_state"]), (&json!(first), &json!("ready")));
    let limited = turn(&server.limited(Role::Operator, &["all"], (&["mail"], &[])));
    assert_eq!((&limited["holder"], &limited["holder_state"]), (&json!(null), &json!("ready")));
    assert!(limited["message"].as_str().unwrap().starts_with("another job has the turn"), "{limited}");
}

#[test]
fn a_job_that_only_a_drained_node_could_run_names_it_and_who_drained_it() {
    let server = Server::start();
    let admin = server.program(Role::Admin);
    let job = admin.enqueue(&json!({"template": "demo.any"}));
    server.run("INSERT INTO millrace.nodes (name, version, slots, queues) VALUES ('vm', '1', 8, NULL), ('other', '1', 8, '{mail}')");
    let reasons = || admin.get(&format!("/api/v1/jobs/{job}/explain")).expect(200)["reasons"].clone();
    assert_eq!(reasons()[0]["code"], json!("in-line"));

    admin.post("/api/v1/nodes/vm/drain", &json!({"reason": "disk swap"})).expect(200);
    let told = reasons();
    assert_eq!((&told[0]["code"], &told[0]["node"]), (&json!("node-drained"), &json!("vm")));
    assert_eq!((&told[0]["reason"], &told[1]["code"]), (&json!("disk swap"), &json!("in-line")));
    assert!(told[0]["message"].as_str().unwrap().ends_with(" drained the node vm: disk swap"), "{told}");

    server.run("UPDATE millrace.nodes SET started_at = clock_timestamp() WHERE name = 'vm'");
    assert_eq!(reasons()[0]["message"], json!("The node vm is stopping"), "it was drained in an earlier life");
}

#[test]
fn counts_are_exact_by_any_of_their_sides() {
    let server = Server::start();
    let program = server.program(Role::Operator);
    let jobs = json!([{"template": "demo.any"}, {"template": "demo.any", "queue": "mail"}, {"template": "demo.any", "queue": "mail", "delay_ms": 60000},
        {"template": "demo.greet", "args": {"name": "x"}}]);
    program.post("/api/v1/jobs/bulk", &jobs).expect(201);
    let counts = |query: &str| program.get(&format!("/api/v1/counts{query}")).expect(200);

    let by_state = counts("");
    assert_eq!(by_state["counts"].as_array().unwrap().len(), 10);
    assert_eq!(by_state["counts"][1], json!({"state": "scheduled", "count": 1}));
    assert_eq!(by_state["counts"][2], json!({"state": "ready", "count": 3}));
    assert!(by_state["as_of"].as_str().unwrap().ends_with('Z'));
    assert_eq!(counts("?by=queue")["counts"], json!([{"queue": "default", "count": 2}, {"queue": "mail", "count": 2}]));
    assert_eq!(
        counts("?by=template,state")["counts"],
        json!([{"template": "demo.any", "state": "ready", "count": 2}, {"template": "demo.any", "state": "scheduled", "count": 1},
            {"template": "demo.greet", "state": "ready", "count": 1}])
    );
    assert!(program.get("/api/v1/counts?by=color").refusal(422).starts_with("by: "));
}

#[test]
fn what_is_not_there_is_not_found() {
    let server = Server::start();
    let program = server.program(Role::Operator);

    for path in [
        "/api/v1/jobs/999",
        "/api/v1/jobs/-1",
        "/api/v1/jobs/x",
        "/api/v1/jobs/99999999999999999999",
        "/api/v1/jobs/999/log",
        "/api/v1/jobs/999/attempts",
        "/api/v1/jobs/999/explain",
        "/api/v1/queues/none",
        "/api/v1/queues/N%00e",
        "/api/v1/nodes/none",
        "/api/v1/none",
    ] {
        let problem = program.get(path).expect(404);
        assert_eq!(problem["type"], "urn:millrace:problem:not-found", "{path}");
    }
    for path in ["/api/v1/jobs/999/cancel", "/api/v1/queues/none/pause", "/api/v1/nodes/none/drain"] {
        program.post(path, &json!({})).expect(404);
    }
    assert_eq!(program.post("/api/v1/counts", &json!({})).status, 405);
    assert_eq!(program.send("DELETE", "/api/v1/jobs", &[], &[]).status, 405);
}
