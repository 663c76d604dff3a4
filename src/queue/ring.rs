//! Ringing the nodes after a commit.
//!
//! `NOTIFY` inside an enqueueing transaction takes a lock of the whole database until after the flush and cuts throughput to a
//! third; so we ring outside, on a connection of our own, and join rings that come within 5 ms of the last one.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use diesel::sql_types::Text;

use super::enqueue::NewJob;
use crate::base::db::{DbError, Link, PgConnection, statement};

/// Rings closer together than this are joined.
const JOIN: Duration = Duration::from_millis(5);

/// Whom a ring is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// Those who claim.
    Claimers,
    /// Those who move jobs when their time or their turn comes, too.
    All,
}

impl Call {
    /// Tells who has to hear of new jobs.
    pub fn about(jobs: &[NewJob]) -> Self {
        let is_moved = |job: &NewJob| job.ordering_key.is_some() || job.run_at.is_some() || job.delay_ms.is_some();
        if jobs.iter().any(is_moved) { Self::All } else { Self::Claimers }
    }

    fn payload(self) -> &'static str {
        match self {
            Self::Claimers => "ready",
            Self::All => "all",
        }
    }
}

#[derive(Default)]
struct Wanted {
    ring: Option<Call>,
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

    /// Tells all nodes that there may be work. Returns at once; call it after the commit.
    pub fn ring(&self, call: Call) {
        let shared = &self.0.0;
        let mut wanted = shared.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.ring = wanted.ring.max(Some(call));
        drop(wanted);
        shared.asked.notify_one();
    }
}

fn run(shared: &Shared, url: &str) {
    let mut link = Link::new(url, "ringer", Duration::from_secs(2));
    let mut last = Instant::now() - JOIN;
    while wait(shared) {
        thread::sleep(JOIN.saturating_sub(last.elapsed())); // at once when the last ring is old enough
        let call = shared.wanted.lock().unwrap_or_else(PoisonError::into_inner).ring.take();
        last = Instant::now();
        if let Err(error) = link.with(|conn| say(conn, call.unwrap_or(Call::Claimers))) {
            tracing::debug!(%error, "the nodes were not rung; they look by themselves within a second");
        }
    }
}

/// Waits for a ring; `false` once nobody is left to ring.
fn wait(shared: &Shared) -> bool {
    let wanted = shared.wanted.lock().unwrap_or_else(PoisonError::into_inner);
    let idle = |wanted: &mut Wanted| wanted.ring.is_none() && !wanted.closed;
    let wanted = shared.asked.wait_while(wanted, idle).unwrap_or_else(PoisonError::into_inner);
    !wanted.closed
}

/// Rings all once, on a connection at hand: for programs that end soon, and for what people do.
///
/// # Errors
/// Database failures.
pub fn notify(conn: &mut PgConnection) -> Result<(), DbError> {
    say(conn, Call::All)
}

/// Tells all nodes that a schedule may be due sooner than they think.
///
/// # Errors
/// Database failures.
pub fn tell_schedules(conn: &mut PgConnection) -> Result<(), DbError> {
    send(conn, "schedules")
}

/// Tells all nodes that the limits of a queue have changed.
///
/// # Errors
/// Database failures.
pub fn tell_limits(conn: &mut PgConnection) -> Result<(), DbError> {
    send(conn, "limits")
}

fn say(conn: &mut PgConnection, call: Call) -> Result<(), DbError> {
    send(conn, call.payload())
}

fn send(conn: &mut PgConnection, payload: &str) -> Result<(), DbError> {
    const SQL: &str = "-- queue::ring
SELECT pg_notify('millrace', $1)";
    statement(SQL).bind::<Text, _>(payload).run(conn)?;
    Ok(())
}
