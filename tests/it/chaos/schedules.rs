//! Schedules fire while nodes are killed and stopped and the database goes away: every time has one row and at most one job, policies hold, and
//! what runs outside of outages is in time (G12).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use millrace::admin::schedules::service;
use millrace::base::db::{PgConnection, statement};
use millrace::base::document::documents;
use millrace::queue::actor::Actor;

use super::checker::p99;
use super::node::{self, Node};
use super::plan::{Dice, NODES, Plan, seed};
use super::stage::Stage;
use super::{LOOK, now_us};
use crate::support::ThrowAway;

/// Longest time for everything to be decided and to end once nothing more comes.
const CALM_MAX: Duration = Duration::from_secs(120);
/// Outside of outages 99 of 100 are decided within this time.
const LATE_MAX_US: i64 = 1_000_000;
/// So long after an outage things are not counted as in time: connections come back, leases run out.
const AFTER_US: i64 = 6_000_000;

/// How much is fired, and what is done to it.
struct Storm {
    /// Nothing else runs beside it: how late times are decided tells something.
    is_alone: bool,
    /// Worker threads of a node: enough for what runs at once when a third of them is away.
    slots: &'static str,
    /// How long a job of a policy takes, longer than the second between two of them.
    ms: u32,
    plain: usize,
    of_each_policy: usize,
    length: Duration,
    blows: usize,
}

#[test]
fn every_time_of_a_schedule_fires_once_while_nodes_die() {
    storm(&Storm {
        is_alone: false,
        slots: "8..24",
        ms: 2_300,
        plain: 30,
        of_each_policy: 4,
        length: Duration::from_secs(25),
        blows: 5,
    });
}

#[test]
#[ignore = "takes four minutes: make chaos"]
fn every_time_of_two_hundred_schedules_fires_once_for_two_minutes() {
    let (slots, ms, length) = ("32..240", 1_300, Duration::from_secs(120));
    storm(&Storm { is_alone: true, slots, ms, plain: 200, of_each_policy: 50, length, blows: 24 });
}

const POLICIES: [&str; 6] = ["skip", "buffer_one", "buffer_all", "cancel_other", "terminate_other", "allow_all"];

fn storm(storm: &Storm) {
    let (seed, plan) = (seed(), Plan { slots: storm.slots, ..Plan::short() });
    eprintln!("seed {seed}");
    let mut stage = Stage::new();
    let mut conn = stage.connect().unwrap();
    let folder = ThrowAway::new();
    let clock = node::clock_library(folder.path());
    let mut nodes: Vec<Node> =
        (0..NODES).map(|n| Node::new(n, &stage, &plan, (n == 0).then_some(clock.as_path()))).collect();
    settle(&mut nodes, |nodes| nodes.iter().all(Node::runs_jobs));
    for n in 0..storm.plain {
        save(&mut conn, &format!("plain-{n}"), "overlap: allow_all\nargs: { ms: 5 }");
    }
    for policy in POLICIES {
        for n in 0..storm.of_each_policy {
            save(&mut conn, &format!("{policy}-{n}"), &format!("overlap: {policy}\nargs: {{ ms: {} }}", storm.ms));
        }
    }
    let outages = blow(storm, &mut stage, &mut nodes, &mut Dice::of(seed, 11));
    let mut conn = stage.connect().unwrap();
    calm(&mut conn, &mut nodes);
    let mut wrong = judge(&mut conn);
    wrong.extend(lateness(&mut conn, (&outages, seed), storm.is_alone));
    for node in &mut nodes {
        node.end();
    }
    assert!(wrong.is_empty(), "seed {seed}:\n{}", wrong.join("\n"));
}

fn save(conn: &mut PgConnection, name: &str, more: &str) {
    let text = format!(
        "kind: Schedule\nname: {}\ntemplate: sleep\nrules: [ {{ every: 1s }} ]\ncatch_up: {{ policy: skip }}\n{more}",
        name.replace('_', "-")
    );
    let spec = documents(&text).unwrap()[0].read().unwrap();
    service::save(conn, &Actor::system("test"), &spec, Some(0), "").unwrap();
}

