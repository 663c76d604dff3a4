//! Services are synchronous; pages are not. This is the bridge: work runs on actix's blocking threads, and whoever waits for it is
//! answered in time, whatever becomes of the way to the database.
//!
//! A way may swallow what is sent and stay open: a firewall that forgot a connection, a proxy that hangs. libpq then waits on, and
//! no limit of the server's has begun. So the waiting side looks:
//!
//! ```text
//! connect, look ── the idle connection says nothing ──▶ a fresh pool, once more ── nobody in time ──▶ away, nothing was done
//! work          ── waits long for one answer ──▶ is anybody there? ── nobody ──▶ a fresh pool, the outcome is not known
//! ```
//! The thread that hangs is left to the network, which notices within some 10 s.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::error::BlockingError;
use actix_web::rt::time::timeout;
use actix_web::web;

use crate::base::db::{Call, Connection, Db, DbError, PgConnection, statement};

/// A connection that does not say a word within this time hangs.
const WORD_WITHIN: Duration = Duration::from_millis(500);
/// Work that waits for one answer for so long raises the question whether anybody is there. Asked again as often.
const DOUBT_AFTER: Duration = Duration::from_millis(800);
/// A server that is there is heard within this time.
const HEARD_WITHIN: Duration = Duration::from_millis(500);
/// What a statement may take beyond its limit, which the server keeps.
const STATEMENT_MARGIN: Duration = Duration::from_secs(1);
/// How often whoever waits looks.
const LOOK: Duration = Duration::from_millis(100);

/// A pool whose work runs on blocking threads. Cheap to clone.
#[derive(Clone)]
pub struct Database(Arc<Mutex<Db>>);

impl Database {
    /// Wraps the pool of pages. Its `wait` bounds how long a request waits for a connection that answers.
    pub fn new(db: Db) -> Self {
        Self(Arc::new(Mutex::new(db)))
    }

    /// Gives the pool of the moment, for code that is already on a blocking thread.
    pub fn pool(&self) -> Db {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs `work` once, on a connection that answered a moment ago: after Postgres was restarted every pooled one is dead,
    /// and finding that out in the middle of a change would leave its outcome unknown.
    ///
    /// # Errors
    /// What `work` gives; [`DbError::Unavailable`] when no connection could be had in time or the server is shutting down;
    /// [`DbError::Lost`] when the database fell silent in the middle of the work.
    pub async fn run<T, E>(&self, work: impl FnOnce(&mut PgConnection) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        let (mut task, begun) = (Task::new(work), Instant::now());
        loop {
            let (db, call) = (self.pool(), Arc::new(Call::new()));
            let (own, lent, watched) = (task.clone(), db.clone(), Arc::clone(&call));
            let mut done = pin!(web::block(move || own.run(&lent, &watched)));
            let (hangs, is_late) = (|| call.silence() >= WORD_WITHIN, || begun.elapsed() >= db.wait_max());
            let waits_in_vain = || hangs() || is_late() || !self.pool().is(&db);
            if let Some(done) = until(done.as_mut(), || task.has_begun() || waits_in_vain()).await {
                return ended(done);
            }
            let Some(work) = task.take() else {
                let done = self.until_silent(done, &call, &db).await;
                return done.map_or_else(|| Err(E::from(DbError::Lost("the database fell silent".into()))), ended);
            };
            if hangs() {
                self.renew(&db);
            }
            if is_late() {
                return Err(E::from(DbError::Unavailable("the database does not answer".into())));
            }
            task = Task::new(work);
        }
    }

    /// Runs `work`, which may be repeated: on any connection, and again on another one when that turns out to be dead or silent.
    /// Spares what reads on every request the question whether its connection answers.
    ///
    /// # Errors
    /// What `work` gives; [`DbError::Unavailable`] when nothing answered in time.
    pub async fn look<T>(
        &self,
        work: impl Fn(&mut PgConnection) -> Result<T, DbError> + Send + Sync + 'static,
    ) -> Result<T, DbError>
    where
        T: Send + 'static,
    {
        let (work, begun) = (Arc::new(work), Instant::now());
        loop {
            let (db, call) = (self.pool(), Arc::new(Call::new()));
            let (own, lent, watched) = (Arc::clone(&work), db.clone(), Arc::clone(&call));
            let mut done = pin!(web::block(move || on_a_living_one(&lent, &watched, &*own)));
            let (hangs, is_late) = (|| call.silence() >= WORD_WITHIN, || begun.elapsed() >= db.wait_max());
            if let Some(done) = until(done.as_mut(), || hangs() || is_late() || !self.pool().is(&db)).await {
                return ended(done);
            }
            if hangs() {
                self.renew(&db);
            }
            if is_late() {
                return Err(DbError::Unavailable("the database does not answer".into()));
            }
        }
    }

    /// Waits until work has ended; `None` when nobody is there who could end it.
    async fn until_silent<F: Future>(&self, mut done: Pin<&mut F>, call: &Call, db: &Db) -> Option<F::Output> {
        let mut ask_at = Instant::now();
        loop {
            let doubts = || call.silence() >= DOUBT_AFTER && Instant::now() >= ask_at;
            if let Some(done) = until(done.as_mut(), doubts).await {
                return Some(done);
            }
            if call.silence() >= db.statement_max() + STATEMENT_MARGIN || !is_heard(db).await {
                self.renew(db);
                return None;
            }
            ask_at = Instant::now() + DOUBT_AFTER;
        }
    }

    /// Puts a fresh pool in the place of one whose connections hang.
    fn renew(&self, db: &Db) {
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if present.is(db) {
            tracing::warn!("the database says nothing on connections that are open; pages leave them for fresh ones");
            *present = db.renewed();
        }
    }
}

/// Work that runs once, or is taken back before it begins.
struct Task<W>(Arc<Mutex<Option<W>>>);

impl<W> Clone for Task<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W> Task<W> {
    fn new(work: W) -> Self {
        Self(Arc::new(Mutex::new(Some(work))))
    }

