//! `millrace serve`: the supervisor. Brings up the database, migrates it, makes the key, prints the address and the setup
//! link, then keeps the engine's process and the database alive until it is asked to end.
//!
//! ```text
//! settings ─▶ cluster (or DATABASE_URL) ─▶ migrations ─▶ key ─▶ first admin or setup link ─▶ watch
//!                                                             asked to end: web stops ─▶ engine drains ─▶ cluster stops
//! ```

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;

use super::globals::Effective;
use super::{Answer, Database, Failure, Globals, address, logging};
use crate::admin::account::setup::{self, FirstAdmin};
use crate::base::clock::SystemClock;
use crate::base::db::PgConnection;
use crate::base::key::DataKey;
use crate::base::{random, signals};
use crate::boot::runners;
use crate::boot::web::Web;
use crate::config::{Config, Setting, setting};
use crate::demo::marker;
use crate::engine::Supervisor;
use crate::runners::command::end_orphans;

/// How often the children are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long the engine may take to end beyond its drain time: commands get TERM, then KILL after 10 s.
const END_GRACE: Duration = Duration::from_secs(15);
/// Pause before the database's server is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Flags of `serve`; each wins over its environment variable.
#[derive(Args, Debug, Default)]
pub(super) struct Flags {
    /// Web address; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Origin for links, CSRF and cookies
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Name of this node
    #[arg(long)]
    node: Option<String>,
    /// What this node does: web, engine or both
    #[arg(long)]
    roles: Option<String>,
    /// Worker threads, min..max or one number
    #[arg(long)]
    slots: Option<String>,
    /// Queues served, with optional weights
    #[arg(long)]
    queues: Option<String>,
    /// Labels of this node
    #[arg(long)]
    labels: Option<String>,
    /// Name shown beside the brand
    #[arg(long)]
    environment: Option<String>,
    /// Registers the diag.* handlers
    #[arg(long)]
    allow_diagnostics: bool,
}

