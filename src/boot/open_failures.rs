//! How many failure groups are open, for the rail of every page: somebody counts now and then, and pages only read it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::admin::failures::service;
use crate::base::db::Link;
use crate::web::kit::OpenFailures;

/// Time between two counts.
const COUNT_EVERY: Duration = Duration::from_secs(5);
/// Longest statement of a count.
const COUNT_MAX: Duration = Duration::from_secs(5);
/// Nobody has counted yet.
const UNKNOWN: i64 = -1;

/// Counts until it is dropped.
pub(super) struct Counting {
    open: Arc<AtomicI64>,
    _until_dropped: Sender<()>,
}

impl Counting {
    /// Gives the reader of the last count.
    pub(super) fn reader(&self) -> Arc<OpenFailures> {
        let open = Arc::clone(&self.open);
        Arc::new(move || Some(open.load(Ordering::Relaxed)).filter(|open| *open != UNKNOWN))
    }
}

/// Counts at once and from then on every 5 s, on a thread and a connection of its own.
///
/// # Errors
/// When no thread can be started. A database that is away is no error: the last count stands.
pub(super) fn count(database_url: &str) -> std::io::Result<Counting> {
    let open = Arc::new(AtomicI64::new(UNKNOWN));
    let (sender, receiver) = mpsc::channel::<()>();
    let (of_thread, mut link) = (Arc::clone(&open), Link::new(database_url, "web failures", COUNT_MAX));
    thread::Builder::new().name("mr-web-failures".into()).spawn(move || {
        loop {
            match link.with(service::open) {
                Ok(count) => of_thread.store(count, Ordering::Relaxed),
                Err(error) => tracing::debug!(%error, "open failure groups could not be counted"),
            }
            if receiver.recv_timeout(COUNT_EVERY) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    })?;
    Ok(Counting { open, _until_dropped: sender })
}
