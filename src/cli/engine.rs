//! `millrace engine`: the process that runs jobs, started and watched by `serve`.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::{Answer, Failure, Globals, logging};
use crate::base::clock::SystemClock;
use crate::base::db::longest_silence;
use crate::base::signals;
use crate::boot::{duties, runners};
use crate::config::Config;
use crate::engine::{self, Engine, EngineEnd, EngineSettings, Scaling, SlotBounds};
use crate::queue::work::Registry;

/// Longest wait for a notification before looking by oneself.
const POLL: Duration = Duration::from_secs(1);
/// How long an engine whose node was declared lost may take to end: its work gets 12 s to stop, more is a thread that hangs.
const SUPERSEDED_END_MAX: Duration = Duration::from_secs(20);
/// Longest wait for one answer of the database. The engine's own statements are stopped by the server after 30 s.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// `serve` hands the settings on as variables; `DATABASE_URL` is then that of the runtime role.
pub(super) fn run(globals: &Globals, registry: &Registry) -> Result<Answer, Failure> {
    signals::hide_process()?;
    let config = globals.settings()?;
    logging::start(&config.logging)?;
    signals::listen();
    engine::beat().map_err(|error| Failure::refused(format!("no thread can be started: {error}")))?;
    let url = config
        .database_url
        .clone()
        .ok_or_else(|| Failure::usage("`millrace engine` is started by `millrace serve`"))?;
    let runners = runners::all(&config, registry).map_err(|error| Failure::refused(error.to_string()))?;
    let duties = duties::all(config.history_days);
    let engine = Engine::start(settings(&config, url), Arc::new(SystemClock), runners, duties)?;
    let end = engine.wait(|| {
        end_if_hung();
        signals::asked_to_end() > 0
    });
    if end == EngineEnd::Superseded {
        end_at_the_latest();
    }
    engine.drain(end);
    match end {
        EngineEnd::Drained => Ok(Answer::nothing()),
        // in a new process: what did not hear that it shall stop ends with this one
        EngineEnd::Superseded => Err(Failure::refused("the node was declared lost; it starts again under a new epoch")),
    }
}

/// Ends the process when its way to the database hangs: nothing else gets a thread out of such a call. What it held comes back
/// by its lease.
fn end_if_hung() {
    let silence = longest_silence();
    if silence > SILENCE_MAX {
        tracing::error!(?silence, "the database's answer does not come and the connection stays open; starting again");
        std::process::exit(1);
    }
}

/// Ends the process soon, whatever hangs: its supervisor starts another one.
fn end_at_the_latest() {
    let watch = thread::Builder::new().name("mr-end".into()).spawn(|| {
        thread::sleep(SUPERSEDED_END_MAX);
        tracing::error!("the engine does not end; its process does");
        std::process::exit(1);
    });
    if let Err(error) = watch {
        tracing::error!(%error, "nobody watches the end of the engine");
    }
}

fn settings(config: &Config, database_url: String) -> EngineSettings {
    let weights = |shares: &Vec<crate::config::QueueShare>| {
        shares.iter().map(|share| (share.queue.to_string(), share.weight)).collect()
    };
    EngineSettings {
        database_url,
        node: config.node.clone(),
        slots: SlotBounds { min: config.slots.min, max: config.slots.max },
        scaling: Scaling { dry_run: config.scaling_is_dry, ..Scaling::default() },
        queues: config.queues.as_ref().map(weights),
        labels: config.labels.clone(),
        lease: config.timing.lease,
        heartbeat: config.timing.heartbeat,
        drain: config.timing.drain,
        aging: config.timing.aging,
        poll: POLL,
    }
}