fn settle(nodes: &mut [Node], mut holds: impl FnMut(&[Node]) -> bool) {
    let end = Instant::now() + CALM_MAX;
    while !holds(nodes) {
        assert!(Instant::now() < end, "the nodes do not come to rest");
        nodes.iter_mut().for_each(Node::tick);
        std::thread::sleep(LOOK);
    }
}

/// Kills, stops and moves clocks at random; stops the database once. Gives the times in which nobody could fire.
fn blow(storm: &Storm, stage: &mut Stage, nodes: &mut [Node], dice: &mut Dice) -> Vec<(i64, i64)> {
    let (begun, mut outages, mut stopped) = (Instant::now(), Vec::new(), false);
    for blow in 1..=storm.blows {
        let at = storm.length.mul_f64(blow as f64 / (storm.blows + 1) as f64);
        while begun.elapsed() < at {
            nodes.iter_mut().for_each(Node::tick);
            std::thread::sleep(LOOK);
        }
        if blow * 2 > storm.blows && !stopped {
            let from = now_us();
            stopped = stage.stop_for(Duration::from_secs(2));
            outages.push((from, now_us() + AFTER_US));
            continue;
        }
        let from = now_us();
        match dice.below(4) {
            0 => drop(nodes[dice.below(NODES)].kill(true, false)),
            1 => drop(nodes[dice.below(NODES)].kill(true, true)),
            2 => drop(nodes[dice.below(NODES)].freeze(false, Duration::from_secs(3))),
            _ => nodes[0].jump(i64::from(dice.below(2) == 0) * 7_200 - 3_600),
        }
        // what a stopped node holds locked is passed over until it goes on
        outages.push((from, now_us() + 3_500_000));
    }
    while begun.elapsed() < storm.length {
        nodes.iter_mut().for_each(Node::tick);
        std::thread::sleep(LOOK);
    }
    outages
}

/// Removes all schedules and waits until their jobs have ended.
fn calm(conn: &mut PgConnection, nodes: &mut [Node]) {
    const NAMES: &str = "SELECT s.name FROM millrace.schedules s ORDER BY s.name";
    const LEFT: &str =
        "SELECT count(*) FROM millrace.jobs j WHERE NOT EXISTS (SELECT FROM millrace.history h WHERE h.job_id = j.id)";
    for name in statement(NAMES).tuples::<Text, String>(conn).unwrap() {
        service::remove(conn, &Actor::system("test"), &name, "").unwrap();
    }
    settle(nodes, |_| statement(LEFT).tuples::<BigInt, i64>(conn).unwrap() == [0]);
}

/// Judges what the database says.
fn judge(conn: &mut PgConnection) -> Vec<String> {
    let mut wrong = gaps(conn);
    wrong.extend(jobs_and_occurrences(conn));
    wrong.extend(overlaps(conn));
    wrong
}

/// Tells how late occurrences were decided outside of outages; it is judged where nothing else runs on the machine.
fn lateness(conn: &mut PgConnection, (outages, seed): (&[(i64, i64)], u64), is_alone: bool) -> Vec<String> {
    let late = late_by(conn, outages);
    let (many, p99, most) = (late.len(), p99(&late) / 1_000, late.iter().max().unwrap_or(&0) / 1_000);
    eprintln!("seed {seed}: {many} decided outside of outages, p99 {p99} ms, most {most} ms");
    let few = (many < 200).then(|| format!("only {many} occurrences lie outside of outages: nothing is shown"));
    let slow = (is_alone && p99 * 1_000 > LATE_MAX_US).then(|| format!("p99 of lateness is {p99} ms"));
    few.into_iter().chain(slow).collect()
}

