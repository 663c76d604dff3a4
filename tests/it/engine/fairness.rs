//! Slots are shared among queues by weight and by what was used, whatever the jobs are like.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use millrace::base::db::PgConnection;
use millrace::queue::work::{Ended, Handler, JobContext, Outcome, Registry};
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{TestEngine, enqueue_many, handler_template, number, wait_until};

/// Adds up, by template, how many jobs ran and how long.
#[derive(Clone)]
struct Metered {
    seen: Arc<Mutex<HashMap<String, (u32, Duration)>>>,
    length: Duration,
}

impl Handler for Metered {
    fn run(&self, job: &JobContext) -> Ended {
        let begun = Instant::now();
        std::thread::sleep(self.length);
        let mut seen = self.seen.lock().unwrap();
        let sum = seen.entry(job.facts().template.to_string()).or_default();
        *sum = (sum.0 + 1, sum.1 + begun.elapsed());
        Ok(Outcome::Done)
    }
}

/// Runs 4,000 jobs in each of two queues of weights 3 and 1, which last so many milliseconds, until `enough` have run; gives the
/// jobs and the slot time of each.
fn shared_by_three_to_one(lengths_ms: [u64; 2], enough: u32) -> [(u32, Duration); 2] {
    let db = TestDb::new();
    let mut conn: PgConnection = db.connect();
    let names = ["heavy", "light"];
    for (name, weight) in names.iter().zip([3, 1]) {
        let queue = format!("INSERT INTO millrace.queues (name, weight) VALUES ('{name}', {weight})");
        conn.batch_execute(&queue).unwrap();
        handler_template(&mut conn, name, json!({ "queue": name }));
        enqueue_many(&mut conn, name, 4_000);
    }
    let seen = Arc::<Mutex<HashMap<String, (u32, Duration)>>>::default();
    let metered = |ms| Metered { seen: Arc::clone(&seen), length: Duration::from_millis(ms) };
    let registry =
        Registry::default().with_handler("heavy", metered(lengths_ms[0])).with_handler("light", metered(lengths_ms[1]));
    let engine = TestEngine::start(&db, registry);
    let sum = || seen.lock().unwrap().values().map(|(jobs, _)| jobs).sum::<u32>();

    wait_until(|| sum() >= enough).unwrap_or_else(|()| panic!("{} of {enough} jobs ran", sum()));

    let measured = names.map(|name| seen.lock().unwrap().get(name).copied().unwrap_or_default());
    engine.drain();
    measured
}

#[test]
fn two_queues_of_weights_three_and_one_are_served_three_to_one() {
    let [heavy, light] = shared_by_three_to_one([3, 3], 2_400);

    let ratio = f64::from(heavy.0) / f64::from(light.0);
    assert!((2.7..=3.3).contains(&ratio), "{} : {} = {ratio}", heavy.0, light.0);
}

#[test]
fn a_queue_of_long_jobs_gets_its_share_of_the_slots_and_no_more() {
    let [heavy, light] = shared_by_three_to_one([4, 40], 3_000);

    let ratio = heavy.1.as_secs_f64() / light.1.as_secs_f64();
    assert!((2.5..=3.5).contains(&ratio), "{heavy:?} : {light:?} = {ratio}");
}

/// With one step of aging of 200 ms, a job of priority 5 waits 800 ms at most behind higher priorities. The flood goes on for
/// as long as the test: its backlog never ends.
#[test]
fn under_a_flood_of_the_highest_priority_the_lowest_starts_within_its_bound() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "flood", json!({ "priority": 1 }));
    handler_template(&mut conn, "patient", json!({ "priority": 5 }));
    enqueue_many(&mut conn, "flood", 8_000);
    let seen = Arc::<Mutex<HashMap<String, (u32, Duration)>>>::default();
    let metered = || Metered { seen: Arc::clone(&seen), length: Duration::from_millis(5) };
    let registry = Registry::default().with_handler("flood", metered()).with_handler("patient", metered());
    let patient = enqueue_many(&mut conn, "patient", 40);
    let step = Duration::from_millis(200);
    let engine = TestEngine::start_changed(&db, registry, |settings| settings.aging = step);

    let ran = |name: &str| seen.lock().unwrap().get(name).map_or(0, |(jobs, _)| *jobs);
    wait_until(|| ran("patient") == patient.len() as u32).unwrap_or_else(|()| panic!("{} ran", ran("patient")));

    assert!(ran("flood") < 7_000, "the flood was over before: {}", ran("flood"));
    assert!(ran("flood") > 60, "the flood goes on beside them: {}", ran("flood"));
    let early =
        "SELECT count(*) AS number FROM millrace.history WHERE priority = 5 AND started_at < since + interval '790 ms'";
    assert_eq!(number(&mut conn, early), 0, "nobody is overdue before");
    engine.drain();
}
