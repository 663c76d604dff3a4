//! Renews the node's lease and reads what people want of running jobs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shared;
use crate::base::clock::boottime;
use crate::base::db::{DbError, Link};
use crate::queue::control;
use crate::queue::node::{Heard, Pulse, Wishes, heartbeat};

/// Time between two complaints about heartbeats that are not answered.
const COMPLAIN_EVERY: Duration = Duration::from_secs(2);

pub(crate) fn run(shared: &Arc<Shared>) {
    // after an outage it must be heard again before others, who wait one lease, call this node lost
    let mut link = Link::new(&shared.settings.database_url, "heartbeat", Duration::from_secs(2))
        .pausing_at_most(shared.settings.heartbeat);
    let mut last_beat = Instant::now() - shared.settings.heartbeat;
    let mut complain_at = Instant::now();
    while !shared.ending.is_open() {
        if last_beat.elapsed() >= shared.settings.heartbeat {
            match beat(shared, &mut link) {
                Ok(()) => last_beat = Instant::now(),
                Err(error) if Instant::now() >= complain_at => {
                    tracing::warn!(%error, left_ms = shared.fence.time_left().as_millis() as u64, "no heartbeat");
                    complain_at = Instant::now() + COMPLAIN_EVERY;
                }
                Err(_) => {} // tried again many times a second: once is enough to say
            }
        }
        obey_intents(shared, &mut link);
        let until_next = shared.settings.heartbeat.saturating_sub(last_beat.elapsed());
        shared.pulse_bell.wait(until_next.clamp(Duration::from_millis(50), Duration::from_secs(1)));
    }
}

/// Sends one heartbeat and does what the answer says.
fn beat(shared: &Shared, link: &mut Link) -> Result<(), DbError> {
    let sent = boottime(); // before sending: the lease ends here before it ends in the database
    match link.with(|conn| heartbeat(conn, shared.me, &pulse(shared)))? {
        Heard::Renewed(wishes) => {
            shared.fence.renew(sent);
            obey(shared, wishes);
        }
        Heard::Superseded => {
            tracing::error!("this node was declared lost or its name was taken over; stopping all work");
            shared.fence.supersede();
        }
    }
    Ok(())
}

/// Does as people want: takes new work or none, has its slots between their bounds or those of its own setting.
fn obey(shared: &Shared, Wishes { drain, slots }: Wishes) {
    if shared.pool.rest(drain) {
        tracing::info!(rests = drain, "told whether to take new work");
        shared.work_bell.ring();
    }
    let bounds = shared.settings.slots.or(slots);
    if shared.pool.bound(bounds) {
        tracing::info!(%bounds, "told between which bounds the slots are");
        shared.work_bell.ring(); // the dispatcher gives the pool its size
    }
}

fn pulse(shared: &Shared) -> Pulse {
    Pulse {
        slots: shared.pool.size(),
        busy: shared.pool.busy(),
        memory_bytes: resident_bytes(),
        draining: shared.pool.is_draining(),
        claims: shared.claim_times.last_minute(Instant::now()),
        clock_ms: shared.clock.now().timestamp_millis(),
    }
}

/// Reads the process's resident memory; 0 when /proc does not tell.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let resident = pages.as_deref().and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    resident.unwrap_or(0) * 4096
}

fn obey_intents(shared: &Shared, link: &mut Link) {
    if shared.pool.busy() == 0 {
        return;
    }
    match link.with(|conn| control::intents_of_node(conn, shared.me)) {
        Ok(intents) => {
            for intent in intents {
                shared.pool.cancel(&intent);
            }
        }
        Err(error) => tracing::debug!(%error, "intents could not be read"),
    }
}
