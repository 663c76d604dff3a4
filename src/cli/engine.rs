//! `millrace engine`: the process that runs jobs, started and watched by `serve`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::{Answer, Failure, Globals, logging};
use crate::base::clock::SystemClock;
use crate::base::signals;
use crate::boot::{duties, runners};
use crate::config::Config;
use crate::engine::{self, Engine, EngineEnd, EngineSettings, SlotBounds};
use crate::queue::work::Registry;

/// Longest wait for a notification before looking by oneself.
const POLL: Duration = Duration::from_secs(1);

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
    loop {
        let engine =
            Engine::start(settings(&config, url.clone()), Arc::new(SystemClock), runners.clone(), duties::all())?;
        let end = engine.wait(|| signals::asked_to_end() > 0);
        engine.drain(end);
        if end == EngineEnd::Drained {
            return Ok(Answer::nothing());
        }
        tracing::warn!("the node was declared lost; it starts again under a new epoch");
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
        queues: config.queues.as_ref().map(weights),
        labels: json!(config.labels),
        lease: config.timing.lease,
        heartbeat: config.timing.heartbeat,
        drain: config.timing.drain,
        poll: POLL,
    }
}
