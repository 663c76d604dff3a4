//! The command line as scripts see it: real processes, exit codes, what stands on which stream.
mod commands;
mod doctor;
mod failures;
mod hostile;
mod jobs;
mod schedule;
mod schedules;
mod serve;
pub mod served;
mod weak;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use millrace::base::key::DataKey;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::TestDb;

/// What a command said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {:?} {:?}", self.out, self.err))
    }
}

/// Runs the program with nothing of our own environment but what is given, in `folder`.
pub fn millrace(folder: &Path, variables: &[(&str, &str)], args: &[&str], stdin: &str) -> Said {
    let mut command = Command::new(program());
    command.args(args).current_dir(folder).env_clear().envs(variables.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // a command that reads nothing may have ended already
    if let Err(error) = child.stdin.take().unwrap().write_all(stdin.as_bytes()) {
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

pub fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_millrace").into()
}

/// A database of the tests' cluster and a data folder, as a command sees them.
pub struct Stage {
    pub db: TestDb,
    pub folder: TempDir,
}

impl Stage {
    pub fn new() -> Stage {
        let stage = Stage { db: TestDb::new(), folder: tempfile::tempdir().unwrap() };
        DataKey::open_or_create(&stage.folder.path().join("data")).unwrap(); // as `serve` does
        stage
    }

    pub fn run(&self, args: &[&str]) -> Said {
        self.run_with(args, "")
    }

    pub fn run_with(&self, args: &[&str], stdin: &str) -> Said {
        millrace(self.folder.path(), &[("DATABASE_URL", self.db.url())], args, stdin)
    }

    pub fn key_file(&self) -> PathBuf {
        self.folder.path().join("data/key")
    }
}
