//! When something is wrong, and what to do about it: a pure rule with named limits.

use std::time::Duration;

use super::{Claims, Connections, Durability, Holder, Sample};
use crate::admin::health::service::Finding;
use crate::base::clock::Time;
use crate::web::format::{duration, grouped};

/// A snapshot that is older keeps so many dead rows that every look along an index gets slower.
pub const SNAPSHOT_AGE_MAX: Duration = Duration::from_secs(60);
/// A replication slot that holds back more transactions than this: an unused one, for slots tell no time.
pub const SLOT_XIDS_MAX: i64 = 100_000;
/// More dead rows in one hot table mean that vacuum does not keep up.
pub const DEAD_ROWS_MAX: i64 = 100_000;
/// From this share of the connections on, the next program may find none.
pub const CONNECTIONS_PERCENT_MAX: i64 = 80;
/// With room for fewer ids the next bulk enqueue may find no partition.
pub const IDS_AHEAD_MIN: i64 = 1_000_000;
/// A claim that takes longer makes jobs wait.
pub const CLAIM_P99_MAX: Duration = Duration::from_millis(50);
/// Of fewer claims in a minute the slowest says nothing.
pub const CLAIMS_MIN: i32 = 20;
/// What was seen longer ago says nothing of now: the duty is done every ten seconds.
pub const SAMPLE_AGE_MAX: Duration = Duration::from_secs(60);

/// Tells whether claims of a node make jobs wait; of few claims the slowest says nothing.
pub fn is_slow(claims: &Claims) -> bool {
    claims.claims >= CLAIMS_MIN && claims.p99_ms.is_some_and(|ms| ms > CLAIM_P99_MAX.as_secs_f64() * 1e3)
}

/// Tells whether somebody has kept dead rows from being removed for too long, as of `at`.
pub fn is_old(holder: &Holder, at: Time) -> bool {
    match holder.since {
        Some(since) => (at - since).to_std().unwrap_or_default() > SNAPSHOT_AGE_MAX,
        None => holder.xids > SLOT_XIDS_MAX,
    }
}

/// Tells whether the next program may find no connection.
pub fn are_scarce(connections: &Connections) -> bool {
    i64::from(connections.used) * 100 >= for_programs(connections) * CONNECTIONS_PERCENT_MAX
}

/// Connections that are not kept for superusers.
pub fn for_programs(connections: &Connections) -> i64 {
    i64::from(connections.max - connections.reserved).max(1)
}

/// Names what is wrong, worst first. `None` = nobody has looked yet.
pub fn warnings(sample: Option<&Sample>, now: Time) -> Vec<Finding> {
    let Some(sample) = sample else { return Vec::new() };
    let mut found = durability(&sample.durability);
    found.extend(partitions(sample));
    found.extend(connections(sample));
    found.extend(sample.holders.iter().find_map(|one| holder(sample, one)));
    found.extend(dead_rows(sample));
    found.extend(claims(sample));
    found.extend(age(sample, now));
    found
}

/// Names the settings that can lose acknowledged work in a crash, as the program's sessions have them.
pub(in super::super) fn durability(found: &Durability) -> Vec<Finding> {
    let settings = [
        ("fsync", &found.fsync, "a crash of the machine can destroy the whole database"),
        ("full_page_writes", &found.full_page_writes, "a crash of the machine can leave torn pages"),
        ("synchronous_commit", &found.synchronous_commit, "a crash can lose jobs that were acknowledged"),
    ];
    let weak = settings.into_iter().filter(|(_, value, _)| *value == "off");
    weak.map(|(name, _, risk)| Finding::new("durability", format!("{name} is off: {risk}"), mends(found, name)))
        .collect()
}

