//! What the figures were measured on.

use std::collections::BTreeMap;
use std::fs;

use diesel::sql_types::Text;
use serde_json::Value;

use super::BenchError;
use crate::base::db::{PgConnection, statement};

/// Server settings that decide what a figure means.
const SERVER_SETTINGS: &str = "-- bench::machine
SELECT name, setting || coalesce(unit, '') FROM pg_settings
WHERE name IN ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size', 'autovacuum_naptime',
    'wal_level', 'max_connections')
ORDER BY name LIMIT 20";

/// Describes the machine and the server.
pub(super) fn describe(conn: &mut PgConnection) -> Result<BTreeMap<&'static str, Value>, BenchError> {
    let rows = statement(SERVER_SETTINGS).tuples::<(Text, Text), (String, String)>(conn)?;
    let server: Vec<String> = rows.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    Ok(BTreeMap::from([
        ("cores", Value::from(cores)),
        ("cpu", Value::from(line_of("/proc/cpuinfo", "model name"))),
        ("memory", Value::from(line_of("/proc/meminfo", "MemTotal"))),
        ("load_before", Value::from(load())),
        ("build", Value::from(if cfg!(debug_assertions) { "debug: figures mean nothing" } else { "release" })),
        ("server", Value::from(server)),
    ]))
}

fn line_of(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
    line.map_or_else(|| "unknown".into(), |(_, value)| value.trim().to_owned())
}

fn load() -> String {
    fs::read_to_string("/proc/loadavg").unwrap_or_default().split(' ').next().unwrap_or_default().to_owned()
}
