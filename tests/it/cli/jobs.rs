//! `millrace job`, `queue`, `node`: the same services as the API, audited under the Unix user.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use millrace::queue::job::JobId;
use millrace::queue::work::{Ended, Failure, Handler, JobContext, Level, Outcome, Registry};
use serde_json::json;

use super::{Stage, program};
use crate::support::stage::{TestEngine, handler_template, number, state, wait_for};

/// Fails when its arguments say so; says a few words.
struct Work;

impl Handler for Work {
    fn run(&self, job: &JobContext) -> Ended {
        job.log(Level::Info, "first\nsecond \u{1b}[31mred");
        job.sleep(Duration::from_millis(job.args()["ms"].as_u64().unwrap_or(0)))?;
        job.log(Level::Warn, "last");
        match job.args()["fail"] == true {
            true => Ok(Outcome::GiveUp(Failure::new("told to fail"))),
            false => Ok(Outcome::Done),
        }
    }
}

fn stage() -> Stage {
    let stage = Stage::new();
    handler_template(&mut stage.db.connect(), "demo.work", json!({}));
    stage
}

fn engine(stage: &Stage) -> TestEngine {
    TestEngine::start(&stage.db, Registry::default().with_handler("demo.work", Work))
}

#[test]
fn a_job_is_enqueued_listed_shown_and_repaired() {
    let stage = stage();
    let file = stage.folder.path().join("args.json");
    fs::write(&file, "{\"from\": \"file\"}").unwrap();

    let made = stage.run(&[
        "job",
        "enqueue",
        "demo.work@1",
        "--args",
        "{\"n\": 1}",
        "--queue=mail",
        "--priority=1",
        "--tag=a",
        "--tag=b",
    ]);
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    let id = made.out.trim().to_owned();
    let by_file = stage.run(&["--json", "job", "enqueue", "demo.work", "--args", "@args.json", "--in", "2h"]).json();
    assert_eq!((&by_file["args"], &by_file["state"]), (&json!({"from": "file"}), &json!("scheduled")));
    let by_stdin = stage
        .run_with(
            &["job", "enqueue", "demo.work", "--args=-", "--at=2030-01-01T00:00:00Z", "--json"],
            "{\"from\": \"stdin\"}",
        )
        .json();
    assert_eq!((&by_stdin["args"], &by_stdin["run_at"]), (&json!({"from": "stdin"}), &json!("2030-01-01T00:00:00Z")));

    let listed = stage.run(&["job", "list", "queue:mail", "tag:a"]);
    assert!(
        listed.out.starts_with("ID") && listed.out.lines().count() == 2 && listed.out.contains(&format!("\n{id} ")),
        "{}",
        listed.out
    );
    let page = stage.run(&["job", "list", "--limit=2", "--json"]).json();
    assert_eq!((page["jobs"].as_array().unwrap().len(), page["next"].is_i64()), (2, true));

    let shown = stage.run(&["job", "show", &id]);
    assert!(
        shown.out.contains("demo.work@1") && shown.out.contains("- No node that is up serves its queue"),
        "{}",
        shown.out
    );
    let shown = stage.run(&["job", "show", &id, "--json"]).json();
    assert_eq!(
        (&shown["tags"], &shown["attempts"], &shown["reasons"][0]["code"]),
        (&json!(["a", "b"]), &json!([]), &json!("no-node"))
    );
    assert!(shown["enqueued_by"].as_str().unwrap().starts_with("cli:"));
    let why = stage.run(&["job", "explain", &id]);
    assert!(why.out.ends_with("\nWhen it starts cannot be told.\n"), "{}", why.out);
    let later = by_stdin["id"].to_string();
    let why = stage.run(&["job", "explain", &later]).out;
    assert!(why.contains("It becomes ready at 2030-01-01T00:00:00+00:00 and starts unless"), "{why}");
    let why = stage.run(&["job", "explain", &later, "--json"]).json();
    assert_eq!(
        (&why["expected"]["basis"], &why["expected"]["start_at"]),
        (&json!("own-time"), &json!("2030-01-01T00:00:00Z"))
    );

    assert_eq!(stage.run(&["job", "hold", &id, "--reason=wait"]).out, format!("Job {id} is held now.\n"));
    assert_eq!(stage.run(&["job", "hold", &id]).code, 1);
    assert_eq!(stage.run(&["job", "release", &id, "--json"]).json()["state"], "ready");
    assert_eq!(stage.run(&["job", "cancel", &id]).out, format!("Job {id} is cancelled now.\n"));
    assert_eq!(stage.run(&["job", "retry", &id]).out, format!("Job {id} is ready now.\n"));
    let audited =
        "SELECT count(*) AS number FROM millrace.audit WHERE accepted AND actor LIKE 'cli:%' AND via = 'command line'";
    assert_eq!(number(&mut stage.db.connect(), audited), 7);
}

