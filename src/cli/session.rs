//! What a command works with: settings, database, clock, and whoever types, as an administrator.

use std::ffi::CStr;

use super::{Database, Failure, Globals};
use crate::base::clock::SystemClock;
use crate::base::db::{Connection, Db};
use crate::base::key::DataKey;
use crate::config::Config;
use crate::queue::actor::Actor;

/// What a command works with. The embedded cluster, if it was started for the command, ends with this value.
pub struct Session {
    /// The settings.
    pub config: Config,
    /// The time of day.
    pub clock: SystemClock,
    /// `cli:<unix user>`.
    pub actor: Actor,
    /// The data folder's key.
    pub key: DataKey,
    pool: Db, // dropped before the database is
    #[expect(dead_code, reason = "held: a started cluster ends with it")]
    database: Database,
}

impl Session {
    /// Opens the database and proves that whoever types may administer: they can read the data folder's key.
    ///
    /// # Errors
    /// The key may not be read or was never made, the database is away, or its schema is old.
    pub fn open(globals: &Globals) -> Result<Self, Failure> {
        let config = globals.settings()?;
        let key = DataKey::open(&config.data_dir)?; // whoever could make one could administer any database
        let database = Database::for_command(&config)?;
        database.check_schema()?;
        let pool = database.pool()?;
        Ok(Self { config, clock: SystemClock, actor: Actor::command_line(&unix_user()), key, pool, database })
    }

    /// Lends a connection.
    ///
    /// # Errors
    /// The database is away.
    pub fn connect(&self) -> Result<Connection, Failure> {
        Ok(self.pool.get()?)
    }
}

/// Names the user that this process acts as.
pub fn unix_user() -> String {
    // SAFETY: geteuid has no preconditions. getpwuid gives null or a pointer that is valid until the next call; commands
    // ask for it once, before they start threads.
    unsafe {
        let uid = libc::geteuid();
        let entry = libc::getpwuid(uid);
        if entry.is_null() { uid.to_string() } else { CStr::from_ptr((*entry).pw_name).to_string_lossy().into_owned() }
    }
}
