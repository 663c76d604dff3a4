//! Counts are exact: what the page, the API and the command line tell is what stands in the tables.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel::sql_types::{BigInt, Text};
use millrace::admin::operations::work::work;
use millrace::admin::operations::{Bulk, Plan, Which, service};
use millrace::base::clock::SystemClock;
use millrace::base::db::{PgConnection, statement};
use millrace::queue::access::token;
use millrace::queue::actor::Actor;
use millrace::queue::counts::fold;
use millrace::queue::job::JobId;
use millrace::queue::permission::Role;
use millrace::queue::work::{Ended, Failure, Handler, JobContext, Outcome, Registry};
use millrace::web::format;
use serde_json::json;

use crate::api::stage::Program;
use crate::cli;
use crate::support::ThrowAway;
use crate::support::stage::{TestEngine, enqueue_many, handler_template, number, wait_until};
use crate::templates::stage::Console;

struct Done;
impl Handler for Done {
    fn run(&self, _: &JobContext) -> Ended {
        Ok(Outcome::Done)
    }
}

struct Fails;
impl Handler for Fails {
    fn run(&self, _: &JobContext) -> Ended {
        Err(Failure::new("no such file"))
    }
}

struct Sleeps;
impl Handler for Sleeps {
    fn run(&self, job: &JobContext) -> Ended {
        job.sleep(Duration::from_secs(300))?;
        Ok(Outcome::Done)
    }
}

/// Jobs by state, queue and template.
type Counts = BTreeMap<(String, String, String), i64>;

const NAMES: [&str; 3] = ["state", "queue", "template"];

/// Counts the rows of the tables where jobs stand; nothing that the product has counted.
fn truth(conn: &mut PgConnection) -> Counts {
    const SQL: &str = "SELECT s.state, q.name, t.name, count(*) FROM (
        SELECT queue_id, template_id, 'ready' AS state FROM millrace.ready
        UNION ALL SELECT queue_id, template_id, 'ready' FROM millrace.gated
        UNION ALL SELECT queue_id, template_id, CASE WHEN retrying THEN 'retrying' ELSE 'scheduled' END FROM millrace.scheduled
        UNION ALL SELECT queue_id, template_id, state::text FROM millrace.parked
        UNION ALL SELECT queue_id, template_id, state::text FROM millrace.history
        UNION ALL SELECT j.queue_id, j.template_id, 'running' FROM millrace.leases l CROSS JOIN unnest(l.job_ids) AS u(id)
            JOIN millrace.jobs j ON j.id = u.id
    ) AS s JOIN millrace.queues q ON q.id = s.queue_id JOIN millrace.templates t ON t.id = s.template_id GROUP BY 1, 2, 3";
    type Row = (String, String, String, i64);
    let rows: Vec<Row> = statement(SQL).tuples::<(Text, Text, Text, BigInt), Row>(conn).unwrap();
    rows.into_iter().map(|(state, queue, template, jobs)| ((state, queue, template), jobs)).collect()
}

/// Adds up by one of [`NAMES`].
fn summed(counts: &Counts, by: usize) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for ((state, queue, template), jobs) in counts {
        *sums.entry([state, queue, template][by].clone()).or_default() += jobs;
    }
    sums
}

fn act(conn: &mut PgConnection, act: Bulk, jobs: &[JobId]) {
    let which = Which::Ids(jobs.to_vec());
    let plan = Plan { act, which, zone: chrono_tz::UTC, rate_per_s: None, reason: "stock count".into() };
    service::start(conn, &SystemClock, &Actor::command_line("root"), &plan, None).unwrap();
    while work(conn, &SystemClock).unwrap() > 0 {}
}

/// Makes 3,500 jobs in every state that lasts, by the ways on which they come there, and gives the engine that runs some of them.
fn fixture(console: &Console, conn: &mut PgConnection) -> TestEngine {
    handler_template(conn, "done", json!({}));
    handler_template(conn, "fails", json!({ "queue": "mail", "max_attempts": 1 }));
    handler_template(
        conn,
        "retries",
        json!({ "backoff": { "kind": "constant", "base_ms": 3_600_000, "jitter": 0.0 } }),
    );
    handler_template(conn, "sleeps", json!({ "queue": "mail" }));
    handler_template(conn, "waits", json!({ "queue": "night" })); // nobody serves it
    let waiting = enqueue_many(conn, "waits", 900);
    act(conn, Bulk::Hold, &waiting[..130]);
    act(conn, Bulk::Cancel, &waiting[200..377]);
    let later = "SELECT count(*) AS number FROM millrace.enqueue_many((SELECT jsonb_agg(jsonb_build_object(
        'template', CASE WHEN n % 3 = 0 THEN 'waits' ELSE 'done' END, 'delay_ms', 3600000)) FROM generate_series(1, 211) AS n))";
    assert_eq!(number(conn, later), 211);
    for (template, jobs) in [("done", 1_700), ("fails", 430), ("retries", 256)] {
        enqueue_many(conn, template, jobs);
    }
    let registry = Registry::default().with_handler("done", Done).with_handler("fails", Fails);
    let registry = registry.with_handler("retries", Fails).with_handler("sleeps", Sleeps);
    let engine = TestEngine::start_changed(&console.db, registry, |settings| {
        settings.queues = Some(["default", "mail"].map(|name| (name.to_owned(), 1)).into());
    });
    let ended = "SELECT (SELECT count(*) FROM millrace.history WHERE state <> 'cancelled')
        + (SELECT count(*) FROM millrace.scheduled WHERE retrying) AS number";
    wait_until(|| number(conn, ended) == 1_700 + 430 + 256).expect("what ends has ended");
    enqueue_many(conn, "sleeps", 3);
    let running = "SELECT coalesce(sum(cardinality(job_ids)), 0)::bigint AS number FROM millrace.leases";
    wait_until(|| number(conn, running) == 3).expect("what sleeps has begun");
    while fold(conn).unwrap() > 0 {}
    engine
}

