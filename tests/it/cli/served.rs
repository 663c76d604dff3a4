//! `millrace serve` as a child of a test.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::program;

/// A running server, on a free port.
pub struct Served {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Served {
    /// Starts one with an embedded cluster of its own in `folder`.
    pub fn start(folder: &Path) -> Served {
        Served::start_with(folder, &[])
    }

    /// Starts one with these settings.
    pub fn start_with(folder: &Path, variables: &[(&str, &str)]) -> Served {
        let mut command = Command::new(program());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder).current_dir(folder).env_clear();
        command.envs(variables.iter().copied());
        if let Some(programs) = std::env::var_os("MILLRACE_PG_BIN") {
            command.env("MILLRACE_PG_BIN", programs);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Served { child, lines }
    }

    /// Gives the next line that it prints.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Process id of the engine.
    pub fn engine(&self) -> Option<i32> {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let is_engine = |pid: &&str| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).nth(1) == Some(b"engine")
        };
        children.split_whitespace().find(is_engine).and_then(|pid| pid.parse().ok())
    }

    /// Kills the engine's process at once.
    pub fn kill_engine(&self, engine: i32) {
        // SAFETY: kill has no memory preconditions.
        unsafe { libc::kill(engine, libc::SIGKILL) };
    }

    /// Ends it in order and gives its exit code.
    pub fn end(mut self) -> i32 {
        // SAFETY: kill has no memory preconditions, and the child is not reaped yet.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGTERM) };
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }
}
