//! `millrace serve` as a child of a test.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::program;

/// How much of the server's log a failing test shows, in bytes from its end.
const LOG_SHOWN_BYTES_MAX: usize = 4_000;

/// A running server, on a free port. When the test fails its log is shown.
pub struct Served {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
    log: PathBuf,
}

impl Served {
    /// Starts one with an embedded cluster of its own in `folder`.
    pub fn start(folder: &Path) -> Served {
        Served::start_with(folder, &[])
    }

    /// Starts one with these settings.
    pub fn start_with(folder: &Path, variables: &[(&str, &str)]) -> Served {
        Served::start_at("127.0.0.1:0", folder, variables)
    }

    /// Starts one that listens at `address`.
    pub fn start_at(address: &str, folder: &Path, variables: &[(&str, &str)]) -> Served {
        Served::launch(address, folder, variables, |command| command)
    }

    /// Starts one as an ordinary user: `as_user` tells a command whose it is.
    pub fn start_as(folder: &Path, as_user: fn(&mut Command) -> &mut Command) -> Served {
        Served::launch("127.0.0.1:0", folder, &[], as_user)
    }

    fn launch(
        address: &str,
        folder: &Path,
        variables: &[(&str, &str)],
        as_user: fn(&mut Command) -> &mut Command,
    ) -> Served {
        let log = folder.join("serve.log");
        let mut command = Command::new(program());
        command.args(["serve", "--listen", address, "--data-dir"]).arg(folder).current_dir(folder).env_clear();
        command.envs(variables.iter().copied());
        if let Some(programs) = std::env::var_os("MILLRACE_PG_BIN") {
            command.env("MILLRACE_PG_BIN", programs);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log).unwrap());
        let mut child = as_user(&mut command).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Served { child, lines, log }
    }

    /// Gives the next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Reads the line that names its address, such as `http://127.0.0.1:40123`.
    pub fn origin(&mut self) -> String {
        let ready = self.line();
        ready.strip_prefix("Millrace 0.1.0 is ready on ").unwrap_or_else(|| panic!("not ready: {ready:?}")).to_owned()
    }

    /// Process id of the supervisor.
    pub fn supervisor(&self) -> u32 {
        self.child.id()
    }

    /// Process id of the engine.
    pub fn engine(&self) -> Option<i32> {
        engine_of(self.child.id())
    }

    /// Kills the engine's process at once.
    pub fn kill_engine(&self, engine: i32) {
        // SAFETY: kill has no memory preconditions.
        unsafe { libc::kill(engine, libc::SIGKILL) };
    }

    /// Kills the supervisor at once, and not what it has started.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it in order and gives its exit code.
    pub fn end(mut self) -> i32 {
        // SAFETY: kill has no memory preconditions, and the child is not reaped yet.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGTERM) };
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    fn show_log(&self) {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let tail = &log[log.len().saturating_sub(LOG_SHOWN_BYTES_MAX)..];
        eprintln!("the server's log ends with:\n{}", String::from_utf8_lossy(tail));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_log();
        }
        if let Ok(None) = self.child.try_wait() {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }
}

/// Process id of the engine that this supervisor runs.
pub fn engine_of(supervisor: u32) -> Option<i32> {
    let children =
        std::fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).unwrap_or_default();
    let is_engine = |pid: &&str| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).nth(1) == Some(b"engine")
    };
    children.split_whitespace().find(is_engine).and_then(|pid| pid.parse().ok())
}