impl Flags {
    /// Gives the settings that were given as flags.
    pub(super) fn given(&self) -> Vec<(&'static Setting, String)> {
        let diagnostics = self.allow_diagnostics.then(|| "on".to_owned());
        let flags: [(&'static Setting, &Option<String>); 9] = [
            (&setting::LISTEN, &self.listen),
            (&setting::PUBLIC_URL, &self.public_url),
            (&setting::NODE, &self.node),
            (&setting::ROLES, &self.roles),
            (&setting::SLOTS, &self.slots),
            (&setting::QUEUES, &self.queues),
            (&setting::LABELS, &self.labels),
            (&setting::ENVIRONMENT, &self.environment),
            (&setting::ALLOW_DIAGNOSTICS, &diagnostics),
        ];
        flags.into_iter().filter_map(|(setting, text)| Some((setting, text.clone()?))).collect()
    }
}

pub(super) fn run(globals: &Globals, flags: &Flags) -> Result<Answer, Failure> {
    launch(globals.effective(flags.given())?, |_, _| Ok(Vec::new()))
}

/// Serves until it is asked to end. `prepare` gets the database before anything is done to it; the lines that it gives are said
/// after the address.
pub(super) fn launch(
    Effective { config, moved }: Effective,
    prepare: impl FnOnce(&Config, &Database) -> Result<Vec<String>, Failure>,
) -> Result<Answer, Failure> {
    if let Some(problem) = config.listen_problem() {
        return Err(Failure::refused(problem));
    }
    signals::hide_process()?;
    logging::start(&config.logging)?;
    signals::listen();
    for sentence in moved.iter().chain(&config.slips) {
        tracing::warn!("{sentence}");
    }
    // first of all: an address in use must not cost a start of the database
    let listener = config.roles.web.then(|| bind(&config)).transpose()?;
    let mut database = Database::for_server(&config)?;
    let more_to_say = prepare(&config, &database)?;
    let applied = database.migrate()?;
    tracing::info!(migrations = applied.len(), "the schema is up to date");
    DataKey::open_or_create(&config.data_dir)?; // whoever can read it administers this node
    let invitation = invite(&config, &mut database.owner()?)?;
    let mut engine = config.roles.engine.then(|| supervise(&config, &database)).transpose()?;
    let web = listener.map(|listener| open_web(listener, &config, &database)).transpose()?;
    match &web {
        Some((_, origin)) => greet(origin, invitation.as_deref()),
        None => {
            println!("Millrace {} runs jobs as node {}; this node has no web", env!("CARGO_PKG_VERSION"), config.node)
        }
    }
    more_to_say.iter().for_each(|line| println!("{line}"));
    watch(&mut database, engine.as_mut());
    if let Some((web, _)) = web {
        address::take_away(&config.data_dir);
        web.stop();
    }
    if let Some(engine) = &mut engine {
        engine.stop(config.timing.drain + END_GRACE);
    }
    database.end()?;
    Ok(Answer::nothing())
}

fn bind(config: &Config) -> Result<TcpListener, Failure> {
    TcpListener::bind(config.listen).map_err(|error| {
        Failure::refused(format!(
            "cannot listen on {}: {error}; choose another address with MILLRACE_LISTEN",
            config.listen
        ))
    })
}

/// Starts the web server and leaves its address for commands; gives both.
fn open_web(listener: TcpListener, config: &Config, database: &Database) -> Result<(Web, String), Failure> {
    let origin = config.origin(listener.local_addr()?.port());
    let web = Web::start(listener, config, &database.runtime_url()?)?;
    address::leave(&config.data_dir, &origin)?;
    Ok((web, origin))
}

/// Makes the first admin that the settings name, or a link for one; gives the link's secret.
fn invite(config: &Config, conn: &mut PgConnection) -> Result<Option<String>, Failure> {
    if let Some(first) = &config.first_admin {
        let typed = FirstAdmin { email: &first.email, name: "", password: &first.password };
        let made = setup::by_settings(conn, &SystemClock, &typed)
            .map_err(|error| Failure::refused(format!("MILLRACE_ADMIN_EMAIL and MILLRACE_ADMIN_PASSWORD: {error}")))?;
        if let Some(admin) = made {
            tracing::info!(email = admin.email, "the first admin was made from the settings");
        }
        return Ok(None);
    }
    if !config.roles.web {
        return Ok(None);
    }
    Ok(setup::start_link(conn, &SystemClock)?)
}

/// Gives the address of the setup page with its secret.
pub(super) fn setup_address(origin: &str, secret: &str) -> String {
    format!("{origin}{}?token={secret}", crate::web::paths::SETUP)
}

/// Says on stdout where to go: scripts and people wait for these lines.
fn greet(origin: &str, invitation: Option<&str>) {
    println!("Millrace {} is ready on {origin}", env!("CARGO_PKG_VERSION"));
    if let Some(secret) = invitation {
        println!("Make the first admin here (valid once, for 15 minutes): {}", setup_address(origin, secret));
    }
}

fn supervise(config: &Config, database: &Database) -> Result<Supervisor, Failure> {
    let program = std::env::current_exe()?;
    let mut variables = config.variables();
    variables.push((setting::DATABASE_URL.variable, database.runtime_url()?)); // the later one counts
    variables.extend(database.sql_url(config.sql_url.as_deref()).map(|url| (setting::SQL_URL.variable, url)));
    if let Database::Started(cluster) = database
        && let Some(user) = runners::command_user(config.command_user.as_deref(), cluster.server_uid())
            .map_err(|error| Failure::refused(error.to_string()))?
    {
        variables.push((setting::COMMAND_USER.variable, user.to_owned()));
    }
    variables.extend(marker::read(&mut database.owner()?)?.map(|port| (runners::DEMO_VARIABLE, port.to_string())));
    let mark = format!("{}-{:016x}", config.node, u64::from_ne_bytes(random::secret_bytes()));
    variables.push((runners::MARK_VARIABLE, mark.clone()));
    let command = move || {
        let mut command = Command::new(&program);
        command.arg("engine").envs(variables.iter().map(|(name, value)| (name, value)));
        for secret in [setting::ADMIN_EMAIL.variable, setting::ADMIN_PASSWORD.variable] {
            command.env_remove(secret);
        }
        command
    };
    Ok(Supervisor::new(command, move || end_orphans(&mark), config.timing.lease))
}

/// Looks after the children until the process is asked to end.
fn watch(database: &mut Database, mut engine: Option<&mut Supervisor>) {
    let mut restart_at = None;
    while signals::asked_to_end() == 0 {
        if let Some(engine) = engine.as_deref_mut() {
            engine.tick();
        }
        restart_at = mend(database, restart_at);
        std::thread::sleep(LOOK);
    }
    tracing::info!("asked to end");
}

/// Starts the embedded server again a moment after it ended by itself; gives the moment.
fn mend(database: &mut Database, restart_at: Option<Instant>) -> Option<Instant> {
    let Database::Started(cluster) = database else { return None };
    let status = cluster.has_exited()?;
    match restart_at {
        None => {
            tracing::error!(%status, "the database's server has ended by itself; starting it again");
            Some(Instant::now() + RESTART_PAUSE)
        }
        Some(at) if Instant::now() < at => Some(at),
        Some(_) => match cluster.restart() {
            Ok(()) => None,
            Err(error) => {
                tracing::error!(%error, "the database's server cannot be started");
                Some(Instant::now() + RESTART_PAUSE)
            }
        },
    }
}
