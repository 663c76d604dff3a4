//! Programs as work (GUARANTEES.md, sections 1 and 3).
//!
//! ```text
//! CommandWork ─plan─▶ Plan ─spawn─▶ leader of an own process group
//!                                     │ stdout, stderr ─lines─▶ speech ─▶ log, progress, checkpoint, output
//!                                     │ pidfd: it ended       job: cancelled, timed out, lease lost
//!                                     ▼
//!                                   watch: one poll(2) over all of it; TERM, then KILL
//!                                     │
//!                   group killed, strays found by their control group and their environment, wait4 ─▶ Report
//! ```
//! A command never sees our environment, our open files or, when we are root, our user. Whatever it started is ended with
//! it, even when it succeeded and even when it left the process group.
mod environment;
mod groups;
mod limits;
mod lines;
mod memory;
mod orphans;
mod outcome;
mod plan;
mod process;
mod spawn;
mod speech;
pub mod user;
mod watch;
mod workplace;

use std::path::PathBuf;
use std::time::Duration;

use groups::{Group, Groups, Used};
pub use orphans::end_orphans;
use plan::{Plan, Source};
use process::Usage;
use user::RunAs;
use watch::Watched;
use workplace::Workplace;

use crate::queue::template::{CommandWork, ResourceLimits, TemplateSpec};
use crate::queue::work::{Failure, JobContext, Level, Outcome, Report, Resources, Runner};

/// Name of the environment variable that marks everything an engine's process has started.
pub const ENGINE_VARIABLE: &str = "MILLRACE_ENGINE";

/// How the commands of a node are run.
#[derive(Debug, Clone)]
pub struct CommandSettings {
    /// The unprivileged user that commands run as when Millrace is root.
    pub user: String,
    /// Marks the processes of this engine; other than that of every other engine of the machine.
    pub engine: String,
    /// Where each attempt gets its own folder.
    pub temporary: PathBuf,
    /// Time between TERM and KILL.
    pub stop_grace: Duration,
    /// Limits where the template sets none.
    pub limits: ResourceLimits,
    /// Where programs without a path are looked up.
    pub path: String,
}

impl Default for CommandSettings {
    fn default() -> Self {
        Self {
            user: "nobody".into(),
            engine: format!("pid-{}", std::process::id()),
            temporary: std::env::temp_dir(),
            stop_grace: Duration::from_secs(10),
            limits: ResourceLimits { files: Some(1_024), ..ResourceLimits::default() },
            path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
        }
    }
}

/// Runs the templates whose runner is `command`.
#[derive(Debug)]
pub struct CommandRunner {
    settings: CommandSettings,
    run_as: Option<RunAs>,
    /// Name of the user that commands run as.
    ran_as: &'static str,
    /// Absent where this machine does not let us divide ours.
    groups: Option<Groups>,
    /// How commands are counted and bounded here, for people.
    bounds: String,
}

impl CommandRunner {
    /// Makes the runner of a node.
    ///
    /// # Errors
    /// A sentence: we are root and the user to run commands as does not exist, or is root.
    pub fn new(settings: CommandSettings) -> Result<Self, String> {
        let run_as = user::run_as(&settings.user)?;
        let name = if run_as.is_some() { settings.user.clone() } else { user::own_name() };
        // a node makes one runner and keeps it: the name may stay for good, and results carry it at no cost
        let groups = Groups::open();
        let bounds = match &groups {
            Ok(groups) => format!("control groups count and bound {}", groups.counted()),
            Err(why) => format!("no control groups: {why}; wait4 and /proc count, rlimits bound"),
        };
        tracing::info!("commands: {bounds}");
        Ok(Self { settings, run_as, ran_as: Box::leak(name.into_boxed_str()), groups: groups.ok(), bounds })
    }

