//! Writes what running work said, for all slots together, twice a second; and what was decided about the size of the pool.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use super::Shared;
use super::pool::{Running, Written};
use crate::base::db::Link;
use crate::queue::log::{self, Chunk, Sign};
use crate::queue::pool_sizes;

/// Time between two writings.
const TICK: Duration = Duration::from_millis(400);

pub(crate) fn run(shared: &Arc<Shared>) {
    let mut link = Link::new(&shared.settings.database_url, "flusher", Duration::from_secs(5));
    while !shared.ending.wait(TICK) {
        record_sizes(shared, &mut link);
        let running = shared.pool.running();
        let (chunks, signs) = collect(&running);
        if chunks.is_empty() && signs.is_empty() {
            continue;
        }
        let wrote = link.with(|conn| {
            log::append(conn, shared.me, chunks.iter())?;
            log::write_signs(conn, shared.me, &signs)
        });
        match wrote {
            Ok(_) => forget_written(&running, &chunks, &signs),
            Err(error) => tracing::debug!(%error, "log lines wait for the database"), // progress comes again, the rest is kept
        }
    }
}

/// Writes what was decided about the size of the pool.
fn record_sizes(shared: &Shared, link: &mut Link) {
    let decided = || shared.decided.lock().unwrap_or_else(PoisonError::into_inner);
    let sizes = std::mem::take(&mut *decided());
    if sizes.is_empty() {
        return;
    }
    if let Err(error) = link.with(|conn| pool_sizes::record(conn, shared.me, &sizes)) {
        tracing::debug!(%error, "decisions about worker threads wait for the database");
        decided().splice(0..0, sizes);
    }
}

fn written(running: &Running) -> MutexGuard<'_, Written> {
    running.written.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes what each running attempt said. Taking and numbering happen under one lock, because the worker does the same with
/// the last words.
fn collect(running: &[Arc<Running>]) -> (Vec<Chunk>, Vec<Sign>) {
    let (mut chunks, mut signs) = (Vec::new(), Vec::new());
    for running in running {
        let context = &running.context;
        if let Err(stop) = context.check() {
            tracing::trace!(job = %context.job(), %stop, "running past its stop"); // the check has woken it
        }
        let mut written = written(running);
        let mut said = context.take_said();
        let progress = said.progress.take();
        chunks.extend(written.next(context, said));
        if progress.is_some() || written.checkpoint.is_some() {
            written.signed = true;
            let (job, fence) = (context.job(), context.fence());
            signs.push(Sign { job, fence, progress, checkpoint: written.checkpoint.clone() });
        }
    }
    (chunks, signs)
}

fn forget_written(running: &[Arc<Running>], chunks: &[Chunk], signs: &[Sign]) {
    for running in running {
        let (job, fence) = (running.context.job(), running.context.fence());
        let of_this = chunks.iter().filter(|chunk| chunk.fence == fence && chunk.job == job);
        if let Some(last) = of_this.map(|chunk| chunk.chunk).max() {
            written(running).committed(last + 1);
        }
        let sign = signs.iter().find(|sign| sign.fence == fence && sign.job == job);
        if let Some(checkpoint) = sign.and_then(|sign| sign.checkpoint.as_ref()) {
            written(running).saved(checkpoint);
        }
    }
}
