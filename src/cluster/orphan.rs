//! What an earlier server left behind: processes that still run, and files that say one does.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::error::ClusterError;
use super::process::{poll, signal};
use super::ready;

/// How long a server whose parent died may take to end by itself: it writes a checkpoint.
const FAST_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long after `SIGQUIT`, and again after `SIGKILL`.
const HARD_WAIT_MAX: Duration = Duration::from_secs(5);

/// Ends what is left of an earlier server on `data` and removes its claims on the folder.
///
/// To be called only while holding the data folder's lock: then no living Millrace owns these processes.
pub(super) fn end(data: &Path, socket_folder: &Path) -> Result<(), ClusterError> {
    end_processes(data)?;
    // After a `kill -9` in a container the dead server may stay a zombie, or its number may belong
    // to somebody else by now. PostgreSQL cannot tell and would refuse to start: we can, no process
    // works in the folder.
    remove_file(&data.join("postmaster.pid"))?;
    let socket = ready::socket_path(socket_folder);
    remove_file(&socket)?;
    remove_file(&socket.with_added_extension("lock"))
}

/// Waits until no server process works in `folder`, asking ever harder.
pub(super) fn end_processes(folder: &Path) -> Result<(), ClusterError> {
    // The system tells working folders by their true names.
    let folder = &match fs::canonicalize(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(ClusterError::when(format!("look at {}", folder.display())))?,
    };
    let none_left = || users(folder).is_empty().then_some(());
    let rounds = [(libc::SIGINT, FAST_WAIT_MAX), (libc::SIGQUIT, HARD_WAIT_MAX), (libc::SIGKILL, HARD_WAIT_MAX)];
    for (how, limit) in rounds {
        let pids = users(folder);
        if !pids.is_empty() {
            tracing::warn!(folder = %folder.display(), ?pids, signal = how, "ending an earlier PostgreSQL");
        }
        // Backends do not end on SIGINT: it cancels their query. They notice that the server died.
        pids.iter().for_each(|pid| signal(*pid, how));
        if poll(limit, none_left).is_some() {
            return Ok(());
        }
    }
    Err(ClusterError::Orphans { data: folder.into(), pids: users(folder) })
}

/// Server processes whose working folder is `folder`. A shell that somebody opened there is not one.
fn users(folder: &Path) -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|pid| is_server_in(*pid, folder)).collect()
}

fn is_server_in(pid: i32, folder: &Path) -> bool {
    // A zombie has no working folder any more; other people's are closed to us and not ours to end.
    let works_here = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == folder);
    works_here
        && fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|program| {
            // A package upgrade replaces the program under a running server.
            let name = program.file_name().and_then(OsStr::to_str).unwrap_or_default();
            matches!(name.trim_end_matches(" (deleted)"), "postgres" | "initdb")
        })
}

fn remove_file(path: &Path) -> Result<(), ClusterError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(ClusterError::when(format!("remove {}", path.display()))(e))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::process::plain_command;

    #[test]
    fn a_shell_in_the_folder_is_left_alone() {
        let folder = std::env::temp_dir();
        let mut shell = plain_command("sleep").arg("30").current_dir(&folder).spawn().unwrap();

        let found = users(&folder);

        assert!(!found.contains(&(shell.id() as i32)), "{found:?}");
        shell.kill().and_then(|()| shell.wait()).unwrap();
    }

    #[test]
    fn a_missing_file_is_no_error() {
        assert!(remove_file(Path::new("/proc/none/such")).is_ok());
    }
}
