//! Hears notifications and rings the bells. The poll behind it makes a lost notification cost at most one second.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Shared;
use crate::base::db::{DbError, Listener};

/// The one channel of ours. Payloads: `ready`, `scheduled`, `all` (both), `limits`, `intent`, `schedules`.
const CHANNEL: &str = "millrace";

pub(crate) fn run(shared: &Arc<Shared>) {
    while !shared.ending.is_open() {
        if let Err(error) = listen(shared) {
            tracing::debug!(%error, "no notifications; polling");
            shared.ending.wait(Duration::from_millis(500));
        }
    }
}

fn listen(shared: &Shared) -> Result<(), DbError> {
    let mut listener = Listener::connect(&shared.settings.database_url, CHANNEL)?;
    // something may have come before we listened: look once
    ring(shared, "ready");
    ring(shared, "scheduled");
    ring(shared, "intent");
    ring(shared, "schedules");
    while !shared.ending.is_open() {
        for payload in listener.wait(-1, Duration::from_millis(500))? {
            ring(shared, &payload);
        }
    }
    Ok(())
}

fn ring(shared: &Shared, payload: &str) {
    match payload {
        "intent" => shared.pulse_bell.ring(),
        "scheduled" => shared.due_bell.ring(),
        "schedules" => shared.fire_bell.ring(),
        "limits" => {
            shared.limits_changed.store(true, Ordering::SeqCst);
            shared.work_bell.ring();
        }
        "all" => {
            shared.work_bell.ring();
            shared.due_bell.ring();
        }
        _ => shared.work_bell.ring(),
    }
}
