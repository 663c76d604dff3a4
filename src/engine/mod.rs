//! Rank 2: runs the jobs. Plain threads; knows nothing of the web and is not known by it: they speak through rows.
//!
//! ```text
//!  listener ─rings─▶ dispatcher ──claims──▶ Buffer ──▶ workers (1 thread = 1 slot) ──▶ Results ──▶ settler ──▶ Postgres
//!  (LISTEN)             ▲  └─ waits for a free slot, the bell, or the poll                             │
//!  mover  (due jobs) ───┘                                                       frees the slot ◀───────┘
//!  heartbeat  renews the node's lease, reads wishes         fence   stops claiming and work when it could not be renewed
//!  flusher    writes log lines, progress and checkpoints of all slots, twice a second
//!  firer      makes the jobs of schedules that are due
//!  sweeper    takes back what lost nodes held        duties   fold counts, make partitions, tidy up
//! ```
//! Heartbeat, settler, dispatcher, flusher, sweeper, mover and firer have a reserved connection each.
mod bell;
mod buffer;
mod dispatcher;
mod duties;
mod fence;
mod firer;
mod flusher;
mod heartbeat;
mod listener;
mod lost;
mod mover;
mod panics;
mod pool;
mod pulse;
mod results;
mod run;
mod settings;
mod settler;
#[cfg(test)]
mod simulation;
mod supervisor;
mod sweeper;
mod usage;

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use bell::Bell;
pub use duties::{Duty, DutyResult, Run};
pub use pulse::beat;
pub use run::Runners;
pub use settings::{EngineSettings, Scaling, SlotBounds};
pub use supervisor::Supervisor;

use crate::base::clock::{Clock, boottime};
use crate::base::db::{DbError, Link};
use crate::queue::job::{Fence, JobId};
use crate::queue::limits::Held;
use crate::queue::node::{self, Incarnation, Introduction};
use crate::queue::pool_sizes::PoolSize;
use crate::queue::template::RunnerKind;
use crate::queue::work::Stop;

/// How long draining waits, after the work was told to stop, for it to end: commands get TERM, then KILL after 10 s.
const STOP_GRACE: Duration = Duration::from_secs(12);

/// The same when the supervisor is gone: the next engine of this name is about to take everything back.
const ORPHAN_GRACE: Duration = Duration::from_secs(2);

/// What all threads of an engine share.
pub(crate) struct Shared {
    pub(crate) settings: EngineSettings,
    pub(crate) me: Incarnation,
    /// The node's name, as jobs see it.
    pub(crate) node: Arc<str>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) runners: Runners,
    pub(crate) fence: fence::Fence,
    pub(crate) buffer: buffer::Buffer,
    pub(crate) results: results::Results,
    pub(crate) pool: pool::Pool,
    /// Held from looking for room until claimed jobs are in the buffer, so that draining misses none in between.
    pub(crate) claiming: Mutex<()>,
    /// The places of lanes that admitted jobs hold here, until their results are recorded.
    pub(crate) places: Mutex<HashMap<(JobId, Fence), Held>>,
    /// Held while results are written and places given back, so that what this node holds stands still for whoever else
    /// holds it.
    pub(crate) settling: Mutex<()>,
    /// Jobs that were claimed without places have got some since: only `places` knows of them.
    pub(crate) adopted: AtomicBool,
    /// Somebody has changed the limits of a queue.
    pub(crate) limits_changed: AtomicBool,
    /// Decisions about the size of the pool that nobody has written yet.
    pub(crate) decided: Mutex<Vec<PoolSize>>,
    /// What this node uses of lanes may not be what is written.
    pub(crate) recount: AtomicBool,
    /// How long claims took of late.
    pub(crate) claim_times: dispatcher::ClaimTimes,
    /// Wakes the dispatcher.
    pub(crate) work_bell: Arc<dispatcher::Doorbell>,
    /// Wakes the heartbeat: an intent came, or the engine ends.
    pub(crate) pulse_bell: Bell,
    /// Wakes the mover.
    pub(crate) due_bell: Bell,
    /// Wakes the firer.
    pub(crate) fire_bell: Bell,
    /// Rung once: everything ends.
    pub(crate) ending: bell::Latch,
}

/// How an engine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineEnd {
    /// It drained in order.
    Drained,
    /// Another process took the node's name, or the node was declared lost: start again under a new epoch.
    Superseded,
}

