//! The server process: started, watched, ended.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use super::account::Account;
use super::error::ClusterError;
use super::find::Programs;
use super::log::Log;
use super::orphan;
use super::process::{self, Keeper, poll, signal};
use super::ready;
use super::settings::ClusterSettings;
use super::tuning;

/// How long a start may take: after a crash the server reads up to 1 GB of its log first.
const READY_WAIT_MAX: Duration = Duration::from_secs(300);
/// After this long the person is told what is going on.
const READY_QUIET_MAX: Duration = Duration::from_secs(5);
/// How long each way of ending may take: disconnect and write a checkpoint; drop everything; be killed.
const END_WAITS: [(libc::c_int, Duration); 3] = [
    (libc::SIGINT, Duration::from_secs(30)),
    (libc::SIGQUIT, Duration::from_secs(10)),
    (libc::SIGKILL, Duration::from_secs(5)),
];

/// Everything needed to start the server, and start it again.
pub(super) struct Launch {
    pub settings: ClusterSettings,
    pub programs: Programs,
    pub account: Option<Account>,
    pub log: Log,
    pub keeper: Keeper,
}

/// A server that was started once and can be started again.
pub(super) struct Server {
    launch: Launch,
    state: State,
    /// Its log could not be cut at the last look, which was said.
    log_is_stuck: bool,
}

enum State {
    Running(Child),
    Ended(ExitStatus),
}

impl Server {
    /// Starts a server and waits until it takes connections. The data folder's lock must be held.
    pub fn start(launch: Launch) -> Result<Server, ClusterError> {
        let child = launch.start()?;
        Ok(Server { launch, state: State::Running(child), log_is_stuck: false })
    }

    /// Ends the server if it runs, clears what it left, and starts it again.
    pub fn restart(&mut self) -> Result<(), ClusterError> {
        self.end()?;
        self.state = State::Running(self.launch.start()?);
        Ok(())
    }

    /// How the server ended; `None` while it runs. Keeps its log from growing, too.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        match self.launch.log.cut_when_long() {
            Ok(()) => self.log_is_stuck = false,
            Err(problem) if !self.log_is_stuck => {
                tracing::warn!(%problem, "cannot cut the database's log");
                self.log_is_stuck = true;
            }
            Err(_) => {} // said already
        }
        match &mut self.state {
            State::Ended(status) => Some(*status),
            State::Running(child) => child.try_wait().unwrap_or_else(|problem| {
                tracing::error!(%problem, "cannot watch the database server");
                None
            }),
        }
    }

    /// Ends the server, ever harder, and waits for it. Does nothing when it has ended.
    pub fn end(&mut self) -> Result<(), ClusterError> {
        if let State::Running(child) = &mut self.state {
            self.state = State::Ended(end(child, &self.launch.settings)?);
        }
        Ok(())
    }

    /// Gives what the cluster was started with.
    pub fn settings(&self) -> &ClusterSettings {
        &self.launch.settings
    }

    /// Gives the account that the server runs as; none = our own.
    pub fn account(&self) -> Option<&Account> {
        self.launch.account.as_ref()
    }
}

impl Launch {
    fn start(&self) -> Result<Child, ClusterError> {
        orphan::end(&self.settings.data, &self.settings.socket_dir)?;
        let began = Instant::now();
        let spawned = self.keeper.spawn(self.command()?);
        let mut child = spawned.map_err(ClusterError::when("start the PostgreSQL server"))?;
        if let Err(problem) = self.wait_ready(&mut child) {
            end(&mut child, &self.settings)?;
            return Err(problem);
        }
        let ms = began.elapsed().as_millis();
        tracing::info!(data = %self.settings.data.display(), ms, "PostgreSQL takes connections");
        Ok(child)
    }

    fn command(&self) -> Result<Command, ClusterError> {
        let log = self.log.open()?;
        let copy = log.try_clone().map_err(ClusterError::when("share the server's log file"))?;
        let mut command = self.programs.command("postgres", self.account.as_ref());
        command.arg("-D").arg(&self.settings.data);
        for setting in tuning::server_settings(&self.settings) {
            command.arg("-c").arg(setting);
        }
        // A group of its own: else Ctrl-C would end the server before our drain has finished.
        command.stdout(copy).stderr(log).process_group(0);
        process::end_with_parent(&mut command, libc::SIGINT);
        Ok(command)
    }

    fn wait_ready(&self, child: &mut Child) -> Result<(), ClusterError> {
        let mut look = || match child.try_wait() {
            Err(e) => Some(Err(ClusterError::when("watch the PostgreSQL server")(e))),
            Ok(Some(status)) => Some(Err(self.ended_early(status))),
            Ok(None) => ready::takes_connections(&self.settings.socket_dir).then_some(Ok(())),
        };
        let quiet = poll(READY_QUIET_MAX, &mut look);
        let looked = quiet.or_else(|| {
            tracing::warn!("PostgreSQL is still starting: after a crash it first reads its log");
            poll(READY_WAIT_MAX - READY_QUIET_MAX, look)
        });
        looked.unwrap_or_else(|| Err(self.not_ready()))
    }

    fn ended_early(&self, status: ExitStatus) -> ClusterError {
        ClusterError::Exited { status, log: self.log.path().into(), tail: self.log.tail() }
    }

    fn not_ready(&self) -> ClusterError {
        let seconds = READY_WAIT_MAX.as_secs();
        ClusterError::NotReady { seconds, log: self.log.path().into(), tail: self.log.tail() }
    }
}

fn end(child: &mut Child, settings: &ClusterSettings) -> Result<ExitStatus, ClusterError> {
    let when = |e| ClusterError::when("watch the PostgreSQL server")(e);
    let pid = child.id() as i32;
    if let Some(status) = child.try_wait().map_err(when)? {
        return Ok(status);
    }
    for (how, limit) in END_WAITS {
        signal(pid, how); // not yet waited for, so the number is still its own
        if let Some(ended) = poll(limit, || child.try_wait().transpose()) {
            return ended.map_err(when);
        }
        tracing::warn!(pid, signal = how, seconds = limit.as_secs(), "PostgreSQL does not end");
    }
    Err(ClusterError::Orphans { data: settings.data.clone(), pids: vec![pid] })
}
