//! Measures this installation: each figure beside hand-written SQL of the same run, on databases of its own.
//!
//! ```text
//! Bench ─▶ Place       a fresh database of the running cluster, dropped afterwards
//!       ├▶ Stage       the real engine with a handler that does nothing: history, rollups, counts, default durability
//!       ├▶ reference   the thinnest SQL we know for the same work; its text lives here and shares nothing with `queue/`
//!       │              (and that of other table designs, which `designs` compares it with)
//!       ├▶ meter       WAL, commits, CPU of Postgres and of this process, memory
//!       └▶ Figures     medians of interleaved rounds, ratios, machine and settings; as a table or as JSON
//! ```
//! A figure without its reference of the same run says nothing: machines differ, and this one differs from minute to
//! minute.
mod console;
mod designs;
mod drain;
mod enqueue;
mod figures;
mod history;
mod http;
mod latency;
mod limits;
mod machine;
mod meter;
mod place;
mod readers;
mod reference;
mod schedules;
mod single;
mod snapshot;
mod stage;
mod steady;

pub use console::Fixture;
pub use designs::{Question, Trial};
pub use figures::{Compared, Figures};
pub use readers::Audience;

use std::any::Any;
use std::net::TcpListener;
use std::thread::ScopedJoinHandle;

use crate::base::db::DbError;
use crate::base::db::migrate::MigrateError;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bench {
    /// How fast a backlog of `jobs` is worked off.
    Drain {
        /// Jobs of one round.
        jobs: u32,
        /// Most worker threads.
        slots: u32,
        /// Rounds; the median counts.
        rounds: u32,
    },
    /// How long a lone job waits on an idle engine, from its commit to the first line of its handler.
    Latency {
        /// Jobs, one at a time.
        jobs: u32,
    },
    /// How fast jobs come in, each in a call of its own.
    EnqueueSingle {
        /// Which way.
        door: Door,
        /// Connections at once.
        connections: u32,
        /// Length of a round.
        seconds: u32,
        /// Rounds; the median counts.
        rounds: u32,
    },
    /// How fast jobs come in, 1,000 a call.
    EnqueueBulk {
        /// Which way.
        door: Door,
        /// Jobs of one round.
        jobs: u32,
        /// Rounds; the median counts.
        rounds: u32,
    },
    /// How long jobs wait while they come at an even rate.
    Steady {
        /// Jobs a second.
        rate: u32,
        /// Length.
        seconds: u32,
        /// Who else is there.
        beside: Beside,
    },
    /// What limits cost that stop nothing.
    Limits {
        /// Jobs of one drain.
        jobs: u32,
        /// Rounds; the median counts.
        rounds: u32,
    },
    /// What one job costs that shares its transactions with no other.
    Single {
        /// Connections at once.
        connections: u32,
        /// Length of a round.
        seconds: u32,
        /// Rounds; the median counts.
        rounds: u32,
    },
    /// How much a long history slows a drain.
    History {
        /// Jobs of one drain.
        jobs: u32,
        /// Finished jobs that are there already.
        finished: u32,
        /// Rounds; the median counts.
        rounds: u32,
    },
    /// How a snapshot that somebody holds open slows a drain.
    Snapshot {
        /// Jobs of one drain.
        jobs: u32,
        /// Rounds; the median counts.
        rounds: u32,
    },
    /// How hand-written table designs compare.
    Designs(Trial),
    /// How fast the console is over a long history.
    Console(Fixture),
    /// What people who look at live pages cost those who work.
    Readers(Audience),
    /// What many schedules cost.
    Schedules {
        /// How many there are.
        schedules: u32,
    },
}

/// A way for jobs to come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The functions of the schema.
    Sql,
    /// The HTTP API.
    Api,
}

impl Door {
    fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Api => "api",
        }
    }
}

/// Starts a web server on a listener over a database URL; it stops when what is given is dropped.
pub type Serve<'s> = dyn Fn(TcpListener, &str) -> std::io::Result<Box<dyn Any>> + 's;

/// Who else is on the measured database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Nobody.
    Nobody,
    /// An idle session in a transaction, whose snapshot keeps dead rows from being removed.
    HeldSnapshot,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The database refused or went away.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The fresh database could not be given the schema.
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    /// A thread of the measurement panicked: its figure would be too small.
    #[error("a thread of the measurement ended before its work")]
    Broken,
    /// The jobs were not done in time.
    #[error("{done} of {jobs} jobs were done within {seconds} s")]
    Stuck {
        /// Jobs that ran.
        done: u64,
        /// Jobs that were enqueued.
        jobs: u64,
        /// The limit.
        seconds: u64,
    },
}

/// Measures on databases of the cluster that `url` reaches, whose user may create databases. `serve` starts the API where
/// that is measured.
///
/// # Errors
/// [`BenchError`]; what was created is dropped again.
pub fn run(url: &str, bench: Bench, serve: &Serve<'_>) -> Result<Figures, BenchError> {
    match bench {
        Bench::Drain { jobs, slots, rounds } => drain::run(url, jobs, slots, rounds),
        Bench::Latency { jobs } => latency::run(url, jobs),
        Bench::EnqueueSingle { door, connections, seconds, rounds } => {
            enqueue::single(url, serve, door, (connections, seconds, rounds))
        }
        Bench::EnqueueBulk { door, jobs, rounds } => enqueue::bulk(url, serve, door, (jobs, rounds)),
        Bench::Steady { rate, seconds, beside } => steady::run(url, rate, seconds, beside),
        Bench::Limits { jobs, rounds } => limits::run(url, jobs, rounds),
        Bench::Single { connections, seconds, rounds } => single::run(url, connections, seconds, rounds),
        Bench::History { jobs, finished, rounds } => history::run(url, jobs, finished, rounds),
        Bench::Snapshot { jobs, rounds } => snapshot::run(url, jobs, rounds),
        Bench::Designs(trial) => designs::run(url, trial),
        Bench::Console(fixture) => console::run(url, fixture, serve),
        Bench::Readers(audience) => readers::run(url, audience, serve),
        Bench::Schedules { schedules } => schedules::run(url, schedules, serve),
    }
}

/// Waits for a thread of the measurement.
fn joined<T>(thread: ScopedJoinHandle<'_, Result<T, DbError>>) -> Result<T, BenchError> {
    Ok(thread.join().map_err(|_| BenchError::Broken)??)
}

/// Says on standard error what is being done: rounds take seconds, and nobody should wonder.
fn say(line: &str) {
    eprintln!("{line}");
}