/// A running engine.
pub struct Engine {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Registers the node, takes back what its earlier epochs held, and starts all threads.
    ///
    /// # Errors
    /// [`DbError`] when the database cannot be reached to register.
    pub fn start(
        settings: EngineSettings,
        clock: Arc<dyn Clock>,
        runners: Runners,
        duties: Vec<Duty>,
    ) -> Result<Self, DbError> {
        panics::install();
        let sent = boottime(); // before registering: the lease ends here before it ends in the database
        let (me, wanted) = introduce(&settings, &runners)?;
        let ceiling = settings.slots.ceiling();
        let shared = Arc::new(Shared {
            fence: fence::Fence::new(settings.lease, sent),
            buffer: buffer::Buffer::new(ceiling),
            results: results::Results::new(ceiling),
            pool: pool::Pool::new(settings.slots.or(wanted), ceiling, settings.scaling),
            claiming: Mutex::default(),
            places: Mutex::default(),
            settling: Mutex::default(),
            adopted: AtomicBool::new(false),
            limits_changed: AtomicBool::new(false),
            decided: Mutex::default(),
            recount: AtomicBool::new(false),
            claim_times: dispatcher::ClaimTimes::default(),
            work_bell: Arc::default(),
            pulse_bell: Bell::default(),
            due_bell: Bell::default(),
            fire_bell: Bell::default(),
            ending: bell::Latch::default(),
            node: Arc::from(settings.node.as_str()),
            settings,
            me,
            clock,
            runners,
        });
        let mut threads = start_threads(&shared);
        threads.extend(duties::start(&shared, duties));
        tracing::info!(node = %shared.settings.node, epoch = me.epoch, "the engine runs");
        Ok(Self { shared, threads })
    }

    /// Waits until the engine has to end: asked by [`Self::drain`] from a signal, or superseded.
    pub fn wait(&self, asked: impl Fn() -> bool) -> EngineEnd {
        loop {
            if asked() || pulse::is_orphaned() {
                return EngineEnd::Drained;
            }
            if self.shared.fence.is_superseded() {
                return EngineEnd::Superseded;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Claims nothing more, lets running work end within the drain time, then gives the rest back without counting it.
    pub fn drain(mut self, end: EngineEnd) {
        let shared = Arc::clone(&self.shared);
        shared.pool.start_draining();
        drop(shared.claiming.lock().unwrap_or_else(PoisonError::into_inner)); // a claim under way still fills the buffer
        shared.work_bell.ring();
        hand_back_unstarted(&shared);
        if end == EngineEnd::Drained {
            wait_idle(&shared, shared.settings.drain);
        }
        let why = if end == EngineEnd::Drained { Stop::Draining } else { Stop::LeaseLost };
        shared.pool.stop_for_good(why);
        wait_idle(&shared, STOP_GRACE);
        shared.ending.open();
        shared.results.close();
        shared.buffer.close();
        shared.work_bell.ring();
        for bell in [&shared.pulse_bell, &shared.due_bell, &shared.fire_bell] {
            bell.ring();
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the engine had panicked");
            }
        }
        sign_off(&shared);
    }
}

/// Registers the node, and reads the bounds of its slots that people want.
fn introduce(settings: &EngineSettings, runners: &Runners) -> Result<(Incarnation, Option<(u32, u32)>), DbError> {
    let mut link = Link::new(&settings.database_url, "engine start", Duration::from_secs(10));
    let queues = settings.queues.as_ref().map(|served| served.keys().cloned().collect::<Vec<_>>());
    link.with(|conn| {
        let me = node::register(
            conn,
            &Introduction {
                name: &settings.node,
                version: env!("CARGO_PKG_VERSION"),
                labels: &settings.labels,
                queues: queues.as_deref(),
                slots: (settings.slots.min, settings.slots.max),
                slots_ceiling: settings.slots.ceiling(),
                commands: runners.bounds(RunnerKind::Command),
            },
        )?;
        Ok((me, node::wanted_slots(conn, me)?))
    })
}

fn start_threads(shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
    type Part = fn(&Arc<Shared>);
    let parts: [(&str, Part); 9] = [
        ("fence", fence::watch),
        ("heartbeat", heartbeat::run),
        ("settler", settler::run),
        ("sweeper", sweeper::run),
        ("mover", mover::run),
        ("firer", firer::run),
        ("flusher", flusher::run),
        ("listener", listener::run),
        ("dispatcher", dispatcher::run),
    ];
    parts.into_iter().map(|(name, run)| spawn(name, shared, run)).collect()
}

/// Starts a named thread of the engine.
pub(crate) fn spawn(
    name: &str,
    shared: &Arc<Shared>,
    run: impl FnOnce(&Arc<Shared>) + Send + 'static,
) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::Builder::new()
        .name(format!("mr-{name}"))
        .spawn(move || panics::end_with(|| run(&shared)))
        .unwrap_or_else(|error| panic!("no thread for the engine's {name}: {error}")) // the supervisor starts us again
}

fn hand_back_unstarted(shared: &Shared) {
    dispatcher::give_back(shared, shared.buffer.take_all());
}

/// Waits until nothing is left to do, at most `limit`; much less once nobody waits for us any more.
fn wait_idle(shared: &Shared, limit: Duration) {
    let begun = Instant::now();
    let limit = || if pulse::is_orphaned() { limit.min(ORPHAN_GRACE) } else { limit };
    while begun.elapsed() < limit() && !(shared.buffer.unfinished() == 0 && shared.results.is_idle()) {
        thread::sleep(Duration::from_millis(10));
    }
}

fn sign_off(shared: &Shared) {
    let mut link = Link::new(&shared.settings.database_url, "engine end", Duration::from_secs(3));
    match link.with(|conn| node::sign_off(conn, shared.me)) {
        Ok(()) => tracing::info!(node = %shared.settings.node, "the engine has ended"),
        Err(error) => tracing::warn!(%error, "the engine ended without signing off; its lease runs out by itself"),
    }
}