fn program(console: &Console, conn: &mut PgConnection) -> Program {
    const TOKEN: &str = "INSERT INTO millrace.tokens (person_id, name, token_hash, hint, scopes)
        VALUES ($1, 'ci', sha256($2::text::bytea), 'mr_', '{all}')";
    let (person, text) = (console.person(Role::Analyst, &[]), token::generate());
    statement(TOKEN).bind::<BigInt, _>(person).bind::<Text, _>(&text).run(conn).unwrap();
    Program::new(&console.address, Some(text))
}

#[test]
fn every_count_of_page_api_and_command_line_is_what_stands_in_the_tables() {
    let console = Console::start();
    let mut conn = console.db.connect();
    let _engine = fixture(&console, &mut conn);
    let truth = truth(&mut conn);
    let all: i64 = truth.values().sum();
    assert_eq!(all, 3_500, "{truth:?}");
    assert_eq!(summed(&truth, 0).len(), 8, "{truth:?}");

    let program = program(&console, &mut conn);
    let told = program.get("/api/v1/counts?by=state,queue,template").expect(200)["counts"].clone();
    let told: Counts = told
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let [state, queue, template] = NAMES.map(|name| one[name].as_str().unwrap().to_owned());
            ((state, queue, template), one["count"].as_i64().unwrap())
        })
        .collect();
    assert_eq!(told, truth, "the API, by everything");
    for (by, name) in NAMES.iter().enumerate() {
        let told = program.get(&format!("/api/v1/counts?by={name}")).expect(200)["counts"].clone();
        let told =
            told.as_array().unwrap().iter().map(|one| (one[*name].as_str().unwrap(), one["count"].as_i64().unwrap()));
        let told: BTreeMap<String, i64> =
            told.filter(|(_, jobs)| *jobs > 0).map(|(of, jobs)| (of.to_owned(), jobs)).collect();
        assert_eq!(told, summed(&truth, by), "the API, by {name}");
    }

    let mut browser = console.browser(Role::Operator);
    let page = browser.get("/jobs").body;
    assert!(page.contains(&format!("{} kept", format::count(all))), "the list of all");
    for (by, name) in NAMES.iter().enumerate() {
        for (of, jobs) in summed(&truth, by) {
            let page = browser.get(&format!("/jobs?{name}={of}")).body;
            assert!(page.contains(&format!("{} match", format::count(jobs))), "{name}={of}: {jobs}");
        }
    }
    for ((state, queue, template), jobs) in &truth {
        let page = browser.get(&format!("/jobs?state={state}&queue={queue}&template={template}")).body;
        assert!(page.contains(&format!("{} match", format::count(*jobs))), "{state} {queue} {template}: {jobs}");
    }

    let folder = ThrowAway::new();
    millrace::base::key::DataKey::open_or_create(&folder.path().join("data")).unwrap();
    let run = |args: &[&str]| {
        let said = cli::millrace(folder.path(), &[("DATABASE_URL", console.db.url())], args, "");
        assert_eq!(said.code, 0, "{args:?}: {}", said.err);
        said.json()
    };
    for queue in run(&["queue", "list", "--json"])["queues"].as_array().unwrap() {
        for state in ["ready", "running", "scheduled", "retrying", "held"] {
            let name = queue["name"].as_str().unwrap();
            let of = truth.iter().filter(|((one, of, _), _)| one == state && of == name);
            assert_eq!(queue["counts"][state], json!(of.map(|(_, jobs)| jobs).sum::<i64>()), "{name} {state}");
        }
    }
    for (queue, jobs) in summed(&truth, 1) {
        let told = run(&["operation", "start", "export", &format!("queue:{queue}"), "--preview", "--json"]);
        assert_eq!((&told["jobs"], &told["is_exact"]), (&json!(jobs), &json!(true)), "{queue}");
        for (state, jobs) in truth.iter().filter(|((_, of, _), _)| *of == queue).fold(
            BTreeMap::new(),
            |mut sums, ((state, ..), jobs)| {
                *sums.entry(state).or_insert(0) += jobs;
                sums
            },
        ) {
            assert_eq!(told["states"][state.as_str()], json!(jobs), "{queue} {state}");
        }
    }
}
