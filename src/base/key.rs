//! The data folder's key: 32 random bytes in a file that only its owner can read.
//!
//! Whatever must stay secret outside the database derives from it. Whoever can read
//! the file is an administrator; the command line rests on that.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::random;

/// Length of the key in bytes.
pub const KEY_BYTES: usize = 32;
/// The file's name in the data folder.
const FILE: &str = "key";

/// The key, in memory. Not shown, not copied.
pub struct DataKey([u8; KEY_BYTES]);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// Why the key cannot be used. The text names the act that mends it.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Others may read the file.
    #[error("others may read the key file {} (mode {mode:o}): run `chmod 600 {}`", path.display(), path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file does not hold a key.
    #[error("the key file {} has {bytes} bytes instead of {KEY_BYTES}: restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: usize,
    },
    /// We may not read the file.
    #[error("you may not read the key file {}: whoever may, administers this Millrace", path.display())]
    Denied {
        /// The file.
        path: PathBuf,
    },
    /// There is no key, and none was to be made.
    #[error("there is no key file {}: `millrace serve` makes one at its first start", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {act} {}: {source}", path.display())]
    System {
        /// What was attempted.
        act: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl DataKey {
    /// Reads the key of `data_dir`; makes folder and key when there are none. Of several programs that start at once, one
    /// makes the key and all read the same.
    ///
    /// # Errors
    /// Each [`KeyError`] names the act that mends it; an existing file is never changed.
    pub fn open_or_create(data_dir: &Path) -> Result<Self, KeyError> {
        match Self::open(data_dir) {
            Err(KeyError::Missing { path }) => {
                create(data_dir, &path)?;
                Self::open(data_dir)
            }
            other => other,
        }
    }

    /// Reads the key of `data_dir`.
    ///
    /// # Errors
    /// [`KeyError::Missing`] when there is none; the others as [`open_or_create`](Self::open_or_create).
    pub fn open(data_dir: &Path) -> Result<Self, KeyError> {
        let path = path(data_dir);
        let file = File::open(&path).map_err(|source| unreadable(&path, source))?;
        let when = |source| KeyError::System { act: "read", path: path.clone(), source };
        let mode = file.metadata().map_err(when)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Open { path, mode });
        }
        let mut bytes = Vec::with_capacity(KEY_BYTES);
        file.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(when)?;
        let length = bytes.len();
        bytes.try_into().map(Self).map_err(|_| KeyError::Damaged { path, bytes: length })
    }

    /// Derives the secret for one purpose: HMAC-SHA256 over its label. Knowing one tells nothing about another.
    pub fn derive(&self, label: &str) -> [u8; 32] {
        // HMAC takes keys of any length, so this cannot fail
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).unwrap_or_else(|_| unreachable!());
        mac.update(b"millrace:");
        mac.update(label.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// Tells where the key of `data_dir` stands.
pub fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE)
}

fn unreadable(path: &Path, source: io::Error) -> KeyError {
    let path = path.to_owned();
    match source.kind() {
        ErrorKind::NotFound => KeyError::Missing { path },
        ErrorKind::PermissionDenied => KeyError::Denied { path },
        _ => KeyError::System { act: "open", path, source },
    }
}

/// Writes a new key beside its place and links it there: the link fails when somebody else was first, and a crash leaves no
/// half-written key.
fn create(data_dir: &Path, path: &Path) -> Result<(), KeyError> {
    make_folder(data_dir)?;
    // a name of its own for each, so that many may start at once; one that a crash left behind opens nothing
    let draft = data_dir.join(format!(".{FILE}.{:016x}", u64::from_ne_bytes(random::secret_bytes())));
    let when = |act, path: &Path| {
        let path = path.to_owned();
        move |source| KeyError::System { act, path, source }
    };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(when("create", &draft))?;
    file.write_all(&random::secret_bytes::<KEY_BYTES>()).map_err(when("write", &draft))?;
    file.sync_all().map_err(when("write", &draft))?;
    let linked = match fs::hard_link(&draft, path) {
        Err(source) if source.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked.map_err(when("create", path)),
    };
    fs::remove_file(&draft).map_err(when("remove", &draft))?;
    linked
}

/// As root the database's account must pass through the folder, so others may enter but not list it.
fn make_folder(folder: &Path) -> Result<(), KeyError> {
    let when = |source| KeyError::System { act: "make the folder", path: folder.to_owned(), source };
    if folder.is_dir() {
        return Ok(());
    }
    // SAFETY: geteuid has no preconditions and cannot fail.
    let mode = if unsafe { libc::geteuid() } == 0 { 0o711 } else { 0o700 };
    DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(when)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(mode)).map_err(when)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_ever_after() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("a/data");

        let first = DataKey::open_or_create(&data).expect("made");
        let second = DataKey::open_or_create(&data).expect("read");

        assert_eq!(first.0, second.0);
        assert_eq!(fs::metadata(path(&data)).expect("a file").mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&data).expect("a folder").count(), 1, "no draft stays");
    }

    #[test]
    fn many_that_start_at_once_get_the_same_key() {
        let folder = tempfile::tempdir().expect("a folder");

        let keys: Vec<_> = std::thread::scope(|scope| {
            let open = || DataKey::open_or_create(folder.path()).map(|key| key.0);
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });

        let read: Vec<_> = keys.into_iter().map(|key| key.expect("read")).collect();
        assert!(read.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        DataKey::open_or_create(folder.path()).expect("made");
        fs::set_permissions(path(folder.path()), fs::Permissions::from_mode(0o640)).expect("changed");

        let refusal = DataKey::open(folder.path()).expect_err("refused").to_string();

        assert!(refusal.contains("mode 640") && refusal.contains("chmod 600"), "{refusal}");
    }

    #[test]
    fn a_damaged_key_is_refused_and_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        DataKey::open_or_create(folder.path()).expect("made");
        fs::write(path(folder.path()), b"short").expect("written");

        assert!(matches!(DataKey::open_or_create(folder.path()), Err(KeyError::Damaged { bytes: 5, .. })));
    }

    #[test]
    fn purposes_have_secrets_of_their_own() {
        let key = DataKey([7; KEY_BYTES]);

        assert_eq!(key.derive("cookie"), key.derive("cookie"));
        assert_ne!(key.derive("cookie"), key.derive("secrets"));
        assert_eq!(format!("{key:?}"), "DataKey(…)");
    }
}
