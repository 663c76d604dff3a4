//! Clocks are put forward and back while schedules run: two nodes and their database live through it, with their wall clocks moved there (G13).
//! What has to happen is written down by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Double, Nullable, Text, Timestamptz};
use millrace::admin::schedules::service;
use millrace::base::clock::{Clock, SystemClock};
use millrace::base::db::{PgConnection, statement};
use millrace::base::document::documents;
use millrace::queue::actor::Actor;

use super::LOOK;
use super::node::{self, Node};
use super::plan::Plan;
use super::stage::Stage;
use crate::support::ThrowAway;

/// The story begins so many seconds before the clock change, and nothing is expected before [`FROM`].
const BEGIN: i64 = 50;
/// From here on, in seconds around the change, …
const FROM: i64 = -20;
/// … until here everything is compared.
const UNTIL: i64 = 30;
/// How long jobs may take to end afterwards.
const PATIENCE: Duration = Duration::from_secs(60);

/// When a schedule runs, in seconds around the change.
enum Runs {
    At(&'static [i64]),
    /// At each instant whose number of seconds since 1970 is a multiple.
    Each(i64),
}

/// A schedule: its name, what it says of time, when it runs.
type Case = (&'static str, &'static str, Runs);

/// Rome's 02:00 becomes 03:00.
const FORWARD: [Case; 12] = [
    ("seconds", "rules: [{ cron: '*/5 * * * * *' }]", Runs::Each(5)),
    ("interval", "rules: [{ every: 7s }]", Runs::Each(7)),
    ("before", "rules: [{ cron: '45 59 1 * * *' }]", Runs::At(&[-15])),
    ("after", "rules: [{ cron: '20 0 3 * * *' }]", Runs::At(&[20])),
    ("usual", "rules: [{ cron: '15 0 2 * * *' }]", Runs::At(&[0])),
    ("right-after", "rules: [{ cron: '25 0 2 * * *' }]\ndst: { gap: run_after }", Runs::At(&[0])),
    ("skip", "rules: [{ cron: '15 0 2 * * *' }]\ndst: { gap: skip }", Runs::At(&[])),
    ("shift", "rules: [{ cron: '15 0 2 * * *' }]\ndst: { gap: shift }", Runs::At(&[15])),
    (
        "recurrence",
        "rules: [{ rrule: \"DTSTART;TZID=Europe/Rome:20270301T020010\\nRRULE:FREQ=DAILY\" }]\ndst: { gap: shift }",
        Runs::At(&[10]),
    ),
    ("once", "rules: [{ at: '2027-03-28T03:00:05+02:00' }]", Runs::At(&[5])),
    ("hourly", "rules: [{ cron: '28 0 * * * *' }]", Runs::At(&[28])),
    ("athens", "rules: [{ cron: '12 0 3 * * *' }]\ntimezone: Europe/Athens\ndst: { gap: shift }", Runs::At(&[12])),
];

/// Rome's 03:00 becomes 02:00.
const BACK: [Case; 12] = [
    ("seconds", "rules: [{ cron: '*/5 * * * * *' }]", Runs::Each(5)),
    ("interval", "rules: [{ every: 7s }]", Runs::Each(7)),
    ("usual-first", "rules: [{ cron: '45 59 2 * * *' }]", Runs::At(&[-15])),
    ("usual-not-again", "rules: [{ cron: '15 0 2 * * *' }]", Runs::At(&[])),
    ("second-not-yet", "rules: [{ cron: '45 59 2 * * *' }]\ndst: { overlap: second }", Runs::At(&[])),
    ("second", "rules: [{ cron: '15 0 2 * * *' }]\ndst: { overlap: second }", Runs::At(&[15])),
    ("both-first", "rules: [{ cron: '50 59 2 * * *' }]\ndst: { overlap: both }", Runs::At(&[-10])),
    ("both-again", "rules: [{ cron: '25 0 2 * * *' }]\ndst: { overlap: both }", Runs::At(&[25])),
    (
        "recurrence",
        "rules: [{ rrule: \"DTSTART;TZID=Europe/Rome:20271001T020020\\nRRULE:FREQ=DAILY\" }]\ndst: { overlap: second }",
        Runs::At(&[20]),
    ),
    ("once", "rules: [{ at: '2027-10-31T02:00:05+01:00' }]", Runs::At(&[5])),
    ("hourly", "rules: [{ cron: '28 0 * * * *' }]", Runs::At(&[28])),
    ("london", "rules: [{ cron: '10 0 1 * * *' }]\ntimezone: Europe/London\ndst: { overlap: second }", Runs::At(&[10])),
];

#[test]
fn schedules_run_as_they_say_while_the_clock_is_put_forward() {
    live_through("2027-03-28T01:00:00Z", &FORWARD, &[("skip", "clock_change")]);
}

#[test]
fn schedules_run_as_they_say_while_the_clock_is_put_back() {
    live_through("2027-10-31T01:00:00Z", &BACK, &[]);
}

fn live_through(change: &str, cases: &[Case], left_out: &[(&str, &str)]) {
    let change: DateTime<Utc> = change.parse().unwrap();
    let (stage, folder) = (Stage::new(), ThrowAway::new());
    let library = node::clock_library(folder.path());
    let clock = folder.path().join("clock");
    let offset = change.timestamp() - BEGIN - SystemClock.now().timestamp();
    fs::write(&clock, offset.to_ne_bytes()).unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap(); // the server has an account of its own
    let stage = stage.with_clock(&library, &clock);
    let mut conn = stage.connect().unwrap();
    for (name, says, _) in cases {
        save(&mut conn, name, says);
    }
    assert!(seconds_since(&mut conn, change) < FROM as f64, "the machine is too slow for the story");
    let plan = Plan { slots: "4..8", ..Plan::short() };
    let mut nodes: Vec<Node> = (0..2).map(|number| Node::new(number, &stage, &plan, Some(&library))).collect();
    nodes.iter().for_each(|node| node.jump(offset));
    while seconds_since(&mut conn, change) < UNTIL as f64 + 2.0 {
        nodes.iter_mut().for_each(Node::tick);
        std::thread::sleep(LOOK);
    }
    calm(&mut conn, &mut nodes, change);
    let (runs, reasons) = (runs(&mut conn, change), reasons(&mut conn, change));
    for node in &mut nodes {
        node.end();
    }
    for (name, _, expected) in cases {
        let seen: Vec<i64> = runs.get(*name).into_iter().flatten().copied().collect();
        assert_eq!(seen, seconds(change, expected), "{name}, in seconds around {change}");
    }
    for (name, cause) in left_out {
        assert!(reasons.contains(&((*name).to_owned(), (*cause).to_owned())), "{name}: {reasons:?}");
    }
}

fn seconds(change: DateTime<Utc>, runs: &Runs) -> Vec<i64> {
    match runs {
        Runs::At(all) => all.to_vec(),
        Runs::Each(step) => (FROM..UNTIL).filter(|at| (change.timestamp() + at) % step == 0).collect(),
    }
}

fn save(conn: &mut PgConnection, name: &str, says: &str) {
    let zone = if says.contains("timezone") { "" } else { "\ntimezone: Europe/Rome" };
    let text = format!(
        "kind: Schedule\nname: {name}\ntemplate: sleep\noverlap: allow_all\nargs: {{ ms: 5 }}\ncatch_up: {{ policy: skip }}{zone}\n{says}"
    );
    let spec = documents(&text).unwrap()[0].read().unwrap();
    service::save(conn, &Actor::system("test"), &spec, Some(0), "").unwrap();
}

fn seconds_since(conn: &mut PgConnection, change: DateTime<Utc>) -> f64 {
    const SQL: &str = "SELECT extract(epoch FROM clock_timestamp() - $1)::float8";
    statement(SQL).bind::<Timestamptz, _>(change).tuples::<Double, f64>(conn).unwrap()[0]
}

/// Waits until every job has ended that was made for what is compared.
fn calm(conn: &mut PgConnection, nodes: &mut [Node], change: DateTime<Utc>) {
    const LEFT: &str =
        "SELECT count(*) FROM millrace.occurrences o WHERE o.job_id IS NOT NULL AND o.at < $1 + $2 * interval '1 s'
        AND NOT EXISTS (SELECT FROM millrace.history h WHERE h.job_id = o.job_id AND h.state = 'succeeded')";
    let end = Instant::now() + PATIENCE;
    let mut left = || {
        let ask = statement(LEFT).bind::<Timestamptz, _>(change).bind::<BigInt, _>(UNTIL);
        ask.tuples::<BigInt, i64>(conn).unwrap()
    };
    while left() != [0] {
        assert!(Instant::now() < end, "jobs have not ended");
        nodes.iter_mut().for_each(Node::tick);
        std::thread::sleep(LOOK);
    }
}

/// When jobs began at the earliest, in seconds around the change; each has one job of its own.
fn runs(conn: &mut PgConnection, change: DateTime<Utc>) -> BTreeMap<String, Vec<i64>> {
    const SQL: &str = "SELECT s.name, round(extract(epoch FROM j.run_at - $1))::bigint FROM millrace.jobs j
    JOIN millrace.schedules s ON s.id = j.schedule_id JOIN millrace.occurrences o ON o.job_id = j.id AND o.schedule_id = j.schedule_id AND o.at = j.occurrence
    WHERE j.run_at >= $1 + $2 * interval '1 s' AND j.run_at < $1 + $3 * interval '1 s' ORDER BY s.name, j.run_at";
    let rows = statement(SQL)
        .bind::<Timestamptz, _>(change)
        .bind::<BigInt, _>(FROM)
        .bind::<BigInt, _>(UNTIL)
        .tuples::<(Text, BigInt), (String, i64)>(conn)
        .unwrap();
    let mut runs: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for (name, at) in rows {
        runs.entry(name).or_default().push(at);
    }
    runs
}

/// Why occurrences of this hour were left out.
fn reasons(conn: &mut PgConnection, change: DateTime<Utc>) -> BTreeSet<(String, String)> {
    const SQL: &str =
        "SELECT s.name, o.cause FROM millrace.occurrences o JOIN millrace.schedules s ON s.id = o.schedule_id
    WHERE o.outcome = 'skipped' AND o.at BETWEEN $1 - interval '1 h' AND $1 + interval '1 h'";
    let rows = statement(SQL)
        .bind::<Timestamptz, _>(change)
        .tuples::<(Text, Nullable<Text>), (String, Option<String>)>(conn)
        .unwrap();
    rows.into_iter().filter_map(|(name, cause)| Some((name, cause?))).collect()
}