    fn attempt(&self, job: &JobContext, work: &CommandWork) -> Result<Report, Failure> {
        job.check()?;
        let settings = &self.settings;
        let place = Workplace::create(&settings.temporary, job, self.run_as)
            .map_err(|error| Failure::new(format!("no folder for the attempt in {:?}: {error}", settings.temporary)))?;
        let plan = match Plan::make(&Source { job, work, settings, place: &place, run_as: self.run_as }) {
            Ok(plan) => plan,
            Err(failure) => return Ok(Report::plain(Ok(Outcome::GiveUp(failure)))), // the same arguments fail again
        };
        let marks = environment::marks(job, &settings.engine);
        let limits = plan.limits.or(settings.limits);
        let group = self.group(limits);
        let running = spawn::spawn(&plan, self.run_as, limits, group.as_ref())
            .map_err(|error| Failure::new(format!("{} cannot be started: {error}", plan.program)))?;
        let end_strays = || {
            group.iter().for_each(Group::kill);
            orphans::end_marked(&marks, self.uid());
        };
        let watched = watch::watch(job, running, settings.stop_grace, &end_strays);
        let used = group.as_ref().map(Group::used).unwrap_or_default();
        let was_denied = watched.was_denied;
        let report = report(work, watched, used, self.ran_as);
        if used.ran_out_of_memory {
            job.log(Level::Warn, &ran_out_of_memory(limits));
        }
        if was_denied && self.run_as.is_some() && report.ended != Ok(Outcome::Done) {
            job.log(Level::Warn, &denied_by(&settings.user));
        }
        Ok(report)
    }

    /// A command that gets no group runs without one, as on machines where there are none.
    fn group(&self, limits: ResourceLimits) -> Option<Group> {
        let made = self.groups.as_ref()?.make(limits);
        made.inspect_err(|error| tracing::warn!(%error, "a command gets no control group")).ok()
    }

    /// The user that a command's processes belong to.
    fn uid(&self) -> u32 {
        // SAFETY: geteuid has no preconditions and cannot fail.
        self.run_as.map_or_else(|| unsafe { libc::geteuid() }, |user| user.uid)
    }
}

impl Runner for CommandRunner {
    fn bounds(&self) -> &str {
        &self.bounds
    }

    fn run(&self, job: &JobContext, template: &TemplateSpec) -> Report {
        let Some(work) = &template.command else {
            return Report::plain(Ok(Outcome::give_up("the template has no command")));
        };
        self.attempt(job, work).unwrap_or_else(|failure| Report::plain(Err(failure)))
    }
}

fn ran_out_of_memory(limits: ResourceLimits) -> String {
    let limit = limits.memory_mib.map_or_else(String::new, |mib| format!(" than its {mib} MiB"));
    format!("The kernel ended it: all its processes together used more memory{limit}.")
}

fn denied_by(user: &str) -> String {
    format!(
        "Commands run as the user {user} here, because Millrace was started by root. Let {user} read what this one needs \
         (setfacl -R -m u:{user}:rX FOLDER), or name another user with MILLRACE_COMMAND_USER."
    )
}

fn report(work: &CommandWork, watched: Watched, used: Used, ran_as: &'static str) -> Report {
    let Some(usage) = watched.usage else {
        return Report::plain(Err(Failure {
            stop: watched.stop,
            ..Failure::new("the command did not end even when killed")
        }));
    };
    let resources = Resources { ran_as: Some(ran_as), ..resources(&usage, used, watched.peak_memory_bytes) };
    Report::measured(outcome::ended(work, &usage, watched.stop, &watched.last_line), resources)
}

/// Its group counts what everything in it has used; `wait4` only what was waited for.
fn resources(usage: &Usage, used: Used, seen_memory_bytes: Option<u64>) -> Resources {
    Resources {
        cpu_ms: Some(u32::try_from(used.cpu.unwrap_or(usage.cpu).as_millis()).unwrap_or(u32::MAX)),
        peak_memory_bytes: used.peak_memory_bytes.or(seen_memory_bytes),
        exit_code: Some(usage.exit.code()),
        read_bytes: Some(used.read_bytes.unwrap_or(usage.read_bytes)),
        written_bytes: Some(used.written_bytes.unwrap_or(usage.written_bytes)),
        ..Resources::default()
    }
}

#[cfg(test)]
mod tests;
