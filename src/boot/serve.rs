//! `millrace serve`: supervisor and web.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::database::{self, Opened, Urls};
use super::{BootError, web};
use crate::admin::account::setup;
use crate::base::clock::{Clock, SystemClock};
use crate::base::db::{Link, PgConnection};
use crate::base::{random, signals};
use crate::cluster::Cluster;
use crate::config::Config;
use crate::engine::Supervisor;
use crate::queue::actor::Actor;

/// Time between two looks at the children.
const TICK: Duration = Duration::from_millis(100);
/// Time between two looks at the embedded server.
const SERVER_LOOK: Duration = Duration::from_secs(1);
/// What the engine may take beyond its drain time to stop work that ignores it.
const ENGINE_GRACE: Duration = Duration::from_secs(15);

/// The engine child's database for everything at run time; set by us, not by people.
pub const ENGINE_DATABASE_URL: &str = "MILLRACE_ENGINE_DATABASE_URL";
/// The engine child's database for `sql` jobs; set by us, not by people.
pub const ENGINE_SQL_URL: &str = "MILLRACE_ENGINE_SQL_URL";
/// Marks every process that an engine starts, so that what a dead engine left running is found.
pub const ENGINE_MARK: &str = "MILLRACE_ENGINE";

/// Runs Millrace until asked to end. `handlers` are not needed here: the engine child of the same binary has them.
///
/// # Errors
/// [`BootError`] when it cannot start, with the act to take.
pub fn serve(config: &Config) -> Result<(), BootError> {
    signals::listen();
    if let Some(problem) = config.listen_problem() {
        return Err(BootError(problem));
    }
    let mut opened = database::open(config)?;
    if opened.cluster.is_none() && config.database_url.is_none() {
        let folder = config.data_dir.display();
        return Err(BootError(format!("Millrace already runs over {folder}; stop that one, or give this one its own MILLRACE_DATA_DIR")));
    }
    for migration in database::prepare(&opened)? {
        tracing::info!(migration, "applied");
    }
    let link = first_admin(config, &opened.urls)?;
    let web = if config.roles.web { Some(web::start(config, &opened.urls)?) } else { None };
    greet(config, web.as_ref().map(web::Web::port), link.as_deref());
    let mut supervisor = config.roles.engine.then(|| supervise(config, &opened.urls));
    watch(&mut opened, supervisor.as_mut());
    end(config, web, supervisor, opened)
}

/// Makes the first admin by settings, or a link for whoever is at the terminal.
fn first_admin(config: &Config, urls: &Urls) -> Result<Option<String>, BootError> {
    let mut link = Link::new(&urls.app, "start", Duration::from_secs(10));
    let cannot = |error: &dyn std::fmt::Display| BootError::when("the first admin cannot be made", error);
    link.with(|conn| Ok(make_first_admin(config, conn))).map_err(|error| cannot(&error))?.map_err(|error| cannot(&error))
}

fn make_first_admin(config: &Config, conn: &mut PgConnection) -> Result<Option<String>, setup::SetupError> {
    let clock = SystemClock;
    if let Some(admin) = &config.first_admin {
        let typed = setup::FirstAdmin { email: &admin.email, name: "", password: &admin.password };
        if setup::by_settings(conn, &clock, &typed)?.is_some() {
            tracing::info!(email = admin.email, "made the first admin from the settings");
        }
    }
    Ok(setup::new_link(conn, &clock as &dyn Clock, &Actor::system("start"))?)
}

/// What a person at the terminal needs next. On standard output; the log goes to standard error.
fn greet(config: &Config, port: Option<u16>, setup_link: Option<&str>) {
    let Some(port) = port else {
        println!("Millrace runs jobs on node {} (no web here).", config.node);
        return;
    };
    let origin = config.origin(port);
    println!("Millrace is running at {origin}");
    if let Some(secret) = setup_link {
        println!("Become its first admin within 15 minutes: {origin}{}", crate::web::paths::setup(secret));
    }
    println!("Data folder: {}   Stop with Ctrl-C.", config.data_dir.display());
}

fn supervise(config: &Config, urls: &Urls) -> Supervisor {
    let mark = format!("{}-{:016x}", config.node, u64::from_ne_bytes(random::secret_bytes()));
    let variables = config.variables();
    let (app, sql, marked) = (urls.app.clone(), urls.sql.clone(), mark.clone());
    let command = move || {
        // the program as it was started, also when the file was replaced meanwhile by a newer one
        let mut command = Command::new("/proc/self/exe");
        command.arg("engine").envs(variables.iter().map(|(name, value)| (*name, value.as_str())));
        command.env_remove("DATABASE_URL").env(ENGINE_DATABASE_URL, &app).env(ENGINE_SQL_URL, &sql).env(ENGINE_MARK, &marked);
        command
    };
    Supervisor::new(command, move || crate::runners::command::end_orphans(&mark))
}

/// Looks after the children until somebody asks to end.
fn watch(opened: &mut Opened, mut supervisor: Option<&mut Supervisor>) {
    let mut server = ServerWatch::default();
    while signals::asked_to_end() == 0 {
        if let Some(supervisor) = supervisor.as_deref_mut() {
            supervisor.tick();
        }
        if let Some(cluster) = &mut opened.cluster {
            server.look(cluster);
        }
        std::thread::sleep(TICK);
    }
}

/// Restarts the embedded server when it ends by itself, ever later while it cannot.
#[derive(Default)]
struct ServerWatch {
    looked: Option<Instant>,
    failures: u32,
}

impl ServerWatch {
    fn look(&mut self, cluster: &mut Cluster) {
        let pause = SERVER_LOOK * 2u32.pow(self.failures.min(5));
        if self.looked.is_some_and(|at| at.elapsed() < pause) {
            return;
        }
        self.looked = Some(Instant::now());
        let Some(status) = cluster.has_exited() else {
            self.failures = 0;
            return;
        };
        tracing::error!(%status, "PostgreSQL has ended by itself; starting it again");
        match cluster.restart() {
            Ok(()) => self.failures = 0,
            Err(error) => {
                self.failures += 1;
                tracing::error!(%error, "PostgreSQL does not start");
            }
        }
    }
}

fn end(
    config: &Config,
    web: Option<web::Web>,
    supervisor: Option<Supervisor>,
    opened: Opened,
) -> Result<(), BootError> {
    tracing::info!("ending: the web stops, running jobs get {:?} to finish", config.timing.drain);
    if let Some(web) = web {
        web.stop();
    }
    if let Some(mut supervisor) = supervisor {
        supervisor.stop(config.timing.drain + ENGINE_GRACE);
    }
    match opened.cluster {
        Some(cluster) => cluster.stop().map_err(|error| BootError(error.to_string())),
        None => Ok(()),
    }
}

/// Gives the clock that everything of a process shares.
pub fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}
