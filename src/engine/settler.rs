//! Writes results, in batches of what came while the last batch was written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Shared;
use crate::base::db::{DbError, Link, keep_plans};
use crate::queue::claim::CLAIM_BATCH_MAX;
use crate::queue::settle::{SETTLE_BATCH_MAX, Settlement, settle};

/// How often the settler looks whether the engine ends.
const LOOK: Duration = Duration::from_millis(500);
/// Longest wait for more results.
const COMPANY_WAIT_MAX: Duration = Duration::from_millis(5);
/// Time between two looks for more results.
const COMPANY_LOOK: Duration = Duration::from_micros(500);

pub(crate) fn run(shared: &Arc<Shared>) {
    let mut link = Link::new(&shared.settings.database_url, "settler", Duration::from_secs(10)).prepared(keep_plans);
    let mut batch = Vec::new();
    while shared.results.take_batch(&mut batch, LOOK) {
        if batch.is_empty() {
            continue;
        }
        wait_for_company(shared, &mut batch);
        let backlog = batch.len() + shared.results.len();
        tracing::trace!(results = batch.len(), backlog, "settling");
        write(shared, &mut link, &batch);
        batch.clear();
        shared.results.done();
        if backlog > CLAIM_BATCH_MAX as usize {
            shared.work_bell.nudge(); // it may have waited for the backlog to go down
        }
    }
}

/// While short jobs are at hand, many more results come within a moment: written together they cost a fraction, and their
/// leases end whole. A lone result never waits.
fn wait_for_company(shared: &Shared, batch: &mut Vec<Settlement>) {
    let end = Instant::now() + COMPANY_WAIT_MAX;
    while batch.len() < SETTLE_BATCH_MAX && shared.pool.is_quick() && shared.buffer.held() > 0 && Instant::now() < end {
        std::thread::sleep(COMPANY_LOOK);
        shared.results.take_more(batch);
    }
}

/// Keeps trying while the results may still count: after a lost COMMIT the same batch is settled again, and what was
/// recorded the first time is left out because its lease is gone.
fn write(shared: &Shared, link: &mut Link, batch: &[Settlement]) {
    let mut batches = vec![batch];
    while let Some(batch) = batches.pop() {
        match link.with(|conn| settle(conn, shared.me, batch)) {
            Ok(settled) => tell_dropped(batch, |result| settled.holds(result.job, result.fence)),
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
                batches.extend([right, left]);
            }
            Err(error) => give_up(shared, link, batch, &error),
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
