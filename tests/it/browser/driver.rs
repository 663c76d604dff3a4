//! The one chromedriver of this test process.
//!
//! It ends with the process: in order at exit, by the kernel when the process is killed. Browsers end with it, because
//! they are led through a pipe that closes (`--remote-debugging-pipe`, see `session.rs`).

use std::env;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use super::program;
use crate::support::{ThrowAway, drop_at_exit};

/// Longest time from the start of chromedriver to the line that names its port.
const START_MAX: Duration = Duration::from_secs(20);
/// What stands before the port in that line.
const STARTED: &str = "started successfully on port ";

/// A running chromedriver, killed with this value.
struct Driver {
    child: Child,
    _home: ThrowAway,
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Err(problem) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("cannot end chromedriver: {problem}");
        }
    }
}

/// Where chromedriver listens. The first call starts it, on a free port.
///
/// Panics with the reason when it cannot be started; the next call tries again.
pub fn url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| start().unwrap_or_else(|problem| panic!("chromedriver does not start: {problem}")))
}

fn start() -> Result<String, String> {
    let home = ThrowAway::new();
    let log = log_path();
    let command = command(&program::find("chromedriver")?, &home, &log).map_err(|e| e.to_string())?;
    let (started, port) = mpsc::channel();
    let (born, child) = mpsc::channel();
    thread::Builder::new()
        .name("chromedriver-keeper".into())
        .spawn(move || keep(command, &born, &started))
        .map_err(|e| e.to_string())?;
    let child = child.recv().map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
    drop_at_exit(Driver { child, _home: home });
    let port = port.recv_timeout(START_MAX).map_err(|_| format!("no port was named, see {}", log.display()))?;
    Ok(format!("http://127.0.0.1:{port}"))
}

/// Where chromedriver's own complaints are kept.
fn log_path() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("chromedriver.log")
}

/// Chromedriver with an environment of its own, so that nothing of the user's settings is read or changed.
fn command(program: &Path, home: &ThrowAway, log: &Path) -> io::Result<Command> {
    fs::create_dir_all(env!("CARGO_TARGET_TMPDIR"))?;
    let mut command = Command::new(program);
    command
        .args(["--port=0", "--log-level=WARNING"])
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(log)?);
    end_with_this_thread(&mut command);
    Ok(command)
}

/// The kernel kills the child when the thread that spawned it ends, hence when this process is killed.
fn end_with_this_thread(command: &mut Command) {
    let request = || match unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    // SAFETY: runs between fork and exec and does one system call, which is async-signal-safe.
    unsafe { command.pre_exec(request) };
}

/// Spawns chromedriver and lives as long: a test's own thread ends too early (see `end_with_this_thread`).
fn keep(mut command: Command, born: &mpsc::Sender<io::Result<Child>>, started: &mpsc::Sender<u16>) {
    let mut child = command.spawn();
    let output = child.as_mut().ok().and_then(|child| child.stdout.take());
    if born.send(child).is_ok()
        && let Some(output) = output
    {
        listen(output, started);
    }
}

/// Reads to the end, because chromedriver would wait for a reader when the pipe is full.
fn listen(output: ChildStdout, started: &mpsc::Sender<u16>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let port = line.split_once(STARTED).and_then(|(_, rest)| rest.trim_end_matches('.').parse().ok());
        if let Some(port) = port
            && started.send(port).is_err()
        {
            eprintln!("chromedriver started after {START_MAX:?}: nobody waits for it any more");
        }
    }
}