#[test]
fn refusals_name_their_place_and_usage_its_words() {
    let stage = stage();

    for (args, code, reason) in [
        (&["job", "enqueue", "demo.none"][..], 1, "/template: there is no template called \"demo.none\""),
        (&["job", "enqueue", "demo.work", "--args", "[1]"], 1, "the arguments must be a JSON object"),
        (&["job", "enqueue", "demo.work", "--args", "{"], 1, "the arguments are not JSON"),
        (&["job", "enqueue", "demo.work", "--args", "@none.json"], 1, "cannot open none.json"),
        (
            &["job", "enqueue", "demo.work", "--priority=9", "--max-attempts=200"],
            1,
            "/max_attempts: max_attempts goes from 1 to 100",
        ),
        (&["job", "enqueue", "demo.work@x"], 2, "\"x\" is no version"),
        (&["job", "enqueue", "demo.work", "--at=soon"], 2, "\"soon\" is no time"),
        (&["job", "enqueue", "demo.work", "--at=2030-01-01T00:00:00Z", "--in=2h"], 2, "cannot be used with"),
        (&["job", "enqueue"], 2, "<TEMPLATE>"),
        (&["job", "list", "quue:mail"], 1, "quue:mail (column 1): there is no field quue; did you mean queue?"),
        (&["job", "list", "--limit=500"], 2, "500"),
        (&["job", "show", "99"], 1, "there is no job 99"),
        (&["job", "show", "x"], 2, "invalid"),
        (&["job", "logs", "99"], 1, "there is no job 99"),
        (&["job", "cancel", "99"], 1, "there is no job 99"),
        (&["queue", "pause", "none"], 1, "there is no queue \"none\""),
        (&["queue", "resume", "default"], 1, "the queue default is not paused"),
        (&["queue", "limit", "default"], 2, "--weight"),
        (&["queue", "limit", "default", "--weight=0"], 2, "0"),
        (&["queue", "limit", "default", "--concurrency=some"], 2, "or none"),
        (&["node", "drain", "none"], 1, "there is no node \"none\""),
    ] {
        let said = stage.run(args);
        assert_eq!(said.code, code, "{args:?} {}", said.err);
        assert!(said.err.contains(reason) && said.out.is_empty(), "{args:?} {}", said.err);
    }
    assert_eq!(number(&mut stage.db.connect(), "SELECT count(*) AS number FROM millrace.jobs"), 0);
}

#[test]
fn waiting_tells_the_end_by_the_exit_code() {
    let stage = stage();
    let _engine = engine(&stage);

    let good = stage.run(&["job", "enqueue", "demo.work", "--count=3", "--wait"]);
    assert_eq!((good.code, good.out.lines().count()), (0, 3), "{}", good.err);
    assert!(good.out.lines().all(|line| line.ends_with(" succeeded")), "{}", good.out);
    let bad = stage.run(&["job", "enqueue", "demo.work", "--args={\"fail\":true}", "--wait=20s"]);
    assert_eq!((bad.code, bad.err.as_str()), (1, "millrace: the job did not succeed\n"));
    assert!(bad.out.trim().ends_with("failed: told to fail"), "{}", bad.out);
    let bad = stage.run(&["job", "enqueue", "demo.work", "--args={\"fail\":true}", "--wait", "--json"]);
    assert_eq!((bad.code, &bad.json()["state"]), (1, &json!("failed")));
    let late = stage.run(&["job", "enqueue", "demo.work", "--in=1h", "--wait=1s"]);
    assert_eq!((late.code, late.out.as_str()), (1, ""));
    assert!(late.err.contains("1 jobs have not ended in time"), "{}", late.err);
}

#[test]
fn many_are_enqueued_in_few_transactions() {
    let stage = stage();

    let many = stage.run(&["job", "enqueue", "demo.work", "--count=12000", "--json"]).json();
    assert_eq!((many["ids"].as_array().unwrap().len(), &many["created"]), (12_000, &json!(12_000)));
    let same = stage.run(&["job", "enqueue", "demo.work", "--count=5", "--unique-key=k"]);
    assert_eq!(same.code, 0);
    assert!(same.err.contains("4 of them existed already"), "{}", same.err);
    assert_eq!(number(&mut stage.db.connect(), "SELECT count(*) AS number FROM millrace.jobs"), 12_001);
}

