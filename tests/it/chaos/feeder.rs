//! Hands jobs in, through the API and through SQL, whatever happens to whom it asks, and remembers what it was answered.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use diesel::sql_types::{BigInt, Jsonb, Nullable, Text};
use diesel::{Connection, PgConnection};
use millrace::base::db::statement;
use serde_json::{Value, json};
use ureq::Agent;

use super::history::{Answer, Asked, Wish};
use super::plan::{Dice, NODES, Plan};

/// How long a question may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Time until somebody else is asked.
const PAUSE: Duration = Duration::from_millis(50);
/// A request that nobody answers for so long fails the test.
const PATIENCE: Duration = Duration::from_secs(240);

/// Ordering keys of each door.
const TURNS: usize = 5;

/// What a job is to be.
struct Order {
    number: i64,
    kind: &'static str,
    template: &'static str,
    args: Value,
    wish: Wish,
    turn: Option<String>,
}

fn order(number: i64, dice: &mut Dice, plan: &Plan) -> Order {
    let slowness = plan.slowness;
    let mut chance = dice.below(100);
    let part = |chance: &mut usize, part: usize| chance.checked_sub(part).map(|left| *chance = left).is_none();
    let kind = plan.kinds.iter().find(|(_, share)| part(&mut chance, *share)).map_or("noop", |(kind, _)| *kind);
    let (template, more, wish) = match kind {
        "sleep" | "narrow" => (kind, json!({ "ms": slowness * dice.between(5, 900) }), Wish::Succeeds),
        "long" => ("sleep", json!({ "ms": dice.between(4_000, 9_000) }), Wish::Succeeds),
        "turn" => ("sleep", json!({ "ms": slowness * dice.between(5, 200) }), Wish::Succeeds),
        "turn.insert" => ("insert", json!({}), Wish::Succeeds),
        "cancelled" => ("sleep", json!({ "ms": 20_000 }), Wish::MayBeCancelled),
        "effect" => (kind, json!({ "table": "app.effects" }), Wish::Succeeds),
        "flaky" => (kind, json!({ "times": dice.between(1, 2), "message": "not yet" }), Wish::Succeeds),
        "broken" => (kind, json!({ "message": "never" }), Wish::Fails),
        "slow" => (kind, json!({ "ms": 60_000 }), Wish::Fails),
        "steps" => (kind, json!({ "steps": 4, "ms": slowness * dice.between(10, 300) }), Wish::Succeeds),
        _ => (kind, json!({}), Wish::Succeeds),
    };
    let turn = kind.starts_with("turn").then(|| format!("key {}", dice.below(TURNS)));
    let mut args = json!({ "n": number });
    args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Order { number, kind, template, args, wish, turn }
}

/// Where programs find the nodes.
#[derive(Default)]
pub struct Addresses(Mutex<Vec<Option<String>>>);

impl Addresses {
    pub fn set(&self, origins: Vec<Option<String>>) {
        *self.0.lock().unwrap() = origins;
    }

    fn of(&self, node: usize) -> Option<String> {
        self.0.lock().unwrap().get(node).cloned().flatten()
    }
}

/// A program with a token that asks one node after the other until it is answered.
pub struct Program<'a> {
    agent: Agent,
    token: &'a str,
    addresses: &'a Addresses,
    next: usize,
}

impl<'a> Program<'a> {
    pub fn new(token: &'a str, addresses: &'a Addresses) -> Program<'a> {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER_MAX));
        Program { agent: config.build().into(), token, addresses, next: 0 }
    }

    /// Posts under one key until a node answers for good.
    pub fn post(&mut self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.try_post(path, key, body) {
                // 408 (a node that stood still meanwhile), 429 and 5xx say: again
                Some((status, answer)) if status < 500 && ![408, 429].contains(&status) => return (status, answer),
                last => assert!(Instant::now() < end, "nobody answers {path}: {last:?}"),
            }
            self.next = (self.next + 1) % NODES;
            std::thread::sleep(PAUSE);
        }
    }

    fn try_post(&self, path: &str, key: &str, body: &Value) -> Option<(u16, Value)> {
        let origin = self.addresses.of(self.next)?;
        let bearer = format!("Bearer {}", self.token);
        let request = self.agent.post(format!("{origin}{path}")).header("Authorization", bearer);
        let mut answer = request.header("Idempotency-Key", key).send(body.to_string()).ok()?;
        let text = answer.body_mut().read_to_string().ok()?;
        Some((answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null)))
    }
}

