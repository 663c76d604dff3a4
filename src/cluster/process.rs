//! Child processes: they never outlive us, never run for ever, and never hear our Ctrl-C.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::error::ClusterError;

/// How often something that cannot wake us is looked at.
const POLL_EVERY: Duration = Duration::from_millis(20);
/// How much of a failed program's output an error shows.
const OUTPUT_SHOWN_BYTES_MAX: usize = 4_000;

/// Calls `probe` until it gives a value; `None` when `limit` passes without one.
pub(super) fn poll<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        let found = probe();
        if found.is_some() || Instant::now() >= end {
            return found;
        }
        thread::sleep(POLL_EVERY);
    }
}

/// Sends `signal` to `pid`. A process that has ended meanwhile is no error: that was the aim.
pub(super) fn signal(pid: i32, signal: libc::c_int) {
    // SAFETY: kill touches no memory of ours.
    let refused = unsafe { libc::kill(pid, signal) } != 0;
    let problem = io::Error::last_os_error();
    if refused && problem.raw_os_error() != Some(libc::ESRCH) {
        tracing::warn!(pid, signal, %problem, "cannot signal the process");
    }
}

/// Makes the child receive `signal` when the *thread* that spawns it ends, hence when we die in any way.
///
/// The standard library changes user and group before this hook runs; the other order would
/// clear the request (prctl(2)).
pub(super) fn end_with_parent(command: &mut Command, signal: libc::c_int) {
    let parent = std::process::id();
    // SAFETY: runs between fork and exec and does only system calls, which are async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            // A shell starts background jobs with these ignored, and so would the child until it has handlers.
            for asked_to_end in [libc::SIGINT, libc::SIGQUIT] {
                if libc::signal(asked_to_end, libc::SIG_DFL) == libc::SIG_ERR {
                    return Err(io::Error::last_os_error());
                }
            }
            if libc::prctl(libc::PR_SET_PDEATHSIG, signal) != 0 {
                return Err(io::Error::last_os_error());
            }
            // A parent that died before the request above will never cause the signal.
            if libc::getppid() as u32 != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
}

/// A thread that spawns children and lives until dropped.
///
/// Without it a server started from a short-lived thread would be ended together with that
/// thread, because of [`end_with_parent`].
pub(super) struct Keeper(mpsc::Sender<Request>);

struct Request {
    command: Command,
    reply: mpsc::Sender<io::Result<Child>>,
}

impl Keeper {
    /// Starts the thread that starts and outlives the server.
    pub fn start() -> io::Result<Keeper> {
        let (requests, inbox) = mpsc::channel::<Request>();
        thread::Builder::new().name("postgres-keeper".into()).spawn(move || {
            for Request { mut command, reply } in inbox {
                // Only a caller that panicked is gone; its child ends with it.
                if reply.send(command.spawn()).is_err() {
                    return;
                }
            }
        })?;
        Ok(Keeper(requests))
    }

    /// Spawns `command` from the keeper's thread.
    pub fn spawn(&self, command: Command) -> io::Result<Child> {
        let (reply, answer) = mpsc::channel();
        let gone = || io::Error::other("the keeper thread has ended");
        self.0.send(Request { command, reply }).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

/// Runs `command` to its end and gives what it printed, both streams together.
///
/// Fails when it cannot be started, ends with another status than 0, or runs longer than `limit`;
/// then its whole process group is killed.
pub(super) fn run(mut command: Command, limit: Duration) -> Result<String, ClusterError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let when = |e| ClusterError::when(format!("run {program}"))(e);
    let (mut output, input) = io::pipe().map_err(when)?;
    command.stdout(input.try_clone().map_err(when)?).stderr(input).process_group(0);
    end_with_parent(&mut command, libc::SIGKILL);
    let child = command.spawn().map_err(when)?;
    drop(command); // it still holds write ends of the pipe: its end would never come
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        output.read_to_end(&mut text).map(|_| String::from_utf8_lossy(&text).into_owned())
    });
    let ended = wait_or_kill(child, limit).map_err(when)?;
    let output = reader.join().map_err(|_| when(io::Error::other("its output was lost")))?;
    judge(program.clone(), ended, output.map_err(when)?, limit)
}

/// Waits up to `limit`; `None` when the child had to be killed, with everything it started.
fn wait_or_kill(mut child: Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    match poll(limit, || child.try_wait().transpose()) {
        Some(ended) => ended.map(Some),
        None => {
            signal(-(child.id() as i32), libc::SIGKILL);
            child.wait().map(|_| None)
        }
    }
}

fn judge(program: String, ended: Option<ExitStatus>, output: String, limit: Duration) -> Result<String, ClusterError> {
    let problem = match ended {
        Some(status) if status.success() => return Ok(output),
        Some(status) => status.to_string(),
        None => format!("no end after {} s", limit.as_secs()),
    };
    Err(ClusterError::Program { program, problem, output: tail(&output).to_owned() })
}

/// The last few thousand bytes of `text`, cut at a character.
pub(super) fn tail(text: &str) -> &str {
    let text = text.trim_end();
    let from = text.len().saturating_sub(OUTPUT_SHOWN_BYTES_MAX);
    &text[text.ceil_char_boundary(from)..]
}

/// `program` with an empty environment apart from what makes its answers the same everywhere.
pub(super) fn plain_command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .current_dir("/")
        .stdin(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = plain_command("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_streams_of_a_program_are_kept() {
        let text = run(shell("echo out; echo err >&2"), Duration::from_secs(10));

        assert_eq!(text.ok().as_deref(), Some("out\nerr\n"));
    }

    #[test]
    fn a_failure_shows_status_and_output() {
        let error = run(shell("echo broken; exit 3"), Duration::from_secs(10)).unwrap_err();

        assert_eq!(error.to_string(), "sh failed (exit status: 3):\nbroken");
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let before = Instant::now();

        let error = run(shell("sleep 60 & sleep 60"), Duration::from_millis(100)).unwrap_err();

        assert!(before.elapsed() < Duration::from_secs(30), "the grandchild kept the pipe open");
        assert!(error.to_string().contains("no end after 0 s"), "{error}");
    }

    #[test]
    fn a_child_can_be_interrupted_although_we_ignore_it() {
        // SAFETY: sets a disposition without a handler, and puts the old one back below.
        let before = unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };

        let mut command = shell("kill -INT $$; echo survived");
        end_with_parent(&mut command, libc::SIGKILL);
        let status = command.status();

        // SAFETY: as above.
        unsafe { libc::signal(libc::SIGINT, before) };
        assert!(!status.unwrap().success());
    }

    #[test]
    fn a_tail_is_cut_at_a_character() {
        let long = "é".repeat(OUTPUT_SHOWN_BYTES_MAX);

        assert!(tail(&long).len() <= OUTPUT_SHOWN_BYTES_MAX);
        assert!(tail(&long).starts_with('é'));
        assert_eq!(tail("short\n"), "short");
    }

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it() {
        let keeper = Keeper::start().unwrap();
        let mut command = shell("exec sleep 30");
        end_with_parent(&mut command, libc::SIGKILL);

        let mut child = thread::scope(|s| s.spawn(|| keeper.spawn(command)).join()).unwrap().unwrap();
        let early = poll(Duration::from_millis(200), || child.try_wait().unwrap());

        assert_eq!(early, None);
        child.kill().and_then(|()| child.wait()).unwrap();
    }
}
