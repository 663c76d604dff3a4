//! `millrace job …`: jobs, by whoever holds the data folder's key.
mod act;
mod enqueue;
mod list;
mod logs;
mod show;
mod wait;

use clap::{Args, Subcommand};

use super::{Answer, Failure, Globals, Session};
use crate::admin::jobs::service::{JobError, Verb};
use crate::queue::job::JobId;

/// Commands about jobs.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Hands over work; prints the job's id
    Enqueue(enqueue::Flags),
    /// Lists jobs, newest first
    List(list::Flags),
    /// Shows one job with its attempts, and why it is not running
    Show {
        /// The job
        id: JobId,
    },
    /// Says why a job is not running, and when it is expected to start
    Explain {
        /// The job
        id: JobId,
    },
    /// Prints a job's log
    Logs(logs::Flags),
    /// Ends a job; a running one is told to stop
    Cancel(Acted),
    /// Tries a failed job once more, a waiting one without waiting
    Retry(Acted),
    /// Stops a waiting job until it is released
    Hold(Acted),
    /// Lets a held job go on
    Release(Acted),
}

/// What an act is done to.
#[derive(Args, Debug)]
pub(super) struct Acted {
    /// The job
    id: JobId,
    /// Why; recorded with your name
    #[arg(long)]
    reason: Option<String>,
}

pub(super) fn run(globals: &Globals, command: Command) -> Result<Answer, Failure> {
    // what is wrong with arguments is told before a database is opened
    if let Command::Enqueue(flags) = command {
        let wanted = flags.wanted()?;
        return enqueue::run(&Session::open(globals)?, wanted);
    }
    let session = Session::open(globals)?;
    match command {
        Command::Enqueue(_) => Ok(Answer::nothing()), // done above
        Command::List(flags) => list::run(&session, &flags),
        Command::Show { id } => show::run(&session, id),
        Command::Explain { id } => show::explained(&session, id),
        Command::Logs(flags) => logs::run(&session, &flags, globals.json),
        Command::Cancel(acted) => act::run(&session, &acted, Verb::Cancel),
        Command::Retry(acted) => act::run(&session, &acted, Verb::Retry),
        Command::Hold(acted) => act::run(&session, &acted, Verb::Hold),
        Command::Release(acted) => act::run(&session, &acted, Verb::Release),
    }
}

/// Most broken rules that are printed.
const REFUSALS_MAX: usize = 20;

/// Says every broken rule, each at its place.
fn refused(error: JobError) -> Failure {
    let JobError::Refused(refusals) = error else { return error.into() };
    let line = |one: &crate::queue::enqueue::Refusal| match one.pointer.as_str() {
        "" => one.message.clone(),
        pointer => format!("{pointer}: {}", one.message),
    };
    Failure::refused(refusals.iter().take(REFUSALS_MAX).map(line).collect::<Vec<_>>().join("\n"))
}
