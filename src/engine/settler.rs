//! Writes results, in batches of what came while the last batch was written.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use crate::base::db::{DbError, Link};
use crate::queue::settle::{Settlement, settle};

/// How often the settler looks whether the engine ends.
const LOOK: Duration = Duration::from_millis(500);

pub(crate) fn run(shared: &Arc<Shared>) {
    let mut link = Link::new(&shared.settings.database_url, "settler", Duration::from_secs(10));
    while let Some(batch) = shared.results.take_batch(LOOK) {
        if !batch.is_empty() {
            write(shared, &mut link, batch);
            shared.results.done();
            shared.work_bell.ring();
        }
    }
}

/// Keeps trying while the results may still count: after a lost COMMIT the same batch is settled again, and what was
/// recorded the first time is left out because its lease is gone.
fn write(shared: &Shared, link: &mut Link, batch: Vec<Settlement>) {
    let mut batches = vec![batch];
    while let Some(batch) = batches.pop() {
        match link.with(|conn| settle(conn, shared.me, &batch)) {
            Ok(settled) => tell_dropped(&batch, |result| settled.holds(result.job, result.fence)),
            Err(error) if error.is_passing() || matches!(error, DbError::TimedOut) => {
                if shared.fence.time_left().is_zero() || shared.ending.wait(link.pause().max(Duration::from_millis(20)))
                {
                    tracing::warn!(results = batch.len(), %error, "results could not be recorded; the jobs will run again");
                    return;
                }
                batches.push(batch);
            }
            // one bad result must not take the others down: halve until it stands alone
            Err(error) if batch.len() > 1 => {
                tracing::debug!(%error, "a batch was refused, settling its halves");
                let (left, right) = batch.split_at(batch.len() / 2);
                batches.extend([right.to_vec(), left.to_vec()]);
            }
            Err(error) => give_up(shared, link, &batch, &error),
        }
    }
}

/// A result that the database refuses (an output that jsonb cannot hold, say) fails its job with that reason.
fn give_up(shared: &Shared, link: &mut Link, batch: &[Settlement], error: &DbError) {
    use crate::queue::settle::{AttemptOutcome, Ending, Trouble};
    for result in batch {
        tracing::error!(job = %result.job, %error, "a result could not be recorded as it was");
        let error = format!("its result could not be recorded: {error}").replace('\0', "\u{fffd}");
        let trouble = Trouble { outcome: AttemptOutcome::Failed, error, trace: None };
        let plain = Settlement { ending: Ending::Failed(trouble), last_words: Vec::new(), ..result.clone() };
        if let Err(error) = link.with(|conn| settle(conn, shared.me, &[plain])) {
            tracing::error!(job = %result.job, %error, "it stays leased until this node restarts");
        }
    }
}

fn tell_dropped(batch: &[Settlement], recorded: impl Fn(&Settlement) -> bool) {
    for result in batch.iter().filter(|result| !recorded(result)) {
        tracing::warn!(job = %result.job, fence = %result.fence, "a late result was dropped: the job has another owner");
    }
}
