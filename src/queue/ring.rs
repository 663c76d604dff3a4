//! Ringing the nodes after a commit.
//!
//! `NOTIFY` inside an enqueueing transaction takes a lock of the whole database until after the flush and cuts throughput to a
//! third; so we ring outside, on a connection of our own, and join rings that come within 5 ms of the last one.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use diesel::sql_types::Text;

use crate::base::db::{DbError, Link, PgConnection, statement};

/// Rings closer together than this are joined.
const JOIN: Duration = Duration::from_millis(5);

#[derive(Default)]
struct Wanted {
    ring: bool,
    closed: bool,
}

struct Shared {
    wanted: Mutex<Wanted>,
    asked: Condvar,
}

/// Rings the nodes of the whole cluster. Cheap to clone; the thread behind it ends with the last clone.
#[derive(Clone)]
pub struct Ringer(Arc<Handle>);

struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.0.asked.notify_one();
    }
}

impl Ringer {
    /// Starts the ringing thread over a database.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(database_url: &str) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { wanted: Mutex::default(), asked: Condvar::new() });
        let (of_thread, url) = (Arc::clone(&shared), database_url.to_owned());
        thread::Builder::new().name("mr-ringer".into()).spawn(move || run(&of_thread, &url))?;
        Ok(Self(Arc::new(Handle(shared))))
    }

    /// Tells all dispatchers that there may be work. Returns at once; call it after the commit.
    pub fn ring(&self) {
        let shared = &self.0.0;
        shared.wanted.lock().unwrap_or_else(PoisonError::into_inner).ring = true;
        shared.asked.notify_one();
    }
}

fn run(shared: &Shared, url: &str) {
    let mut link = Link::new(url, "ringer", Duration::from_secs(2));
    let mut last = Instant::now() - JOIN;
    while wait(shared) {
        thread::sleep(JOIN.saturating_sub(last.elapsed())); // at once when the last ring is old enough
        shared.wanted.lock().unwrap_or_else(PoisonError::into_inner).ring = false;
        last = Instant::now();
        if let Err(error) = link.with(notify) {
            tracing::debug!(%error, "the nodes were not rung; they look by themselves within a second");
        }
    }
}

/// Waits for a ring; `false` once nobody is left to ring.
fn wait(shared: &Shared) -> bool {
    let wanted = shared.wanted.lock().unwrap_or_else(PoisonError::into_inner);
    let idle = |wanted: &mut Wanted| !wanted.ring && !wanted.closed;
    let wanted = shared.asked.wait_while(wanted, idle).unwrap_or_else(PoisonError::into_inner);
    !wanted.closed
}

/// Rings once, on a connection at hand: for programs that end soon.
///
/// # Errors
/// Database failures.
pub fn notify(conn: &mut PgConnection) -> Result<(), DbError> {
    const SQL: &str = "-- queue::ring
SELECT pg_notify('millrace', $1)";
    statement(SQL).bind::<Text, _>("ready").run(conn)?;
    Ok(())
}
