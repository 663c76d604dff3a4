//! The data folder's lock: who holds it is the only one who may start, stop or clean up a server.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::account::Account;
use super::error::ClusterError;
use super::process::poll;

/// A lock on a file. The system frees it however we end, `kill -9` included, so it is never stale.
pub(super) struct Lock(#[expect(dead_code, reason = "held, never read")] File);

impl Lock {
    /// Takes the lock at `path`, waiting up to `limit` for its holder; `None` when it stays held.
    ///
    /// As root the file is given to `account`, so that the cluster's owner can take it later too.
    pub fn take(path: &Path, account: Option<&Account>, limit: Duration) -> Result<Option<Lock>, ClusterError> {
        let file = open(path, account)?;
        let attempt = || match file.try_lock() {
            Ok(()) => Some(Ok(())),
            Err(TryLockError::WouldBlock) => None,
            Err(TryLockError::Error(e)) => Some(Err(e)),
        };
        match poll(limit, attempt) {
            None => Ok(None),
            Some(Ok(())) => Ok(Some(Lock(file))),
            Some(Err(e)) => Err(ClusterError::when(format!("lock {}", path.display()))(e)),
        }
    }

    /// Tells whether a process holds the lock at `path` now.
    pub fn is_held(path: &Path) -> bool {
        let free = |file: File| !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        File::open(path).is_ok_and(|file| !free(file))
    }
}

/// The lock file of the cluster in `data`: beside it, because a cluster's folder is made by a rename.
pub(super) fn path_for(data: &Path) -> PathBuf {
    beside(data, ".lock")
}

/// `data`'s sibling whose name is `data`'s with `suffix` added.
pub(super) fn beside(data: &Path, suffix: &str) -> PathBuf {
    let mut name = data.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    data.with_file_name(name)
}

fn open(path: &Path, account: Option<&Account>) -> Result<File, ClusterError> {
    let when = |e| ClusterError::when(format!("open the lock file {}", path.display()))(e);
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(when)?;
    if let Some(account) = account {
        fchown(&file, Some(account.uid), Some(account.gid)).map_err(when)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sibling_keeps_the_whole_name() {
        assert_eq!(beside(Path::new("/d/pg.15"), ".lock"), Path::new("/d/pg.15.lock"));
    }
}