/// What sets a durability setting right depends on where it was set: a closer place hides those behind it.
fn mends(found: &Durability, name: &str) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let (login, database) = (quoted(&found.login), quoted(&found.database));
    match found.sources[name].as_str().unwrap_or_default() {
        "user" => format!("run `ALTER ROLE {login} RESET {name}` and start Millrace again"),
        "database" => format!("run `ALTER DATABASE {database} RESET {name}` and start Millrace again"),
        "database user" => {
            format!("run `ALTER ROLE {login} IN DATABASE {database} RESET {name}` and start Millrace again")
        }
        "client" | "environment variable" => {
            format!("take {name} out of the options of DATABASE_URL and of PGOPTIONS, and start Millrace again")
        }
        "command line" => format!("start PostgreSQL without `-c {name}=off`"),
        _ => format!("run `ALTER SYSTEM SET {name} = on` and `SELECT pg_reload_conf()`"),
    }
}

fn partitions(sample: &Sample) -> Option<Finding> {
    let short =
        sample.partitions.iter().filter(|table| table.ids_ahead < IDS_AHEAD_MIN).min_by_key(|table| table.ids_ahead)?;
    let problem = format!(
        "{} has room for only {} more jobs; then enqueueing fails",
        short.table,
        grouped(short.ids_ahead.max(0).unsigned_abs())
    );
    let act = "start an engine, whose duty \"partitions\" makes room, and look at its log for why it could not";
    Some(Finding::new("partitions", problem, act))
}

fn connections(sample: &Sample) -> Option<Finding> {
    let (open, used) = (for_programs(&sample.connections), sample.connections.used);
    let most =
        sample.connections.by_application.first().map(|one| format!(", most of them by {}", called(&one.application)));
    are_scarce(&sample.connections).then(|| {
        let problem = format!("{used} of {open} connections are in use{}", most.unwrap_or_default());
        Finding::new("connections", problem, "raise max_connections, or let programs share connections (PgBouncer)")
    })
}

fn holder(sample: &Sample, one: &Holder) -> Option<Finding> {
    let age = one.since.map(|since| (sample.at - since).to_std().unwrap_or_default());
    let since = age.map_or_else(|| format!("{} transactions", grouped(one.xids.unsigned_abs())), duration);
    let (what, act) = match one.kind.as_str() {
        "session" => (
            format!("a transaction of {} (process {}, {}) is open", called(&one.application), one.name, one.state),
            format!("end it there, or run `SELECT pg_terminate_backend({})`", one.name),
        ),
        "prepared" => (
            format!("the prepared transaction {:?} of {} waits to be ended", one.name, one.login),
            format!("run `COMMIT PREPARED` or `ROLLBACK PREPARED` with '{}'", one.name.replace('\'', "''")),
        ),
        "slot" => (
            format!("the replication slot {:?} ({}) holds rows back", one.name, one.state),
            format!("let its standby catch up, or run `SELECT pg_drop_replication_slot('{}')`", one.name),
        ),
        _ => (
            format!("a query on the standby {} holds rows back", called(&one.application)),
            "end the query there, or switch hot_standby_feedback off on it".into(),
        ),
    };
    let problem = format!("{what} for {since}: dead rows cannot be removed meanwhile");
    is_old(one, sample.at).then(|| Finding::new("snapshot", problem, act))
}

fn dead_rows(sample: &Sample) -> Option<Finding> {
    let worst =
        sample.tables.iter().filter(|table| table.dead_rows > DEAD_ROWS_MAX).max_by_key(|table| table.dead_rows)?;
    let problem = format!("millrace.{} holds {} dead rows", worst.name, grouped(worst.dead_rows.unsigned_abs()));
    let act = format!(
        "see who keeps a snapshot; if nobody does, run `VACUUM millrace.{}` and see that autovacuum is on",
        worst.name
    );
    Some(Finding::new("dead-rows", problem, act))
}

fn claims(sample: &Sample) -> Option<Finding> {
    let slow = sample.claims.iter().filter(|one| is_slow(one));
    let (node, p99) = slow.filter_map(|one| Some((&one.node, one.p99_ms?))).max_by(|a, b| a.1.total_cmp(&b.1))?;
    let problem = format!("a claim on {node} took up to {p99:.0} ms in the last minute: jobs wait for it");
    let act = "look at dead rows and snapshots, then at the processors and disks of the database and the way to it";
    Some(Finding::new("claim-time", problem, act))
}

