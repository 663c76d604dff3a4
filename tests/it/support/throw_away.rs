//! Folders for tests, in memory when there is room.

use std::ffi::CString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use millrace::cluster::ClusterSettings;

/// Free memory that `/dev/shm` must offer; a container's often has 64 MB.
const ROOM_BYTES_MIN: u64 = 4 << 30;
const PREFIX: &str = "millrace-it-";

/// A folder that is removed with this value, and by a later run if this one is killed.
pub struct ThrowAway {
    path: PathBuf,
}

impl ThrowAway {
    /// Makes a folder that the server's account may pass through.
    pub fn new() -> ThrowAway {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = place().join(format!("{PREFIX}{}-{number}", process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o711)).unwrap();
        ThrowAway { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ThrowAway {
    fn drop(&mut self) {
        if let Err(problem) = fs::remove_dir_all(&self.path) {
            eprintln!("cannot remove {}: {problem}", self.path.display());
        }
    }
}

/// Removes what runs that were killed have left: their folders, and the socket folders of clusters in them.
pub fn sweep() {
    let entries = fs::read_dir(place()).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| is_leftover(path)) {
        let socket_dir = ClusterSettings::under(&path).unwrap().socket_dir;
        for folder in [path, socket_dir].iter().filter(|folder| folder.exists()) {
            if let Err(problem) = fs::remove_dir_all(folder) {
                eprintln!("cannot remove {}: {problem}", folder.display());
            }
        }
    }
}

/// Names are `millrace-it-<process>-<number>`; a number given to another process keeps a folder longer.
fn is_leftover(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
    owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists())
}

/// Memory, else the build folder, else (when root's server could not enter that) `/var/tmp`.
fn place() -> PathBuf {
    let build = Path::new(env!("CARGO_TARGET_TMPDIR"));
    if free_bytes("/dev/shm").is_some_and(|free| free >= ROOM_BYTES_MIN) {
        "/dev/shm".into()
    } else if everybody_passes(build) {
        build.into()
    } else {
        "/var/tmp".into()
    }
}

fn everybody_passes(folder: &Path) -> bool {
    // SAFETY: geteuid has no preconditions and cannot fail.
    let root = unsafe { libc::geteuid() } == 0;
    let open = |part: &Path| fs::metadata(part).is_ok_and(|found| found.permissions().mode() & 0o001 != 0);
    !root || folder.ancestors().all(open)
}

fn free_bytes(folder: &str) -> Option<u64> {
    let folder = CString::new(folder).ok()?;
    // SAFETY: statvfs is a plain C struct for which zeroes are a valid value; the call fills it.
    let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid for the length of the call.
    let answer = unsafe { libc::statvfs(folder.as_ptr(), &mut found) };
    (answer == 0).then(|| found.f_bavail * found.f_frsize)
}
