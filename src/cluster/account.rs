//! The operating system's account that owns the cluster and runs its server.
//!
//! PostgreSQL refuses to run as root. Started by root, the server gets an account of its own; started
//! by anybody else, it runs as that person.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::ClusterError;
use super::settings::effective_uid;

/// Accounts that root tries for a new cluster, best first. A bare Debian lacks the first; the last is what commands usually
/// run as, and they then get another one.
const CANDIDATES: [&str; 3] = ["postgres", "daemon", "nobody"];

/// An account other than our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

/// Chooses the account for the cluster in `data`: `None` means ourselves, because we are not root.
///
/// An existing cluster keeps its owner, whoever that is.
pub(super) fn for_cluster(data: &Path) -> Result<Option<Account>, ClusterError> {
    let ours = effective_uid();
    let owner = match fs::metadata(data.join("PG_VERSION")).or_else(|_| fs::metadata(data)) {
        Ok(metadata) => Some(owner_of(&metadata)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(ClusterError::when(format!("look at {}", data.display()))(e)),
    };
    match owner {
        Some(owner) if ours != 0 && owner.uid != ours => {
            Err(ClusterError::NotOwner { data: data.into(), owner: owner.name })
        }
        _ if ours != 0 => Ok(None),
        Some(owner) if owner.uid != 0 => Ok(Some(owner)),
        Some(_) if data.join("PG_VERSION").exists() => {
            Err(ClusterError::OwnedByRoot { data: data.into(), account: candidate()?.name })
        }
        _ => candidate().map(Some),
    }
}

/// Finds the topmost folder above `path` that `account` may not search.
pub(super) fn blocked_at(path: &Path, account: &Account) -> Option<PathBuf> {
    let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
    above.reverse();
    let closed = |folder: &&Path| fs::metadata(folder).is_ok_and(|m| !may_search(&m, account));
    above.into_iter().find(closed).map(Path::to_path_buf)
}

/// Refuses a `path` that the server's account cannot reach; ourselves reach what we reach.
pub(super) fn check_reachable(path: &Path, account: Option<&Account>) -> Result<(), ClusterError> {
    match account.and_then(|account| Some((blocked_at(path, account)?, account))) {
        None => Ok(()),
        Some((blocked, account)) => {
            Err(ClusterError::Unreachable { path: path.into(), blocked, account: account.name.clone() })
        }
    }
}

/// Judges by the permission bits alone, as the kernel does without access lists.
fn may_search(folder: &Metadata, account: &Account) -> bool {
    let bit = if folder.uid() == account.uid {
        0o100
    } else if folder.gid() == account.gid {
        0o010
    } else {
        0o001
    };
    folder.mode() & bit != 0
}

fn candidate() -> Result<Account, ClusterError> {
    let passwd = fs::read_to_string("/etc/passwd").map_err(ClusterError::when("read /etc/passwd"))?;
    CANDIDATES.iter().find_map(|name| find_name(&passwd, name)).ok_or(ClusterError::NoAccount)
}

fn owner_of(metadata: &Metadata) -> Account {
    // The name only serves messages, so an unreadable list of accounts leaves us with the number.
    let name = fs::read_to_string("/etc/passwd")
        .ok()
        .and_then(|passwd| name_of(&passwd, metadata.uid()))
        .unwrap_or_else(|| metadata.uid().to_string());
    Account { name, uid: metadata.uid(), gid: metadata.gid() }
}

fn find_name(passwd: &str, name: &str) -> Option<Account> {
    accounts(passwd).find(|account| account.name == name && account.uid != 0)
}

fn name_of(passwd: &str, uid: u32) -> Option<String> {
    accounts(passwd).find(|account| account.uid == uid).map(|account| account.name)
}

/// Reads `name:password:uid:gid:…` lines (passwd(5)) and passes over others.
fn accounts(passwd: &str) -> impl Iterator<Item = Account> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(Account { name, uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\n+\nnobody:x:65534:65534::/:/bin/false\nodd:x:0:5::/:\n";

    #[test]
    fn accounts_are_found_by_name_and_number() {
        let nobody = Account { name: "nobody".into(), uid: 65534, gid: 65534 };

        assert_eq!(find_name(PASSWD, "nobody"), Some(nobody));
        assert_eq!(find_name(PASSWD, "postgres"), None);
        assert_eq!(find_name(PASSWD, "odd"), None, "a second root is no account for the server");
        assert_eq!(name_of(PASSWD, 65534).as_deref(), Some("nobody"));
    }

    #[test]
    fn everybody_reaches_the_system_folders() {
        let stranger = Account { name: "stranger".into(), uid: 4_000_000, gid: 4_000_000 };

        assert_eq!(blocked_at(Path::new("/usr/lib/x"), &stranger), None);
        assert!(check_reachable(Path::new("/usr/lib/x"), Some(&stranger)).is_ok());
    }
}
