//! What the page shows, in words.

use std::time::Duration;

use crate::admin::health::database::{
    CLAIM_P99_MAX, CONNECTIONS_PERCENT_MAX, DEAD_ROWS_MAX, Holder, IDS_AHEAD_MIN, Moment, SNAPSHOT_AGE_MAX, Sample,
    are_scarce, for_programs, is_old, is_slow,
};
use crate::web::charts::{SPARK_POINTS_MAX, Spark, short, spark};
use crate::web::format::{Count, bytes, count, duration, grouped, relative};
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// Programs shown; the rest is one line.
const PROGRAMS_MAX: usize = 12;

/// A figure with the limit it must keep.
pub(super) struct Tile {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) unit: &'static str,
    pub(super) limit: String,
    /// It does not keep it.
    pub(super) bad: bool,
    pub(super) spark: Option<Spark>,
}

/// The five figures above everything.
pub(super) fn tiles(sample: &Sample, course: &[Moment]) -> Vec<Tile> {
    vec![
        claim_tile(sample, course),
        snapshot_tile(sample, course),
        dead_tile(sample, course),
        connection_tile(sample, course),
        room_tile(sample),
    ]
}

fn claim_tile(sample: &Sample, course: &[Moment]) -> Tile {
    let (p50, p99) = sample.claim_ms();
    let limit = CLAIM_P99_MAX.as_secs_f64() * 1e3;
    let median = p50.map(|ms| format!("median {}, ", millis(ms))).unwrap_or_default();
    Tile {
        label: "Claim time, p99",
        value: p99.map_or_else(|| "–".into(), number),
        unit: if p99.is_some() { "ms" } else { "" },
        limit: format!("{median}limit {} ms", short(limit)),
        bad: sample.claims.iter().any(is_slow),
        spark: line(course, "Claim time in the last hour", |one| f64::from(one.claim_p99_us.unwrap_or(0)) / 1e3),
    }
}

fn snapshot_tile(sample: &Sample, course: &[Moment]) -> Tile {
    let age = Duration::from_millis(sample.snapshot_age_ms().unsigned_abs());
    Tile {
        label: "Oldest snapshot",
        value: if sample.holders.is_empty() { "none".into() } else { duration(age) },
        unit: "",
        limit: format!("limit {}", duration(SNAPSHOT_AGE_MAX)),
        bad: sample.holders.iter().any(|one| is_old(one, sample.at)),
        spark: line(course, "Age of the oldest snapshot in the last hour", |one| one.snapshot_age_ms as f64),
    }
}

fn dead_tile(sample: &Sample, course: &[Moment]) -> Tile {
    let worst = sample.tables.iter().map(|table| table.dead_rows).max().unwrap_or(0);
    Tile {
        label: "Dead rows",
        value: count(sample.dead_rows()).text,
        unit: "",
        limit: format!("limit {} in a table", grouped(DEAD_ROWS_MAX.unsigned_abs())),
        bad: worst > DEAD_ROWS_MAX,
        spark: line(course, "Dead rows in the last hour", |one| one.dead_rows as f64),
    }
}

fn connection_tile(sample: &Sample, course: &[Moment]) -> Tile {
    let open = for_programs(&sample.connections);
    Tile {
        label: "Connections",
        value: sample.connections.used.to_string(),
        unit: "",
        limit: format!("limit {} of {open}", open * CONNECTIONS_PERCENT_MAX / 100),
        bad: are_scarce(&sample.connections),
        spark: line(course, "Connections in the last hour", |one| f64::from(one.connections)),
    }
}

fn room_tile(sample: &Sample) -> Tile {
    Tile {
        label: "Room for new jobs",
        value: count(sample.ids_ahead()).text,
        unit: "",
        limit: format!("at least {}", grouped(IDS_AHEAD_MIN.unsigned_abs())),
        bad: sample.ids_ahead() < IDS_AHEAD_MIN,
        spark: None,
    }
}

/// A line needs a few points to be one.
fn line(course: &[Moment], what: &str, read: fn(&Moment) -> f64) -> Option<Spark> {
    let values: Vec<f64> = course.iter().map(read).collect();
    let highest = values.iter().copied().fold(0.0, f64::max);
    let few = values.len() < SPARK_POINTS_MAX / 4;
    (!few).then(|| spark(&values, "l1", format!("{what}: at most {}", number(highest))))
}

fn number(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { short((value * 10.0).round() / 10.0) }
}

fn millis(ms: f64) -> String {
    format!("{} ms", number(ms))
}

/// Somebody who keeps dead rows.
pub(super) struct HolderRow {
    pub(super) who: String,
    pub(super) what: &'static str,
    pub(super) login: String,
    pub(super) state: String,
    pub(super) age: String,
    pub(super) old: bool,
    pub(super) xids: Count,
}

