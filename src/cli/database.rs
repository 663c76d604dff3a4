//! The database of a command: `DATABASE_URL` if set, else the embedded cluster of the data folder, which is attached to
//! when it runs and started for the length of the command when it does not.

use std::time::Duration;

use diesel::Connection;
use diesel::connection::SimpleConnection;

use super::Failure;
use crate::admin::health::service as health;
use crate::base::db::{Db, DbError, PgConnection, PoolSettings, migrate, url};
use crate::cluster::{Cluster, ClusterSettings, DATABASE, Running, SUPERUSER};
use crate::config::Config;

/// The login role of `sql` jobs in the embedded cluster.
const SQL_ROLE: &str = "millrace_sql";
/// How long a command waits for a connection.
const CONNECTION_WAIT_MAX: Duration = Duration::from_secs(10);
/// Longest statement of a command.
const STATEMENT_MAX: Duration = Duration::from_secs(60);

/// Where the database is. An embedded cluster that was started ends with this value.
pub enum Database {
    /// `DATABASE_URL`.
    Elsewhere {
        /// The URL.
        url: String,
    },
    /// The embedded cluster that another Millrace runs.
    Attached(Running),
    /// The embedded cluster, run by this process.
    Started(Box<Cluster>),
}

impl Database {
    /// Finds the database for one command.
    ///
    /// # Errors
    /// Why the embedded cluster cannot be started.
    pub fn for_command(config: &Config) -> Result<Self, Failure> {
        if let Some(url) = &config.database_url {
            return Ok(Self::Elsewhere { url: url.clone() });
        }
        let settings = ClusterSettings::under(&config.data_dir)?;
        match Cluster::attach(&settings) {
            Some(running) => Ok(Self::Attached(running)),
            None => Ok(Self::Started(Box::new(Cluster::start(&settings)?))),
        }
    }

    /// Finds the database for a server, which must own the embedded cluster.
    ///
    /// # Errors
    /// Why the embedded cluster cannot be started; also when another Millrace runs on the data folder.
    pub fn for_server(config: &Config) -> Result<Self, Failure> {
        match &config.database_url {
            Some(url) => Ok(Self::Elsewhere { url: url.clone() }),
            None => Ok(Self::Started(Box::new(Cluster::start(&ClusterSettings::under(&config.data_dir)?)?))),
        }
    }

    /// Gives the libpq URL for migrations: that of the schema's owner.
    pub fn owner_url(&self) -> String {
        self.url_of(SUPERUSER)
    }

    /// Gives the libpq URL of `DATABASE_URL`, or that of `user` in a cluster of our own, where there are no passwords.
    fn url_of(&self, user: &str) -> String {
        let plain = match self {
            Self::Elsewhere { url } => url.clone(),
            Self::Attached(running) => running.url(user, DATABASE),
            Self::Started(cluster) => cluster.url(user, DATABASE),
        };
        url::with_limits(&plain)
    }

    /// Gives the libpq URL for everything else: a login of the runtime role in a cluster of our own; elsewhere the given
    /// login acting as that role, where it may.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn runtime_url(&self) -> Result<String, Failure> {
        let Some(role) = health::runtime_role(&mut self.owner()?)? else { return Ok(self.owner_url()) };
        Ok(match self {
            Self::Elsewhere { .. } => url::as_role(&self.owner_url(), role),
            Self::Attached(_) | Self::Started(_) => self.url_of(role),
        })
    }

    /// Gives the libpq URL for the statements of `sql` jobs: what `given` says, else a login role of its own in the embedded
    /// cluster. Elsewhere there is none: over `DATABASE_URL` the statements of jobs would have the rights of the schema's owner.
    pub fn sql_url(&self, given: Option<&str>) -> Option<String> {
        match (given, self) {
            (Some(given), _) => Some(url::with_limits(given)),
            (None, Self::Elsewhere { .. }) => None,
            (None, Self::Attached(_) | Self::Started(_)) => Some(self.url_of(SQL_ROLE)),
        }
    }

    /// Brings the schema up to date and gives the versions that were applied. In a cluster of our own `sql` jobs also get a
    /// schema to work in; elsewhere the organisation grants what they may touch.
    ///
    /// # Errors
    /// The database cannot be reached, or a migration fails; nothing of the failed one is kept.
    pub fn migrate(&self) -> Result<Vec<String>, Failure> {
        const ROOM: &str = "SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS app AUTHORIZATION millrace_sql; \
                            ALTER ROLE millrace_sql SET search_path = app, public";
        let mut owner = self.owner()?;
        let applied = migrate::migrate(&mut owner)?;
        if let Self::Started(_) = self {
            owner.batch_execute(ROOM).map_err(DbError::from)?;
        }
        Ok(applied)
    }

    /// Opens a connection of the schema's owner.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn owner(&self) -> Result<PgConnection, Failure> {
        let away = |error: diesel::ConnectionError| DbError::Unavailable(error.to_string());
        Ok(PgConnection::establish(&self.owner_url()).map_err(away)?)
    }

    /// Makes sure that the schema is up to date: a cluster of our own is brought up to date, another database is not
    /// touched by a command, because other versions may be running on it.
    ///
    /// # Errors
    /// [`Failure`] naming `millrace migrate` when migrations are missing elsewhere.
    pub fn check_schema(&self) -> Result<(), Failure> {
        let mut owner = self.owner()?;
        let pending = migrate::pending(&mut owner)?;
        if pending.is_empty() {
            return Ok(());
        }
        if let Self::Started(_) = self {
            self.migrate()?;
            return Ok(());
        }
        Err(Failure::refused(format!(
            "the schema lacks {} migrations, from {} on: run `millrace migrate`",
            pending.len(),
            pending[0]
        )))
    }

    /// Ends an embedded cluster that this process runs.
    ///
    /// # Errors
    /// The server does not end.
    pub fn end(self) -> Result<(), Failure> {
        match self {
            Self::Started(cluster) => Ok(cluster.stop()?),
            Self::Elsewhere { .. } | Self::Attached(_) => Ok(()),
        }
    }

    /// Makes a small pool for one command.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub fn pool(&self) -> Result<Db, Failure> {
        let settings =
            PoolSettings { name: "command", connections_max: 2, wait: CONNECTION_WAIT_MAX, statement: STATEMENT_MAX };
        Ok(Db::new(&self.runtime_url()?, settings))
    }
}
