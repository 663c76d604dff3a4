//! Ending what a command left behind: processes that went into a session of their own are found by their environment.
//!
//! A process that empties its environment before it hides escapes; a limit on its user's processes, and the end of that
//! user's other commands, is all that holds it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use super::ENGINE_VARIABLE;
use super::process::Process;
use crate::runners::wait::wait_readable;

/// Most searches: processes that fork while they are being ended are caught by the next one.
const ROUNDS_MAX: usize = 20;
/// How long the ended processes of one search are waited for.
const GONE_WITHIN: Duration = Duration::from_secs(1);
/// Largest environment that is read, in bytes; Linux allows arguments and environment 2 MiB together.
const ENVIRONMENT_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// Kills every process that the engine marked `engine` has started and left. Call it when that engine's process has died.
pub fn end_orphans(engine: &str) {
    let ended = end_all(&[format!("{ENGINE_VARIABLE}={engine}")], None);
    if ended > 0 {
        tracing::warn!(ended, "processes that a dead engine had left were killed");
    }
}

/// Kills every process of the user `uid` whose environment has all of `marks`.
pub(super) fn end_marked(marks: &[String], uid: u32) {
    let ended = end_all(marks, Some(uid));
    if ended > 0 {
        tracing::debug!(ended, "processes that a command had left were killed");
    }
}

fn end_all(marks: &[String], uid: Option<u32>) -> usize {
    let mut ended = 0;
    for _ in 0..ROUNDS_MAX {
        let found = match marked(marks, uid) {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "processes cannot be listed");
                break;
            }
        };
        if found.is_empty() {
            break;
        }
        ended += found.len();
        found.iter().for_each(kill);
        let end = Instant::now() + GONE_WITHIN;
        if found.iter().filter(|process| is_gone_by(process, end)).count() == 0 {
            tracing::warn!(left = found.len(), "processes that were killed do not end");
            break;
        }
    }
    ended
}

fn kill(process: &Process) {
    if let Err(error) = process.kill() {
        tracing::warn!(%error, "a process that was left cannot be killed");
    }
}

/// Waits for the end of a process that was killed; tells whether it came.
fn is_gone_by(process: &Process, end: Instant) -> bool {
    let left = end.saturating_duration_since(Instant::now());
    wait_readable([process.descriptor()], left).is_ok_and(|[gone]| gone)
}

fn marked(marks: &[String], uid: Option<u32>) -> io::Result<Vec<Process>> {
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some((name, pid)) = name.to_str().and_then(|name| Some((name, name.parse::<libc::pid_t>().ok()?))) else {
            continue;
        };
        if name == own || uid.is_some_and(|uid| !belongs_to(name, uid)) {
            continue;
        }
        // held before it is looked at, so that the id cannot come to mean another process in between
        let Ok(process) = Process::open(pid) else { continue };
        if has_marks(name, marks) {
            found.push(process);
        }
    }
    Ok(found)
}

fn belongs_to(pid: &str, uid: u32) -> bool {
    fs::metadata(format!("/proc/{pid}")).is_ok_and(|folder| folder.uid() == uid)
}

/// Looks into a process's environment; one that has gone or is none of ours has no marks.
fn has_marks(pid: &str, marks: &[String]) -> bool {
    let mut environment = Vec::new();
    let read = File::open(format!("/proc/{pid}/environ"))
        .and_then(|file| file.take(ENVIRONMENT_BYTES_MAX).read_to_end(&mut environment));
    read.is_ok() && marks.iter().all(|mark| environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn only_marked_processes_are_ended() {
        let sleep = |engine: &str| {
            Command::new("/bin/sleep").arg("60").env(ENGINE_VARIABLE, engine).stdin(Stdio::null()).spawn().unwrap()
        };
        let (mut ours, mut other) = (sleep("orphans-test"), sleep("orphans-test-2"));

        end_orphans("orphans-test");

        assert!(ours.wait().unwrap().code().is_none());
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
