//! The embedded PostgreSQL: found or fetched, made, started, watched and ended by us.
//!
//! ```text
//!  Cluster::start                                       <data folder>/
//!    account   whose files and processes                  postgres/       the cluster
//!    lock      one Millrace per data folder  ───────────▶ postgres.lock   held while we live
//!    find      programs of the right version              postgres.init/  only while initdb runs
//!      fetch   …from the distribution's packages          postgres.log    10 MiB, then .log.1
//!    orphan    what an earlier server left behind
//!    init      initdb, then rename                      <socket folder>/  0700, outside the checkout
//!    server    spawned by a keeper thread ──────────────▶ .s.PGSQL.5432   the only way in
//!    ready     takes connections?
//! ```
//!
//! The server is a child that cannot outlive us: it gets `SIGINT` from the kernel when we die,
//! `kill -9` included. It listens on no port, so it never clashes with another PostgreSQL. As root it
//! runs under an account of its own; whoever reaches the socket is trusted, and only that account and
//! root do.
//!
//! Entry points: [`Cluster::start`] for the supervisor, [`Cluster::attach`] for the command line,
//! [`ClusterSettings::under`] and [`default_data_dir`] for the settings.

mod account;
mod error;
mod fetch;
mod find;
mod folder;
mod init;
mod lock;
mod log;
mod orphan;
mod process;
mod ready;
mod server;
mod settings;
mod tuning;
mod url;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

pub use error::ClusterError;
pub use settings::{ClusterSettings, default_data_dir};

use account::Account;
use lock::Lock;
use log::Log;
use process::{Keeper, poll};
use server::{Launch, Server};

/// The cluster's superuser.
pub const SUPERUSER: &str = "millrace";
/// The product's database.
pub const DATABASE: &str = "millrace";
/// Only a part of the socket's name: nothing listens on it.
const PORT: u16 = 5432;

/// How long a start waits for a Millrace that is just ending.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(3);
/// How long [`Cluster::attach`] waits for a cluster that is just starting.
const ATTACH_WAIT_MAX: Duration = Duration::from_secs(10);

/// A running server that ends when this value does.
pub struct Cluster {
    // In this order: the lock is freed only after the server has ended.
    server: Server,
    #[expect(dead_code, reason = "held, never read")]
    lock: Lock,
}

impl Cluster {
    /// Starts the server on the settings' data folder and waits until it takes connections.
    ///
    /// A missing cluster is made first (1 to 3 s; 10 s and 20 MB when programs must be fetched),
    /// one that crashed is recovered, and processes that an earlier server left behind are ended.
    /// May be called from any thread.
    ///
    /// # Errors
    /// Each names the act that mends it; nothing in an existing data folder was changed.
    pub fn start(settings: &ClusterSettings) -> Result<Cluster, ClusterError> {
        ready::check_socket_path(&settings.socket_dir)?;
        let account = account::for_cluster(&settings.data)?;
        let lock = prepare(settings, account.as_ref())?;
        let keeper = Keeper::start().map_err(ClusterError::when("start a thread"))?;
        let version = init::version_of(&settings.data)?;
        let programs = find::programs(&settings.data, version, &settings.cache, account.as_ref())?;
        if version.is_none() {
            init::create(settings, &programs, account.as_ref())?;
        }
        let log = Log::of(&settings.data);
        let settings = settings.clone();
        let server = Server::start(Launch { settings, programs, account, log, keeper })?;
        Ok(Cluster { server, lock })
    }

    /// Finds the cluster of the same data folder that another process runs.
    ///
    /// Waits up to 10 s for one that is starting. `None` when there is none, or not for us to enter:
    /// then [`start`](Cluster::start) starts one or says what is wrong.
    pub fn attach(settings: &ClusterSettings) -> Option<Running> {
        let lock = lock::path_for(&settings.data);
        let look = || {
            let running = Lock::is_held(&lock);
            let ready = running && ready::takes_connections(&settings.socket_dir);
            (ready || !running).then_some(ready)
        };
        let ready = poll(ATTACH_WAIT_MAX, look)?;
        ready.then(|| Running { socket_dir: settings.socket_dir.clone() })
    }

    /// A libpq URL for `user` on `database`; there are no passwords.
    pub fn url(&self, user: &str, database: &str) -> String {
        url::over_socket(&self.server.settings().socket_dir, user, database)
    }

    /// How the server ended; `None` while it runs.
    ///
    /// To be asked about once a second; each call also keeps the server's log within bounds.
    pub fn has_exited(&mut self) -> Option<ExitStatus> {
        self.server.exited()
    }

    /// Starts the server again, ending it first if it runs. The URL stays the same.
    ///
    /// # Errors
    /// As [`start`](Cluster::start); the cluster can be restarted again later.
    pub fn restart(&mut self) -> Result<(), ClusterError> {
        self.server.restart()
    }

    /// The number of the account that owns the server and its socket.
    ///
    /// Code that must not reach the database has to run under another one.
    pub fn server_uid(&self) -> u32 {
        self.server.account().map_or_else(settings::effective_uid, |account| account.uid)
    }

    /// Ends the server: politely for 30 s, then at once. Dropping does the same.
    ///
    /// # Errors
    /// [`ClusterError::Orphans`] when the server does not end even when killed.
    pub fn stop(mut self) -> Result<(), ClusterError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), ClusterError> {
        self.server.end()?;
        // Under the lock still, so it cannot be the folder of somebody who starts just now.
        folder::remove_if_empty(&self.server.settings().socket_dir);
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Err(problem) = self.end() {
            tracing::error!(%problem, "the database server was left running");
        }
    }
}

/// A cluster that another process runs.
#[derive(Clone, Debug)]
pub struct Running {
    socket_dir: PathBuf,
}

impl Running {
    /// A libpq URL for `user` on `database`; there are no passwords.
    pub fn url(&self, user: &str, database: &str) -> String {
        url::over_socket(&self.socket_dir, user, database)
    }
}

/// Makes the folders, checks that the server will reach them, and takes the lock.
fn prepare(settings: &ClusterSettings, account: Option<&Account>) -> Result<Lock, ClusterError> {
    let parent = settings.data.parent().unwrap_or(Path::new("/"));
    account::check_reachable(&settings.data, account)?;
    folder::make_parent(parent, account)?;
    account::check_reachable(&settings.data, account)?; // an older folder of that name may be closed
    let lock = Lock::take(&lock::path_for(&settings.data), account, LOCK_WAIT_MAX)?
        .ok_or_else(|| ClusterError::InUse { data: settings.data.clone() })?;
    folder::make_private(&settings.socket_dir, account)?;
    Ok(lock)
}