fn age(sample: &Sample, now: Time) -> Option<Finding> {
    let age = (now - sample.at).to_std().unwrap_or_default();
    (age > SAMPLE_AGE_MAX).then(|| {
        let problem = format!("the database was last looked at {} ago, so nobody knows how it is now", duration(age));
        Finding::new("sample", problem, "start an engine: its duty \"database health\" looks every ten seconds")
    })
}

fn called(application: &str) -> &str {
    if application.is_empty() { "a program without a name" } else { application }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{holder, well};
    use super::*;

    fn codes(sample: &Sample) -> Vec<&'static str> {
        warnings(Some(sample), sample.at).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn what_mends_a_weak_setting_depends_on_where_it_was_set() {
        let mends = |source: &str| {
            let mut weak = well().durability;
            weak.synchronous_commit = "off".into();
            (weak.login, weak.sources) = ("an \"app\"".into(), serde_json::json!({ "synchronous_commit": source }));
            durability(&weak).remove(0).act
        };

        assert!(
            mends("configuration file")
                .starts_with("run `ALTER SYSTEM SET synchronous_commit = on` and `SELECT pg_reload_conf()`")
        );
        assert!(mends("user").starts_with("run `ALTER ROLE \"an \"\"app\"\"\" RESET synchronous_commit`"));
        assert!(mends("database").starts_with("run `ALTER DATABASE \"millrace\" RESET synchronous_commit`"));
        assert!(mends("database user").contains("IN DATABASE \"millrace\" RESET"));
        assert!(mends("command line").contains("without `-c synchronous_commit=off`"));
        assert!(mends("client").contains("DATABASE_URL"));
    }

    #[test]
    fn a_database_that_is_well_is_not_warned_of() {
        assert_eq!(codes(&well()), [] as [&str; 0]);
        assert_eq!(codes(&Sample { holders: vec![holder("session", 59)], ..well() }), [] as [&str; 0]);
        assert_eq!(warnings(None, well().at), []);
    }

    #[test]
    fn each_kind_of_holder_has_its_own_remedy() {
        for (kind, remedy) in [
            ("session", "pg_terminate_backend(4711)"),
            ("prepared", "ROLLBACK PREPARED` with '4711'"),
            ("slot", "pg_drop_replication_slot('4711')"),
            ("standby", "hot_standby_feedback"),
        ] {
            let sample = Sample { holders: vec![holder(kind, 61)], ..well() };
            let found = warnings(Some(&sample), sample.at);
            assert!(
                found.len() == 1 && found[0].act.contains(remedy) && found[0].problem.contains("1m 01s"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_slot_tells_no_time_but_how_much_it_holds_back() {
        let slot = |xids| Sample { holders: vec![Holder { since: None, xids, ..holder("slot", 0) }], ..well() };

        assert_eq!(codes(&slot(SLOT_XIDS_MAX)), [] as [&str; 0]);
        assert_eq!(codes(&slot(SLOT_XIDS_MAX + 1)), ["snapshot"]);
    }

    #[test]
    fn each_limit_is_told_once_it_is_passed_and_the_worst_first() {
        let mut sick = well();
        sick.durability.fsync = "off".into();
        sick.partitions[1].ids_ahead = IDS_AHEAD_MIN - 1;
        sick.connections.used = 78; // of 97
        sick.holders = vec![holder("session", 3_600)];
        sick.tables[0].dead_rows = DEAD_ROWS_MAX + 1;
        sick.claims[0].p99_ms = Some(51.0);
        let late = sick.at + chrono::TimeDelta::seconds(61);

        let found: Vec<_> = warnings(Some(&sick), late).into_iter().map(|finding| finding.code).collect();

        assert_eq!(found, ["durability", "partitions", "connections", "snapshot", "dead-rows", "claim-time", "sample"]);
        sick.claims[0].claims = CLAIMS_MIN - 1;
        assert!(!codes(&sick).contains(&"claim-time"), "the slowest of few says nothing");
    }
}
