//! Where the running server can be reached: left in the data folder, so that commands print links that work even when the
//! server picked its port itself or was given other flags.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::config::Config;

/// Longest address that is believed, in bytes.
const BYTES_MAX: usize = 300;

fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("address")
}

/// Leaves the address of the running server.
///
/// # Errors
/// The data folder cannot be written.
pub(super) fn leave(data_dir: &Path, origin: &str) -> Result<(), Failure> {
    let path = file(data_dir);
    fs::write(&path, origin).map_err(|error| Failure::refused(format!("cannot write {}: {error}", path.display())))
}

/// Takes the address away when the server ends. A stale one only leads to a link that does not answer.
pub(super) fn take_away(data_dir: &Path) {
    match fs::remove_file(file(data_dir)) {
        Err(error) if error.kind() != ErrorKind::NotFound => tracing::warn!(%error, "the address file stays"),
        _ => {}
    }
}

/// Gives the origin of the running server, else the one that the settings promise.
pub(super) fn origin(config: &Config) -> String {
    let left = fs::read_to_string(file(&config.data_dir)).ok();
    let left = left.filter(|origin| origin.len() <= BYTES_MAX && origin.starts_with("http"));
    left.unwrap_or_else(|| config.origin(config.listen.port()))
}
