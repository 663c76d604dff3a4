//! The view that running work has of its job.

use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::live::{Level, Taken, Unwritten};
use super::stop::{Stop, StopSignal};
use super::stored_args::StoredArgs;
use super::veil::Veil;
use crate::base::clock::{Clock, Time};
use crate::queue::args::check_kept;
use crate::queue::job::{Fence, JobId};

/// The time of a schedule that a job stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// The schedule's name.
    pub schedule: String,
    /// The instant that its rules name, however late the job runs; of a run by hand, when that was asked for.
    pub at: Time,
}

/// What is known of a job when an attempt starts.
#[derive(Debug, Clone)]
pub struct JobFacts {
    /// The job.
    pub job: JobId,
    /// Number of this attempt, from 1.
    pub attempt: u16,
    /// Most attempts that are counted.
    pub max_attempts: u16,
    /// Rises with every claim; pass it on so that effects of an older attempt can be refused.
    pub fence: Fence,
    /// The template's name.
    pub template: Arc<str>,
    /// The template's version.
    pub version: i32,
    /// The queue's name.
    pub queue: Arc<str>,
    /// The node's name.
    pub node: Arc<str>,
    /// The arguments.
    pub args: StoredArgs,
    /// Covers the secrets among them.
    pub veil: Veil,
    /// The time of a schedule that it stands for, if one made it.
    pub occurrence: Option<Occurrence>,
    /// What an earlier attempt saved last.
    pub checkpoint: Option<Value>,
    /// When the job was enqueued.
    pub created_at: Time,
    /// Since when it had waited for a slot.
    pub waiting_since: Time,
    /// When this attempt started.
    pub started_at: Time,
    /// When the job must have ended, if it must.
    pub deadline: Option<Time>,
}

/// Why a checkpoint was not saved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the checkpoint was not saved: its contents {0}")]
pub struct NotSaved(String);

/// What running work sees of its job and how it speaks to the engine. Cheap to clone; threads that work starts take a clone.
#[derive(Clone)]
pub struct JobContext(Arc<Inner>);

struct Inner {
    facts: JobFacts,
    began: Instant,
    ends: Option<Instant>,
    stop: StopSignal,
    said: Mutex<Unwritten>,
    clock: Arc<dyn Clock>,
}

impl JobContext {
    /// Makes the context of an attempt that may take `timeout` from now.
    pub fn new(facts: JobFacts, timeout: Option<Duration>, clock: Arc<dyn Clock>) -> Self {
        let began = Instant::now();
        let ends = timeout.and_then(|length| began.checked_add(length));
        Self(Arc::new(Inner { facts, began, ends, stop: StopSignal::default(), said: Mutex::default(), clock }))
    }

    /// Gives what is known of the job.
    pub fn facts(&self) -> &JobFacts {
        &self.0.facts
    }

    /// Gives the job's id.
    pub fn job(&self) -> JobId {
        self.0.facts.job
    }

    /// Gives the number of this attempt, from 1.
    pub fn attempt(&self) -> u16 {
        self.0.facts.attempt
    }

    /// Gives the fence of this attempt.
    pub fn fence(&self) -> Fence {
        self.0.facts.fence
    }

    /// Gives the arguments.
    pub fn args(&self) -> &Value {
        &self.0.facts.args
    }

    /// Gives the time of a schedule that the job stands for, if one made it.
    pub fn occurrence(&self) -> Option<&Occurrence> {
        self.0.facts.occurrence.as_ref()
    }

    /// Gives what an earlier attempt saved last.
    pub fn last_checkpoint(&self) -> Option<&Value> {
        self.0.facts.checkpoint.as_ref()
    }

    /// Gives the moment at which this attempt began.
    pub fn began(&self) -> Instant {
        self.0.began
    }

    /// Gives the moment at which this attempt is stopped, if there is one.
    pub fn ends(&self) -> Option<Instant> {
        self.0.ends
    }

    /// Gives the time that is left for this attempt.
    pub fn time_left(&self) -> Option<Duration> {
        self.0.ends.map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// Fails once the work has to stop. Call it often: at least every second.
    ///
    /// # Errors
    /// The reason to stop; pass it on with `?`.
    pub fn check(&self) -> Result<(), Stop> {
        if self.0.ends.is_some_and(|end| Instant::now() >= end) {
            self.0.stop.raise(Stop::TimedOut);
        }
        self.0.stop.reason().map_or(Ok(()), Err)
    }

    /// Sleeps, but not longer than the work may go on. Never use `thread::sleep` in work.
    ///
    /// # Errors
    /// The reason to stop, at once when there is one.
    pub fn sleep(&self, length: Duration) -> Result<(), Stop> {
        let length = self.time_left().map_or(length, |left| left.min(length));
        self.0.stop.sleep(length)?;
        self.check()
    }

    /// Gives a descriptor that becomes readable when the work has to stop (not for the timeout: use [`Self::time_left`]).
    pub fn stop_descriptor(&self) -> RawFd {
        self.0.stop.descriptor()
    }

    /// Tells the work to stop. Used by the engine.
    pub fn stop(&self, why: Stop) {
        self.0.stop.raise(why);
    }

    /// Says how far the work is. `total` 0 means not known. Cheap: the engine writes the last value once a second.
    pub fn progress(&self, done: u64, total: u64, message: &str) {
        let message = self.0.facts.veil.cover(message);
        self.said().progress(done, total, &message);
    }

    /// Adds to the log, with secrets covered. Newlines make lines; at most 2 MiB of an attempt are kept.
    pub fn log(&self, level: Level, text: &str) {
        let (at, text) = (self.0.clock.now(), self.0.facts.veil.cover(text));
        self.said().log(at, level, &text);
    }

    /// Saves a value that the next attempt finds in [`Self::last_checkpoint`]. Written within about a second.
    ///
    /// # Errors
    /// A value that cannot be kept: larger than 256 KiB, nested more than 64 deep, NUL in a text. The one before it stays.
    pub fn checkpoint(&self, value: Value) -> Result<(), NotSaved> {
        check_kept(&value).map_err(|error| NotSaved(error.predicate()))?;
        self.said().checkpoint(value);
        Ok(())
    }

    /// Sets the job's output, with secrets covered; the last value counts. Kept when the job succeeds.
    pub fn output(&self, value: Value) {
        let value = self.0.facts.veil.cover_value(value);
        self.said().output(value);
    }

    /// Takes what was said since the last taking. Used by the engine.
    pub fn take_said(&self) -> Taken {
        self.said().take()
    }

    /// Takes the output. Used by the engine once the work has ended.
    pub fn take_output(&self) -> Option<Value> {
        self.said().take_output()
    }

    /// Tells how many bytes of log this attempt has kept.
    pub fn log_bytes(&self) -> usize {
        self.said().log_bytes()
    }

    /// Gives the clock of the node.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    fn said(&self) -> MutexGuard<'_, Unwritten> {
        self.0.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
