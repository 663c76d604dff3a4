//! What tests of schedules need: schedules by their documents, what became of their occurrences, work that can be watched.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz};
use millrace::admin::schedules::ScheduleError;
use millrace::admin::schedules::service::{self, Saved};
use millrace::base::clock::Time;
use millrace::base::db::{PgConnection, statement};
use millrace::base::document::documents;
use millrace::queue::actor::Actor;
use millrace::queue::work::{Ended, Handler, JobContext, Outcome, Registry};

/// Saves the schedule `name` of the template `work`.
pub fn save(conn: &mut PgConnection, name: &str, yaml: &str) -> Saved {
    try_save(conn, name, yaml).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Saves a schedule, or gives why not.
pub fn try_save(conn: &mut PgConnection, name: &str, yaml: &str) -> Result<Saved, ScheduleError> {
    let text = format!("kind: Schedule\nname: {name}\ntemplate: work\n{yaml}");
    let spec = documents(&text).unwrap()[0].read().unwrap_or_else(|error| panic!("{text}: {error}"));
    service::save(conn, &Actor::system("test"), &spec, None, "")
}

/// What became of an occurrence.
#[derive(Debug, Clone, PartialEq)]
pub struct Became {
    pub at: Time,
    pub outcome: String,
    pub cause: Option<String>,
    pub job: Option<i64>,
    pub decided_at: Time,
}

/// Reads what became of the occurrences of a schedule, the earliest first.
pub fn became(conn: &mut PgConnection, name: &str) -> Vec<Became> {
    const SQL: &str = "SELECT o.at, o.outcome, o.cause, o.job_id, o.decided_at FROM millrace.occurrences o JOIN millrace.schedules s ON s.id = o.schedule_id
        WHERE s.name = $1 ORDER BY o.at, o.backfill_id";
    type Types = (Timestamptz, Text, Nullable<Text>, Nullable<BigInt>, Timestamptz);
    type Row = (Time, String, Option<String>, Option<i64>, Time);
    let rows = statement(SQL).bind::<Text, _>(name).tuples::<Types, Row>(conn).unwrap();
    rows.into_iter()
        .map(|(at, outcome, cause, job, decided_at)| Became { at, outcome, cause, job, decided_at })
        .collect()
}

/// Puts the moment up to which a schedule is decided, as if nothing had run since.
pub fn set_decided(conn: &mut PgConnection, name: &str, ago: &str) {
    const SQL: &str = "UPDATE millrace.schedules SET decided_until = clock_timestamp() - $1::interval, due_at = clock_timestamp() WHERE name = $2";
    assert_eq!(statement(SQL).bind::<Text, _>(ago).bind::<Text, _>(name).run(conn).unwrap(), 1);
}

/// Work that takes the milliseconds of its argument `ms`, and notes for each schedule how many jobs ran at once and in which order they began.
#[derive(Clone, Default)]
pub struct Watched(Arc<Mutex<HashMap<String, Seen>>>);

#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub now: usize,
    pub most: usize,
    pub began: Vec<i64>,
    /// Which times of which schedules they were told to stand for.
    pub stand_for: Vec<(String, Time)>,
    pub cancelled: usize,
}

impl Watched {
    pub fn of(&self, name: &str) -> Seen {
        self.0.lock().unwrap().get(name).cloned().unwrap_or_default()
    }

    pub fn registry(&self) -> Registry {
        Registry::default().with_handler("work", self.clone())
    }
}

impl Handler for Watched {
    fn run(&self, job: &JobContext) -> Ended {
        let args = job.args();
        let (key, id) = (args["name"].as_str().unwrap_or("-").to_owned(), job.job().0);
        {
            let mut all = self.0.lock().unwrap();
            let seen = all.entry(key.clone()).or_default();
            seen.now += 1;
            seen.most = seen.most.max(seen.now);
            seen.began.push(id);
            seen.stand_for.extend(job.occurrence().map(|one| (one.schedule.clone(), one.at)));
        }
        let ended = job.sleep(Duration::from_millis(args["ms"].as_u64().unwrap_or(1)));
        let mut all = self.0.lock().unwrap();
        let seen = all.entry(key).or_default();
        seen.now -= 1;
        seen.cancelled += usize::from(ended.is_err());
        drop(all);
        ended?;
        if args["fails"] == true { Err(millrace::queue::work::Failure::new("told to")) } else { Ok(Outcome::Done) }
    }
}

/// The number that a query gives.
pub fn number(conn: &mut PgConnection, sql: &'static str) -> i64 {
    statement(sql).tuples::<BigInt, i64>(conn).unwrap().pop().unwrap()
}
