//! Where a cluster keeps what, chosen from the data folder alone.

use std::env;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::account;
use super::error::ClusterError;
use super::ready;

/// Where root's data goes when the server's account cannot enter the folder we were started in.
const ROOT_DATA_DIR: &str = "/var/lib/millrace";

/// What [`Cluster::start`](super::Cluster::start) needs to know. All paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSettings {
    /// The cluster's own folder, `<data folder>/postgres`; lock and log stand beside it.
    pub data: PathBuf,
    /// The folder of the socket, closed to everybody but the server's account and root.
    pub socket_dir: PathBuf,
    /// Where fetched server programs are kept; shared by all clusters of this user.
    pub cache: PathBuf,
    /// Whether a commit is on disk when it is answered. `false` only for throw-away clusters.
    pub durable: bool,
    /// Further server settings (`name`, `value`); they win over ours.
    pub conf: Vec<(String, String)>,
}

impl ClusterSettings {
    /// Settles the folders of a durable cluster in `data_dir`, which need not exist yet.
    ///
    /// The same data folder always gives the same socket folder, under whatever name it is
    /// reached, so that a second program can find the first one's cluster.
    ///
    /// # Errors
    /// [`ClusterError::System`] when `data_dir` cannot be resolved.
    pub fn under(data_dir: &Path) -> Result<ClusterSettings, ClusterError> {
        let data_dir =
            resolved(data_dir).map_err(ClusterError::when(format!("resolve the path {}", data_dir.display())))?;
        let socket_dir = socket_dir_for(&data_dir, effective_uid());
        ready::check_socket_path(&socket_dir)?;
        let cache = cache_dir().unwrap_or_else(|| data_dir.join("cache"));
        let data = data_dir.join("postgres");
        Ok(ClusterSettings { data, socket_dir, cache, durable: true, conf: Vec::new() })
    }
}

/// The data folder when none is set: `./data`, except that root moves to `/var/lib/millrace` when the
/// server's account could not enter it.
///
/// The second part is a sentence for the person at start when the folder was moved.
pub fn default_data_dir() -> (PathBuf, Option<String>) {
    let here = std::path::absolute("data").unwrap_or_else(|_| "./data".into());
    // An account that cannot be told is a problem of the start, which explains it better.
    let account = account::for_cluster(&here.join("postgres")).ok().flatten();
    let blocked = account.and_then(|a| Some((account::blocked_at(&here.join("postgres"), &a)?, a)));
    let Some((blocked, account)) = blocked else {
        return (here, None);
    };
    let sentence = format!(
        "The database runs as user {}, who cannot enter {}: data goes to {ROOT_DATA_DIR} instead of {} \
         (MILLRACE_DATA_DIR chooses another folder).",
        account.name,
        blocked.display(),
        here.display(),
    );
    (ROOT_DATA_DIR.into(), Some(sentence))
}

/// Absolute and free of symbolic links, as far as the path exists.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    match (fs::canonicalize(&path), path.parent(), path.file_name()) {
        (Err(e), Some(parent), Some(name)) if e.kind() == io::ErrorKind::NotFound => Ok(resolved(parent)?.join(name)),
        (found, ..) => found,
    }
}

/// A short folder, because a socket's path may have 107 bytes and checkouts are deep.
fn socket_dir_for(data_dir: &Path, uid: u32) -> PathBuf {
    let hash = fnv1a(data_dir.as_os_str().as_bytes());
    if uid == 0 && is_writable(c"/run") {
        format!("/run/millrace-{hash:016x}").into()
    } else {
        // Not $TMPDIR: programs started from other sessions must come to the same answer.
        format!("/tmp/millrace-{uid}-{hash:016x}").into()
    }
}

/// The user's cache folder; `None` when there is no home.
fn cache_dir() -> Option<PathBuf> {
    if effective_uid() == 0 {
        return Some("/var/cache/millrace".into()); // root's home is closed to the server's account
    }
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(cache.join("millrace"))
}

pub(super) fn effective_uid() -> u32 {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() }
}

fn is_writable(folder: &std::ffi::CStr) -> bool {
    // SAFETY: the pointer is a valid C string for the length of the call.
    unsafe { libc::access(folder.as_ptr(), libc::W_OK) == 0 }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): names must stay the same over releases of Rust and of us.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_data_folder_has_one_socket_folder_under_all_its_names() {
        let direct = ClusterSettings::under(Path::new("/usr/none/data")).unwrap();
        let roundabout = ClusterSettings::under(Path::new("/usr/lib/../none/./data")).unwrap();
        let linked = ClusterSettings::under(Path::new("/proc/self/root/usr/none/data")).unwrap();
        let other = ClusterSettings::under(Path::new("/usr/none/data2")).unwrap();

        assert_eq!(direct.data, Path::new("/usr/none/data/postgres"));
        assert_eq!(direct.socket_dir, roundabout.socket_dir);
        assert_eq!(direct.socket_dir, linked.socket_dir);
        assert_ne!(direct.socket_dir, other.socket_dir);
    }

    #[test]
    fn users_have_socket_folders_of_their_own() {
        let data_dir = Path::new("/d");

        assert!(socket_dir_for(data_dir, 1000).starts_with("/tmp"));
        assert_ne!(socket_dir_for(data_dir, 1000), socket_dir_for(data_dir, 1001));
    }
}