    fn take(&self) -> Option<W> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn has_begun(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn run<T, E: From<DbError>>(&self, db: &Db, call: &Call) -> Result<T, E>
    where
        W: FnOnce(&mut PgConnection) -> Result<T, E>,
    {
        let mut conn = live_connection(db, call)?;
        let taken_back = || DbError::Unavailable("nobody waits for it any more".into());
        let work = self.take().ok_or_else(taken_back)?;
        call.watch(|| work(&mut conn))
    }
}

fn ended<T, E: From<DbError>>(done: Result<Result<T, E>, BlockingError>) -> Result<T, E> {
    let lost = "what was asked for was not ended: a fault of this program, or the server is shutting down";
    done.unwrap_or_else(|_| Err(E::from(DbError::Corrupt(lost.into()))))
}

/// Waits for `done`; `None` once somebody who looks now and then `gives_up`.
async fn until<F: Future>(mut done: Pin<&mut F>, gives_up: impl Fn() -> bool) -> Option<F::Output> {
    loop {
        match timeout(LOOK, done.as_mut()).await {
            Ok(done) => return Some(done),
            Err(_) if gives_up() => return None,
            Err(_) => {}
        }
    }
}

/// Tells whether a database answers to a fresh connection.
async fn is_heard(db: &Db) -> bool {
    let asked = db.clone();
    matches!(timeout(HEARD_WITHIN, web::block(move || asked.is_heard())).await, Ok(Ok(true)))
}

/// Runs `work` on one connection after the other until one is not dead.
fn on_a_living_one<T>(
    db: &Db,
    call: &Call,
    work: impl Fn(&mut PgConnection) -> Result<T, DbError>,
) -> Result<T, DbError> {
    let begun = Instant::now();
    loop {
        let mut conn = db.get()?;
        match call.watch(|| work(&mut conn)) {
            Err(DbError::Lost(_)) if begun.elapsed() < db.wait_max() => {} // dropped broken, so the pool makes another one
            done => return done,
        }
    }
}

/// Takes a connection that answers.
fn live_connection(db: &Db, call: &Call) -> Result<Connection, DbError> {
    let begun = Instant::now();
    loop {
        let mut conn = db.get()?;
        match call.watch(|| statement("SELECT 1").run(&mut conn)) {
            Ok(_) => return Ok(conn),
            Err(error) if begun.elapsed() >= db.wait_max() => return Err(error),
            Err(_) => {} // dropped broken, so the pool makes another one
        }
    }
}
