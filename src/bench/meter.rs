//! What work costs: WAL, transactions, CPU of the server and of this process, memory.

use std::fs;
use std::time::{Duration, Instant};

use diesel::sql_types::{BigInt, Integer};

use super::BenchError;
use crate::base::db::{PgConnection, statement};

/// What was used up to some moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    at: Instant,
    wal_bytes: i64,
    transactions: i64,
    server_cpu: Option<Duration>,
    own_cpu: Duration,
}

/// What was used between two readings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    pub(super) wall: Duration,
    pub(super) wal_bytes: i64,
    /// Transactions that wrote something: each is one flush of the log.
    pub(super) transactions: i64,
    /// `None` when the server runs on another machine.
    pub(super) server_cpu: Option<Duration>,
    pub(super) own_cpu: Duration,
}

impl Reading {
    /// Reads all counters of the cluster that `conn` reaches.
    pub(super) fn take(conn: &mut PgConnection) -> Result<Self, BenchError> {
        const SQL: &str = "-- bench::meter
SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint, pg_backend_pid()";
        let rows = statement(SQL).tuples::<(BigInt, BigInt, Integer), (i64, i64, i32)>(conn)?;
        let (wal_bytes, transactions, backend) = rows.first().copied().unwrap_or_default();
        let server_cpu = parent_of(backend.unsigned_abs()).map(tree_cpu);
        Ok(Self { at: Instant::now(), wal_bytes, transactions, server_cpu, own_cpu: own_cpu() })
    }

    /// Tells what was used since `before`.
    pub(super) fn since(&self, before: &Self) -> Used {
        Used {
            wall: self.at - before.at,
            wal_bytes: self.wal_bytes - before.wal_bytes,
            transactions: self.transactions - before.transactions,
            server_cpu: self.server_cpu.zip(before.server_cpu).map(|(after, before)| after.saturating_sub(before)),
            own_cpu: self.own_cpu.saturating_sub(before.own_cpu),
        }
    }
}

/// The fields of `/proc/<pid>/stat` from the state on: the name before them may hold blanks and brackets.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn field(stat: &[String], number: usize) -> u64 {
    // numbers as in proc(5); the list begins with field 3
    stat.get(number - 3).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The postmaster, when the backend with this number is one of this machine.
fn parent_of(backend: u32) -> Option<u32> {
    let name = fs::read_to_string(format!("/proc/{backend}/comm")).ok()?;
    name.starts_with("postgres").then(|| stat(backend).map(|stat| field(&stat, 4) as u32)).flatten()
}

/// CPU time of a process, its ended children and its living ones.
fn tree_cpu(root: u32) -> Duration {
    let own = |stat: &[String]| field(stat, 14) + field(stat, 15);
    let ended = |stat: &[String]| field(stat, 16) + field(stat, 17);
    let root_ticks = stat(root).map_or(0, |stat| own(&stat) + ended(&stat));
    let living: u64 =
        processes().filter_map(stat).filter(|stat| field(stat, 4) == u64::from(root)).map(|s| own(&s)).sum();
    ticks(root_ticks + living)
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn ticks(count: u64) -> Duration {
    // SAFETY: sysconf has no preconditions.
    let a_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as f64;
    Duration::from_secs_f64(count as f64 / a_second)
}

/// CPU time of this process.
fn own_cpu() -> Duration {
    // SAFETY: rusage is a plain C struct for which zeroes are a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is valid for the length of the call.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    let time = |of: libc::timeval| Duration::new(of.tv_sec.unsigned_abs(), of.tv_usec.unsigned_abs() as u32 * 1_000);
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Begins a new count of [`peak_memory`].
pub(super) fn reset_peak_memory() {
    if let Err(error) = fs::write("/proc/self/clear_refs", "5") {
        tracing::debug!(%error, "the peak of memory counts from the start of the process");
    }
}

/// Largest resident set of this process in bytes since the last reset; 0 when /proc does not tell.
pub(super) fn peak_memory() -> u64 {
    of_status("VmHWM:")
}

/// Resident set of this process in bytes; 0 when /proc does not tell.
pub(super) fn resident_bytes() -> u64 {
    of_status("VmRSS:")
}

fn of_status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_and_its_parent_have_used_time() {
        assert!(own_cpu() > Duration::ZERO);
        assert!(peak_memory() > 0);
        assert_eq!(field(&stat(std::process::id()).unwrap(), 4) as u32, std::os::unix::process::parent_id());
    }
}