/// Each second of a schedule has a row, or one that stands for it.
fn gaps(conn: &mut PgConnection) -> Vec<String> {
    const SQL: &str = "SELECT s.name, string_agg(g.gap, ', ') FROM (
    SELECT o.schedule_id, o.at::text || ' after ' || o.before::text AS gap FROM (
        SELECT o.schedule_id, o.at, lag(coalesce(o.until, o.at)) OVER (PARTITION BY o.schedule_id ORDER BY o.at) AS before FROM millrace.occurrences o
    ) AS o WHERE o.at <> o.before + interval '1 second') AS g JOIN millrace.schedules s ON s.id = g.schedule_id GROUP BY s.name LIMIT 20";
    let rows = statement(SQL).tuples::<(Text, Text), (String, String)>(conn).unwrap();
    rows.into_iter().map(|(name, gaps)| format!("{name} has no row for times before {gaps}")).collect()
}

/// Each occurrence that was enqueued has one job, and each job of a schedule its occurrence.
fn jobs_and_occurrences(conn: &mut PgConnection) -> Vec<String> {
    const SQL: &str = "SELECT coalesce(o.job_id, j.id)::bigint, o.job_id IS NULL FROM millrace.occurrences o FULL JOIN millrace.jobs j
    ON j.id = o.job_id AND j.schedule_id = o.schedule_id AND j.occurrence = o.at
    WHERE (j.id IS NULL AND o.job_id IS NOT NULL) OR (o.schedule_id IS NULL AND j.schedule_id IS NOT NULL) LIMIT 20";
    const TWICE: &str = "SELECT count(*) FROM (SELECT FROM millrace.jobs j WHERE j.schedule_id IS NOT NULL GROUP BY j.schedule_id, j.occurrence HAVING count(*) > 1) AS t";
    let rows = statement(SQL).tuples::<(BigInt, Bool), (i64, bool)>(conn).unwrap();
    let mut wrong: Vec<String> = rows
        .into_iter()
        .map(|(job, alone)| format!("job {job} is without {}", if alone { "occurrence" } else { "a row of its own" }))
        .collect();
    let twice = statement(TWICE).tuples::<BigInt, i64>(conn).unwrap();
    if twice != [0] {
        wrong.push(format!("{twice:?} occurrences have several jobs"));
    }
    wrong
}

/// Jobs of one schedule do not run at once unless they may.
fn overlaps(conn: &mut PgConnection) -> Vec<String> {
    const SQL: &str = "SELECT s.name, a.job_id, b.job_id FROM millrace.schedules s
    JOIN millrace.occurrences oa ON oa.schedule_id = s.id AND oa.job_id IS NOT NULL
    JOIN millrace.history a ON a.job_id = oa.job_id AND a.started_at IS NOT NULL
    JOIN millrace.occurrences ob ON ob.schedule_id = s.id AND ob.job_id > oa.job_id
    JOIN millrace.history b ON b.job_id = ob.job_id AND b.started_at IS NOT NULL
    WHERE s.name NOT LIKE 'plain%' AND s.name NOT LIKE 'allow-all%' AND b.started_at < a.finished_at - interval '50 ms' AND a.started_at < b.finished_at
        -- the clock of one node jumps by an hour: what it wrote on both sides of that tells nothing
        AND a.finished_at - a.started_at BETWEEN '0' AND '30 minutes' AND b.finished_at - b.started_at BETWEEN '0' AND '30 minutes' LIMIT 20";
    const MADE: &str = "SELECT regexp_replace(s.name, '-[0-9]+$', ''), o.cause, count(*) FROM millrace.schedules s JOIN millrace.occurrences o ON o.schedule_id = s.id
    GROUP BY 1, 2";
    let rows = statement(SQL).tuples::<(Text, BigInt, BigInt), (String, i64, i64)>(conn).unwrap();
    let mut wrong: Vec<String> =
        rows.into_iter().map(|(name, a, b)| format!("{name}: jobs {a} and {b} ran at once")).collect();
    let made = statement(MADE).tuples::<(Text, Nullable<Text>, BigInt), (String, Option<String>, i64)>(conn).unwrap();
    let made: BTreeMap<(String, String), i64> =
        made.into_iter().map(|(kind, cause, many)| ((kind, cause.unwrap_or_default()), many)).collect();
    let many = |kind: &str, cause: &str| made.get(&(kind.to_owned(), cause.to_owned())).copied().unwrap_or_default();
    for kind in ["skip", "buffer-one"] {
        if many(kind, "overlap") == 0 {
            wrong.push(format!("{kind}: no time was left out although jobs take longer than the time between"));
        }
    }
    for kind in ["buffer-all", "cancel-other", "terminate-other"] {
        if many(kind, "buffered") == 0 {
            wrong.push(format!("{kind}: no job waited for another: {made:?}"));
        }
    }
    if many("buffer-all", "overlap") > 0 {
        wrong.push("buffer-all: a time was left out although all are to wait".into());
    }
    wrong.extend(waiting_behind_another(conn));
    wrong.extend(not_stopped(conn));
    wrong
}

