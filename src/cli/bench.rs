//! `millrace bench`: measures this installation.

use std::any::Any;

use clap::{Subcommand, ValueEnum};

use super::{Answer, Database, Failure, Globals};
use crate::bench::{self, Audience, Bench, Beside, Fixture, Trial};
use crate::boot::web::Web;

/// Measures on databases of its own in the running cluster.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(super) enum Command {
    /// How fast a backlog is worked off.
    Drain {
        /// Jobs of one round.
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
        jobs: u32,
        /// Most worker threads.
        #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        slots: u32,
        /// Rounds; the median counts.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
        rounds: u32,
    },
    /// How long a lone job waits on an idle engine.
    Latency {
        /// Jobs, one at a time.
        #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        jobs: u32,
    },
    /// How fast jobs come in.
    Enqueue {
        /// One job a transaction, or 1,000 a call.
        #[arg(default_value = "bulk")]
        kind: Kind,
        /// The functions of the schema, or the HTTP API.
        #[arg(long, default_value = "sql")]
        door: Door,
        /// Jobs of one round (bulk).
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
        jobs: u32,
        /// Connections at once (single).
        #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=100))]
        connections: u32,
        /// Length of one round (single).
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
        seconds: u32,
        /// Rounds; the median counts.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
        rounds: u32,
    },
    /// How long jobs wait while they come at an even rate.
    Steady {
        /// Jobs a second.
        #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        rate: u32,
        /// Length.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=3_600))]
        seconds: u32,
        /// Beside an idle transaction whose snapshot keeps dead rows from being removed; then without the reference.
        #[arg(long)]
        held_snapshot: bool,
    },
    /// What limits cost that hold for every job and stop none.
    Limits {
        /// Jobs of one drain.
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
        jobs: u32,
        /// Rounds; the median counts.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
        rounds: u32,
    },
    /// What one job costs that is claimed alone and settled alone, as a lone command is: bounded by commits.
    Single {
        /// Connections at once.
        #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=100))]
        connections: u32,
        /// Length of one round.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
        seconds: u32,
        /// Rounds; the median counts.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
        rounds: u32,
    },
    /// How much a long history slows a drain: an empty database beside one with many finished jobs.
    History {
        /// Jobs of one drain.
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
        jobs: u32,
        /// Finished jobs that are there already; ten million take a few minutes and 5 GB.
        #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
        finished: u32,
        /// Rounds; the median counts.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
        rounds: u32,
    },
    /// How a snapshot that somebody holds open slows a drain.
    Snapshot {
        /// Jobs of one drain.
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
        jobs: u32,
        /// Rounds; the median counts.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
        rounds: u32,
    },
    /// How fast every page and filter of the console is over a long history; ten million jobs take about five minutes and 7 GB.
    Console {
        /// Finished jobs, the failed ones among them.
        #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u32).range(10_000..=100_000_000))]
        finished: u32,
        /// Failed jobs.
        #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        failed: u32,
        /// Waiting jobs.
        #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
        waiting: u32,
        /// How often each page is asked for.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        visits: u32,
        /// Keeps the fixture for the next run, and uses the one that is there.
        #[arg(long)]
        keep: bool,
    },
    /// What many schedules cost: a look that fires 100, a second in which 5,000 are due, the pages over all.
    Schedules {
        /// How many there are.
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(5_000..=1_000_000))]
        schedules: u32,
    },
    /// What live pages cost the work, and how late their readers are.
    Readers {
        /// Jobs a second.
        #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        rate: u32,
        /// Length, once without and once with readers.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3_600))]
        seconds: u32,
        /// Streams that are read.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=2_000))]
        readers: u32,
        /// Streams that nobody reads.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(0..=2_000))]
        deaf: u32,
    },
    /// How table designs compare, each in hand-written SQL: what ours were chosen by.
    Designs {
        /// What they are compared in.
        #[arg(default_value = "drain")]
        question: Question,
        /// Jobs of one backlog.
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=250_000))]
        jobs: u32,
        /// Rounds; the median counts.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=5))]
        rounds: u32,
        /// Bytes of a job's payload, at least.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=100_000))]
        payload_bytes: u32,
        /// Finished jobs that are there already (history).
        #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..=3_000_000))]
        finished: u32,
        /// Length of the even flow, and again under a snapshot (steady).
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
        seconds: u32,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Question {
    /// Enqueueing in bulk and working off.
    Drain,
    /// Two backlogs under one held snapshot.
    Snapshot,
    /// A backlog beside many finished jobs.
    History,
    /// Waits at an even rate, free and under a held snapshot.
    Steady,
}

impl Question {
    fn asked(self) -> bench::Question {
        match self {
            Self::Drain => bench::Question::Drain,
            Self::Snapshot => bench::Question::Snapshot,
            Self::History => bench::Question::History,
            Self::Steady => bench::Question::Steady,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Kind {
    Single,
    Bulk,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Door {
    Sql,
    Api,
}

impl Door {
    fn asked(self) -> bench::Door {
        match self {
            Self::Sql => bench::Door::Sql,
            Self::Api => bench::Door::Api,
        }
    }
}

/// A web server that stops when it is dropped.
struct Served(Option<Web>);

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(web) = self.0.take() {
            web.stop();
        }
    }
}

pub(super) fn run(globals: &Globals, command: &Command) -> Result<Answer, Failure> {
    let settings = globals.settings()?;
    let database = Database::for_command(&settings)?;
    let serve = |listener, url: &str| Ok(Box::new(Served(Some(Web::start(listener, &settings, url)?))) as Box<dyn Any>);
    let figures =
        bench::run(&database.owner_url(), command.bench(), &serve).map_err(|e| Failure::refused(e.to_string()))?;
    let json = serde_json::to_value(&figures).map_err(|e| Failure::refused(e.to_string()))?;
    Ok(Answer::new(figures.to_string(), json))
}

impl Command {
    fn bench(&self) -> Bench {
        match *self {
            Self::Drain { jobs, slots, rounds } => Bench::Drain { jobs, slots, rounds },
            Self::Latency { jobs } => Bench::Latency { jobs },
            Self::Enqueue { kind: Kind::Single, door, connections, seconds, rounds, .. } => {
                Bench::EnqueueSingle { door: door.asked(), connections, seconds, rounds }
            }
            Self::Enqueue { kind: Kind::Bulk, door, jobs, rounds, .. } => {
                Bench::EnqueueBulk { door: door.asked(), jobs, rounds }
            }
            Self::Steady { rate, seconds, held_snapshot } => {
                let beside = if held_snapshot { Beside::HeldSnapshot } else { Beside::Nobody };
                Bench::Steady { rate, seconds, beside }
            }
            Self::Limits { jobs, rounds } => Bench::Limits { jobs, rounds },
            Self::Single { connections, seconds, rounds } => Bench::Single { connections, seconds, rounds },
            Self::History { jobs, finished, rounds } => Bench::History { jobs, finished, rounds },
            Self::Snapshot { jobs, rounds } => Bench::Snapshot { jobs, rounds },
            Self::Console { finished, failed, waiting, visits, keep } => {
                Bench::Console(Fixture { finished, failed, waiting, visits, kept: keep })
            }
            Self::Readers { rate, seconds, readers, deaf } => Bench::Readers(Audience { rate, seconds, readers, deaf }),
            Self::Schedules { schedules } => Bench::Schedules { schedules },
            Self::Designs { question, jobs, rounds, payload_bytes, finished, seconds } => {
                let question = question.asked();
                Bench::Designs(Trial { question, jobs, rounds, payload_bytes, finished, seconds })
            }
        }
    }
}
