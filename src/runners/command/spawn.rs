//! Starting a command.

use std::io::{self, PipeReader, Seek, Write};
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::groups::Group;
use super::limits::{Limits, Owner};
use super::plan::Plan;
use super::process::{self, Process};
use super::user::RunAs;
use crate::base::signals;
use crate::queue::template::ResourceLimits;

/// Added to the chance that the kernel ends a command rather than us when memory is short; from −1000 to 1000.
const OOM_SCORE: &[u8] = b"500";

/// A command that was started.
#[derive(Debug)]
pub(super) struct Running {
    pub pid: libc::pid_t,
    pub process: Process,
    pub stdout: PipeReader,
    pub stderr: PipeReader,
}

/// Starts a command as leader of its own process group, in its control group if it has one.
///
/// It dies when the calling *thread* ends, so call this from a thread that stays until the command has ended.
///
/// # Errors
/// The program, the folder or the limits do not work, or the machine has no room for a process.
pub(super) fn spawn(
    plan: &Plan,
    run_as: Option<RunAs>,
    limits: ResourceLimits,
    group: Option<&Group>,
) -> io::Result<Running> {
    let (stdout, stdout_end) = io::pipe()?;
    let (stderr, stderr_end) = io::pipe()?;
    process::never_block(&stdout)?;
    process::never_block(&stderr)?;
    let mut command = command(plan, run_as)?;
    command.stdout(stdout_end).stderr(stderr_end);
    let owner = if run_as.is_some() { Owner::CommandsOnly } else { Owner::Shared };
    let limits = Limits::of(limits, owner);
    let door = group.map(Group::door);
    let parent = std::process::id();
    // SAFETY: what `before_exec` does is safe between fork and exec: it allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(move || {
            door.into_iter().for_each(enter);
            before_exec(parent, &limits, owner)
        })
    };
    let child = command.spawn()?;
    drop(command); // it holds the write ends of the pipes: they would never reach their end
    let pid = libc::pid_t::try_from(child.id()).map_err(io::Error::other)?;
    if let Some(Err(error)) = group.map(|group| group.take_in(pid)) {
        tracing::warn!(pid, %error, "a command stays outside of its control group");
    }
    offer_to_oom_killer(pid);
    match Process::open(pid) {
        Ok(process) => Ok(Running { pid, process, stdout, stderr }),
        Err(error) => {
            process::signal_group(pid, libc::SIGKILL)?;
            process::reap(pid)?;
            Err(error)
        }
    }
}

fn command(plan: &Plan, run_as: Option<RunAs>) -> io::Result<Command> {
    let mut command = Command::new(&plan.program);
    command.args(&plan.args).env_clear().envs(&plan.environment).current_dir(&plan.folder).process_group(0);
    command.stdin(match &plan.stdin {
        Some(text) => Stdio::from(filled(text)?),
        None => Stdio::null(),
    });
    if let Some(user) = run_as {
        command.gid(user.gid).uid(user.uid); // gives up the supplementary groups, too
    }
    Ok(command)
}

/// A file rather than a pipe: nobody has to feed it while the command runs.
fn filled(text: &str) -> io::Result<std::fs::File> {
    let mut file = process::file_in_memory()?;
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// Goes into a control group, before anything is started. A kernel that looks at the user of the moment refuses; then the process
/// is taken in from outside.
fn enter(door: RawFd) {
    // SAFETY: reads a constant; `door` is open in this copy of us until exec.
    unsafe { libc::write(door, Group::ENTER.as_ptr().cast(), Group::ENTER.len()) };
}

fn before_exec(parent: u32, limits: &Limits, owner: Owner) -> io::Result<()> {
    signals::follow_parent(libc::SIGKILL, parent)?;
    if owner == Owner::CommandsOnly {
        // SAFETY: prctl with these arguments has no memory preconditions.
        if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    limits.set()?;
    // SAFETY: marks descriptors, closes none. Kernels before 5.11 refuse, which only loses a second lock on the door:
    // we open everything with O_CLOEXEC.
    unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    Ok(())
}

/// From outside: before it is the command, the process may not write to its own files under /proc, which are root's then.
fn offer_to_oom_killer(pid: libc::pid_t) {
    if let Err(error) = std::fs::write(format!("/proc/{pid}/oom_score_adj"), OOM_SCORE) {
        tracing::debug!(pid, %error, "the command is as likely as we are to be ended when memory is short");
    }
}
