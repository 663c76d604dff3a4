//! Where the database is, and under which roles we use it.
//!
//! | role | used for |
//! |---|---|
//! | owner | migrations; `millrace` in the embedded cluster, else whom `DATABASE_URL` names |
//! | `millrace_app` | everything at run time: cannot change the schema, nor update or delete audit records |
//! | `millrace_sql` | the statements of `sql` jobs: may do what the organisation grants it |
//! | `millrace_client` | applications: may call `millrace.enqueue` and `millrace.enqueue_many`, nothing else |

use std::time::Duration;

use diesel::connection::SimpleConnection;

use super::BootError;
use crate::base::db::{DbError, Link, migrate, url};
use crate::cluster::{Cluster, ClusterSettings, DATABASE, SUPERUSER};
use crate::config::Config;

/// The URLs of a database, by role.
#[derive(Debug, Clone)]
pub struct Urls {
    /// For migrations.
    pub owner: String,
    /// For everything at run time.
    pub app: String,
    /// For the statements of `sql` jobs.
    pub sql: String,
    /// For applications on this machine; shown, not used by us.
    pub client: String,
}

impl Urls {
    fn embedded(url: impl Fn(&str, &str) -> String) -> Self {
        let as_user = |user| url(user, DATABASE);
        Self {
            owner: as_user(SUPERUSER),
            app: as_user("millrace_app"),
            sql: as_user("millrace_sql"),
            client: as_user("millrace_client"),
        }
    }

    /// A database of the organisation: we act as whom its URL names. `sql` jobs run as the role of `MILLRACE_SQL_URL`.
    fn given(database_url: &str, sql_url: Option<&str>) -> Self {
        let own = database_url.to_owned();
        let sql = sql_url.map_or_else(|| own.clone(), str::to_owned);
        Self { owner: own.clone(), app: own.clone(), sql, client: own }
    }
}

/// A database that is ready to be used, and the server behind it if it is ours.
pub struct Opened {
    /// How to reach it.
    pub urls: Urls,
    /// Our own server; `None` = somebody else runs it.
    pub cluster: Option<Cluster>,
}

/// Opens the configured database: starts the embedded server, or attaches to the one that runs already over the same data folder.
///
/// # Errors
/// [`BootError`] with the act to take.
pub fn open(config: &Config) -> Result<Opened, BootError> {
    if let Some(database_url) = &config.database_url {
        return Ok(Opened { urls: Urls::given(database_url, config.sql_url.as_deref()), cluster: None });
    }
    let settings = embedded(config)?;
    if let Some(running) = Cluster::attach(&settings) {
        return Ok(Opened { urls: Urls::embedded(|user, database| running.url(user, database)), cluster: None });
    }
    let cluster = Cluster::start(&settings).map_err(|error| BootError(error.to_string()))?;
    Ok(Opened { urls: Urls::embedded(|user, database| cluster.url(user, database)), cluster: Some(cluster) })
}

/// Gives the settings of the embedded server of this configuration's data folder.
///
/// # Errors
/// [`BootError`] with the act to take.
pub fn embedded(config: &Config) -> Result<ClusterSettings, BootError> {
    ClusterSettings::under(&config.data_dir).map_err(|error| BootError(error.to_string()))
}

/// Brings the schema up to date and tells the names of what was applied.
///
/// # Errors
/// [`BootError`] with the database's message; nothing of the failed migration is kept.
pub fn prepare(opened: &Opened) -> Result<Vec<String>, BootError> {
    let mut link = Link::new(&opened.urls.owner, "migrate", Duration::from_secs(3_600));
    let place = url::masked(&opened.urls.owner);
    let applied = link
        .with(|conn| Ok(migrate::migrate(conn)))
        .map_err(|error| BootError::when(&format!("the database at {place} cannot be reached"), error))?
        .map_err(|error| BootError::when("the schema cannot be brought up to date", error))?;
    if opened.cluster.is_some() {
        link.with(make_room_for_sql_jobs).map_err(|error| BootError::when("the schema of sql jobs cannot be made", error))?;
    }
    Ok(applied)
}

/// In our own cluster `sql` jobs get a schema to work in; elsewhere the organisation grants what they may touch.
fn make_room_for_sql_jobs(conn: &mut diesel::PgConnection) -> Result<(), DbError> {
    Ok(conn.batch_execute(
        "SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS app AUTHORIZATION millrace_sql; \
         ALTER ROLE millrace_sql SET search_path = app, public",
    )?)
}
