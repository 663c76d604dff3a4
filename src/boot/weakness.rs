//! Weak durability: settings of PostgreSQL by which a crash may lose what was acknowledged. They can change at any time, so
//! somebody looks now and then and every page tells.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::admin::health::service::{self, Finding};
use crate::base::db::Link;
use crate::web::parts::Notice;

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Longest statement of a look.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// What stands above every page because of it.
pub(super) type Found = Arc<Mutex<Vec<Notice>>>;

/// Looks until it is dropped.
pub(super) struct Watch {
    found: Found,
    _until_dropped: Sender<()>,
}

impl Watch {
    /// Gives what the last look found.
    pub(super) fn found(&self) -> &Found {
        &self.found
    }
}

/// Looks once, and from then on every 5 s.
///
/// # Errors
/// When no thread can be started. A database that is away is no error: the next look finds it.
pub(super) fn watch(database_url: &str) -> std::io::Result<Watch> {
    let found = Found::default();
    look(database_url, &found);
    let (sender, receiver) = mpsc::channel::<()>();
    let (of_thread, url) = (Arc::clone(&found), database_url.to_owned());
    thread::Builder::new().name("mr-web-watch".into()).spawn(move || {
        while receiver.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            look(&url, &of_thread);
        }
    })?;
    Ok(Watch { found, _until_dropped: sender })
}

/// On a connection of its own: what is set for a role or a database holds for sessions that begin. What cannot be looked at is
/// left as it was.
fn look(database_url: &str, found: &Found) {
    let weak = match Link::new(database_url, "web watch", LOOK_MAX).with(service::durability) {
        Ok(weak) => weak,
        Err(error) => return tracing::debug!(%error, "durability could not be looked at"),
    };
    let notices: Vec<Notice> = weak.iter().map(notice).collect();
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    if *found != notices {
        weak.iter().for_each(|finding| tracing::error!("weak durability: {finding}"));
        if weak.is_empty() {
            tracing::info!("durability is as it should be");
        }
        *found = notices;
    }
}

fn notice(finding: &Finding) -> Notice {
    let act = finding.act.replace('`', "");
    Notice::failed("Work may be lost in a crash.").saying(format!("{}. To mend it, {act}.", finding.problem))
}