#[test]
fn logs_are_printed_and_followed_to_the_end() {
    let stage = stage();
    let _engine = engine(&stage);
    let id = stage.run(&["job", "enqueue", "demo.work", "--args={\"ms\":1500}"]).out.trim().to_owned();

    let followed = stage.run(&["job", "logs", &id, "--follow"]);
    assert_eq!(followed.code, 0, "{}", followed.err);
    let lines: Vec<&str> = followed.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", followed.out);
    assert!(lines[0].ends_with("Z info  first") && lines[2].ends_with("Z warn  last"), "{}", followed.out);
    assert!(!followed.out.contains('\u{1b}'), "a terminal would obey it");
    wait_for(&mut stage.db.connect(), JobId(id.parse().unwrap()), "succeeded");
    let json = stage.run(&["job", "logs", &id, "--json", "--attempt=1"]);
    assert_eq!(json.out.lines().count(), 3);
    assert!(json.out.lines().next().unwrap().contains("\"text\":\"first\""));

    assert_eq!(json.err, "");
    let cut = "UPDATE millrace.log_chunks SET dropped_bytes = 3100000 WHERE chunk = 0";
    diesel::connection::SimpleConnection::batch_execute(&mut stage.db.connect(), cut).unwrap();
    let told = "3.1 MB of attempt 1 were left out: a log keeps 2 MiB of an attempt";
    assert!(stage.run(&["job", "logs", &id]).err.contains(told));
    assert!(stage.run(&["job", "logs", &id, "--follow"]).err.contains(told));
    assert_eq!(stage.run(&["job", "logs", &id, "--attempt=2"]).err, "");

    // a reader that goes away is no failure
    let mut child = Command::new(program())
        .args(["job", "logs", &id])
        .current_dir(stage.folder.path())
        .env_clear()
        .env("DATABASE_URL", stage.db.url())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn queues_and_nodes_are_listed_and_governed() {
    let stage = stage();
    let _engine = engine(&stage);

    let paused = stage.run(&["queue", "pause", "default", "--reason", "maintenance"]);
    assert_eq!((paused.code, paused.out.as_str()), (0, "The queue default was paused.\n"));
    assert_eq!(stage.run(&["queue", "pause", "default"]).code, 1);
    std::thread::sleep(Duration::from_millis(1_100)); // nodes obey within a second
    let job = stage.run(&["job", "enqueue", "demo.work"]).out.trim().parse().map(JobId).unwrap();
    let listed = stage.run(&["queue", "list"]);
    assert!(listed.out.contains(": maintenance"), "{}", listed.out);
    let facts = stage.run(&["queue", "list", "--json"]).json();
    assert_eq!(
        (&facts["queues"][0]["counts"]["ready"], &facts["queues"][0]["paused"]["reason"]),
        (&json!(1), &json!("maintenance"))
    );
    assert_eq!(stage.run(&["queue", "limit", "default", "--weight", "5", "--json"]).json()["weight"], 5);
    let limited = ["queue", "limit", "default", "--concurrency", "9", "--concurrency-per-node", "3", "--json"];
    assert_eq!(stage.run(&limited).json()["concurrency"], 9);
    let target = ["queue", "limit", "default", "--wait-target-ms", "60000", "--json"];
    assert_eq!(stage.run(&target).json()["wait_target_ms"], 60_000);
    assert_eq!(stage.run(&["queue", "limit", "default", "--wait-target-ms", "0"]).code, 2);
    let free = stage.run(&["queue", "limit", "default", "--concurrency", "none", "--json"]).json();
    assert_eq!(
        (&free["weight"], free["concurrency"].is_null(), &free["concurrency_per_node"]),
        (&5.into(), true, &3.into())
    );
    assert_eq!(state(&mut stage.db.connect(), job), "ready");
    assert_eq!(stage.run(&["queue", "resume", "default"]).code, 0);
    wait_for(&mut stage.db.connect(), job, "succeeded");

    let nodes = stage.run(&["node", "list"]);
    assert!(nodes.out.lines().nth(1).unwrap().starts_with("test  running"), "{}", nodes.out);
    let bound = |bounds: &str| stage.run(&["node", "slots", "test", bounds, "--reason", "a shared machine"]);
    assert_eq!(bound("3..5").out, "The node test has 3 to 5 slots from its next heartbeat on.\n");
    assert!(stage.run(&["node", "list"]).out.contains(" 3..5* "));
    assert_eq!(
        bound("setting").out,
        "The node test has 2 to 8 slots from its next heartbeat on, as its own setting says.\n"
    );
    for (bounds, code, told) in [
        ("setting", 1, "are as its own setting says"),
        ("1..65", 1, "the node test has room for at most 64 slots"),
        ("5..3", 2, "5 is more than 3"),
        ("none", 2, "or `setting` for the node's own"),
    ] {
        let refused = bound(bounds);
        assert!(refused.code == code && refused.err.contains(told), "{bounds}: {} {}", refused.code, refused.err);
    }
    assert_eq!(stage.run(&["node", "drain", "test", "--json"]).json()["state"], "draining");
    assert_eq!(stage.run(&["node", "drain", "test"]).code, 1);
}