/// Under `buffer_one` a job that is made finds at most one that has not ended.
fn waiting_behind_another(conn: &mut PgConnection) -> Vec<String> {
    const SQL: &str = "SELECT s.name, b.job_id, count(*) FROM millrace.schedules s
    JOIN millrace.occurrences ob ON ob.schedule_id = s.id AND ob.job_id IS NOT NULL JOIN millrace.history b ON b.job_id = ob.job_id
    JOIN millrace.occurrences oa ON oa.schedule_id = s.id AND oa.job_id < ob.job_id JOIN millrace.history a ON a.job_id = oa.job_id
    WHERE s.name LIKE 'buffer-one%' AND a.finished_at > ob.decided_at + interval '50 ms'
        AND a.started_at < ob.decided_at + interval '20 minutes' -- the clock of one node jumps by an hour
        AND a.finished_at - a.started_at BETWEEN '0' AND '30 minutes' AND b.finished_at - b.started_at BETWEEN '0' AND '30 minutes'
    GROUP BY 1, 2 HAVING count(*) > 1 LIMIT 20";
    let rows = statement(SQL).tuples::<(Text, BigInt, BigInt), (String, i64, i64)>(conn).unwrap();
    rows.into_iter().map(|(name, job, many)| format!("{name}: job {job} was made while {many} had not ended")).collect()
}

/// Policies that stop the earlier job do stop some: jobs take longer than the time between two of them.
fn not_stopped(conn: &mut PgConnection) -> Vec<String> {
    const SQL: &str = "SELECT regexp_replace(s.name, '-[0-9]+$', ''), count(*) FILTER (WHERE h.state = 'cancelled'), count(*) FILTER (WHERE h.state = 'succeeded')
    FROM millrace.schedules s JOIN millrace.occurrences o ON o.schedule_id = s.id JOIN millrace.history h ON h.job_id = o.job_id GROUP BY 1 ORDER BY 1";
    let rows = statement(SQL).tuples::<(Text, BigInt, BigInt), (String, i64, i64)>(conn).unwrap();
    let is_odd = |(kind, cancelled, succeeded): &(String, i64, i64)| match kind.as_str() {
        "cancel-other" | "terminate-other" => *cancelled == 0,
        _ => *cancelled > 0 || *succeeded == 0,
    };
    rows.into_iter().filter(is_odd).map(|row| format!("{}: {} cancelled, {} succeeded", row.0, row.1, row.2)).collect()
}

/// How late occurrences were decided, in microseconds, outside of outages.
fn late_by(conn: &mut PgConnection, outages: &[(i64, i64)]) -> Vec<i64> {
    const SQL: &str = "SELECT (extract(epoch FROM o.at) * 1000000)::bigint, (extract(epoch FROM o.decided_at - o.at) * 1000000)::bigint
    FROM millrace.occurrences o WHERE o.outcome = 'enqueued' OR o.cause = 'overlap'";
    let rows = statement(SQL).tuples::<(BigInt, BigInt), (i64, i64)>(conn).unwrap();
    let is_out = |at: i64| outages.iter().any(|(from, to)| (*from..*to).contains(&at));
    rows.into_iter().filter(|(at, _)| !is_out(*at)).map(|(_, late)| late).collect()
}