pub(super) fn holders(sample: &Sample) -> Vec<HolderRow> {
    let row = |one: &Holder| {
        let age = one.since.map(|since| (sample.at - since).to_std().unwrap_or_default());
        HolderRow {
            who: if one.application.is_empty() { one.name.clone() } else { one.application.clone() },
            what: match one.kind.as_str() {
                "session" => "process",
                "prepared" => "prepared transaction",
                "slot" => "replication slot",
                _ => "standby",
            },
            login: one.pid.map_or_else(|| one.login.clone(), |pid| format!("{pid} {}", one.login)),
            state: one.state.clone(),
            age: age.map_or_else(|| "–".into(), duration),
            old: is_old(one, sample.at),
            xids: count(one.xids),
        }
    };
    sample.holders.iter().map(row).collect()
}

/// A table that work goes through.
pub(super) struct TableRow {
    pub(super) name: String,
    pub(super) live: Count,
    pub(super) dead: Count,
    pub(super) bad: bool,
    pub(super) size: String,
    pub(super) vacuumed: String,
}

pub(super) fn tables(sample: &Sample, shell: &Shell) -> Vec<TableRow> {
    let rows = sample.tables.iter().map(|table| TableRow {
        name: table.name.clone(),
        live: count(table.live_rows),
        dead: count(table.dead_rows),
        bad: table.dead_rows > DEAD_ROWS_MAX,
        size: bytes(table.bytes),
        vacuumed: table.vacuumed_at.map_or_else(|| "never yet".into(), |at| relative(at, shell.now)),
    });
    rows.collect()
}

/// What is kept of jobs.
pub(super) struct KeptRow {
    pub(super) name: String,
    pub(super) partitions: i64,
    pub(super) size: String,
    pub(super) ahead: Count,
    pub(super) bad: bool,
}

pub(super) fn kept(sample: &Sample) -> Vec<KeptRow> {
    let rows = sample.partitions.iter().map(|table| KeptRow {
        name: table.table.clone(),
        partitions: table.partitions,
        size: bytes(table.bytes),
        ahead: count(table.ids_ahead),
        bad: table.ids_ahead < IDS_AHEAD_MIN,
    });
    rows.collect()
}

pub(super) fn oldest(sample: &Sample, shell: &Shell) -> String {
    let Some(oldest) = sample.oldest else { return "There is no partition.".into() };
    let since = oldest.since.map(|at| format!("begins {}", shell.stamp(at).text));
    let since = since.unwrap_or_else(|| "is empty".into());
    let state = if oldest.live {
        "jobs of it still wait or run, or are still being enqueued"
    } else {
        "everything in it has ended, so it can be dropped"
    };
    format!("A partition holds one million ids. The oldest {since}; {state}.")
}

/// A program with connections.
pub(super) struct ProgramRow {
    pub(super) name: String,
    pub(super) login: String,
    pub(super) connections: i32,
    pub(super) words: String,
}

pub(super) fn programs(sample: &Sample) -> Vec<ProgramRow> {
    let rows = sample.connections.by_application.iter().take(PROGRAMS_MAX).map(|one| ProgramRow {
        name: if one.application.is_empty() { "without a name".into() } else { one.application.clone() },
        login: one.login.clone(),
        connections: one.connections,
        words: match (one.active, one.idle_in_transaction) {
            (0, 0) => "idle".into(),
            (active, 0) => format!("{active} active"),
            (active, open) => format!("{active} active, {open} in an open transaction"),
        },
    });
    rows.collect()
}

pub(super) fn connections(sample: &Sample) -> String {
    let all = &sample.connections;
    format!("{} of {}, {} of them for superusers", all.used, all.max, all.reserved)
}

/// How long a node's claims took.
pub(super) struct NodeRow {
    pub(super) name: String,
    pub(super) claims: Count,
    pub(super) p50: String,
    pub(super) p99: String,
    pub(super) bad: bool,
}

pub(super) fn nodes(sample: &Sample) -> Vec<NodeRow> {
    let told = |ms: Option<f64>| ms.map_or_else(|| "–".into(), millis);
    let rows = sample.claims.iter().map(|one| NodeRow {
        name: one.node.clone(),
        claims: count(one.claims.into()),
        p50: told(one.p50_ms),
        p99: told(one.p99_ms),
        bad: is_slow(one),
    });
    rows.collect()
}

/// A setting that decides what a crash may take.
pub(super) struct SettingRow {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) tone: Tone,
}

pub(super) fn settings(sample: &Sample) -> Vec<SettingRow> {
    let found = &sample.durability;
    let row = |(name, value): (&'static str, &String)| SettingRow {
        name,
        value: value.clone(),
        tone: if value == "off" { Tone::Failed } else { Tone::Done },
    };
    [
        ("fsync", &found.fsync),
        ("full_page_writes", &found.full_page_writes),
        ("synchronous_commit", &found.synchronous_commit),
    ]
    .map(row)
    .into()
}