/// A cancel that is due.
struct Cancel {
    at: Instant,
    job: i64,
    /// Its place among what was asked.
    place: usize,
}

/// Hands in the jobs with these numbers over the API, spread over the plan's length, and cancels some.
pub fn over_api(numbers: &[i64], seed: u64, plan: &Plan, mut program: Program<'_>) -> Vec<Asked> {
    let (mut dice, begun) = (Dice::of(seed, 2), Instant::now());
    let (mut asked, mut cancels): (Vec<Asked>, Vec<Cancel>) = (Vec::new(), Vec::new());
    for (place, number) in numbers.iter().enumerate() {
        let order = order(*number, &mut dice, plan);
        let later = Duration::from_millis(dice.between(0, 2_000));
        wait(begun, plan, place, numbers.len());
        let turn = order.turn.map(|turn| format!("api {turn}"));
        let mut body = json!({ "template": order.template, "args": order.args });
        body.as_object_mut().unwrap().extend(turn.iter().map(|turn| ("ordering_key".into(), json!(turn))));
        let (status, answer) = program.post("/api/v1/jobs", &format!("job-{number}"), &body);
        let job = answer["id"].as_i64().unwrap_or_else(|| panic!("{status}: {answer}"));
        if order.kind == "cancelled" {
            cancels.push(Cancel { at: Instant::now() + later, job, place });
        }
        asked.push(Asked { number: *number, kind: order.kind, answer: Answer::Job(job), wish: order.wish, turn });
        let (due, rest) = cancels.into_iter().partition(|cancel| cancel.at <= Instant::now());
        cancels = rest;
        cancel_all(&mut program, due, &mut asked);
    }
    cancel_all(&mut program, cancels, &mut asked);
    asked
}

fn cancel_all(program: &mut Program<'_>, cancels: Vec<Cancel>, asked: &mut [Asked]) {
    for Cancel { job, place, .. } in cancels {
        let path = format!("/api/v1/jobs/{job}/cancel");
        let (status, answer) = program.post(&path, &format!("cancel-{job}"), &json!({ "reason": "chaos" }));
        match status {
            200 | 202 => asked[place].wish = Wish::IsCancelled,
            409 => {} // it has ended
            _ => panic!("{path}: {status} {answer}"),
        }
    }
}

/// Hands in the jobs with these numbers over SQL. What was sent and not answered is not sent again.
pub fn over_sql(numbers: &[i64], seed: u64, plan: &Plan, url: &str) -> Vec<Asked> {
    const SQL: &str = "SELECT millrace.enqueue($1, $2, ordering_key => $3)";
    let (mut dice, begun) = (Dice::of(seed, 3), Instant::now());
    let (mut asked, mut conn) = (Vec::new(), None);
    for (place, number) in numbers.iter().enumerate() {
        let mut order = order(*number, &mut dice, plan);
        if order.kind == "cancelled" {
            (order.kind, order.template, order.args, order.wish) =
                ("noop", "noop", json!({ "n": number }), Wish::Succeeds);
        }
        wait(begun, plan, place, numbers.len());
        let mut fresh = conn.take().unwrap_or_else(|| connect(url));
        let turn = order.turn.map(|turn| format!("sql {turn}"));
        let sent = statement(SQL).bind::<Text, _>(order.template).bind::<Jsonb, _>(&order.args);
        let sent = sent.bind::<Nullable<Text>, _>(&turn);
        let answer = match sent.tuples::<BigInt, i64>(&mut fresh) {
            Ok(ids) => Answer::Job(ids[0]),
            Err(_) => Answer::Unknown,
        };
        conn = Some(fresh).filter(|_| answer != Answer::Unknown);
        asked.push(Asked { number: order.number, kind: order.kind, answer, wish: order.wish, turn });
    }
    asked
}

fn connect(url: &str) -> PgConnection {
    let end = Instant::now() + PATIENCE;
    loop {
        match PgConnection::establish(url) {
            Ok(conn) => return conn,
            Err(error) => assert!(Instant::now() < end, "no database for {PATIENCE:?}: {error}"),
        }
        std::thread::sleep(PAUSE);
    }
}

fn wait(begun: Instant, plan: &Plan, place: usize, all: usize) {
    let due = begun + plan.length.mul_f64(place as f64 / all.max(1) as f64);
    std::thread::sleep(due.saturating_duration_since(Instant::now()));
}
