//! The folders of a cluster, made with the right owner and permissions whatever the umask.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, lchown};
use std::path::Path;

use super::account::Account;
use super::error::ClusterError;
use super::settings::effective_uid;

/// Makes the folder that holds the cluster, if there is none.
///
/// As root the server's account must pass through it, so others may enter but not list it.
pub(super) fn make_parent(folder: &Path, account: Option<&Account>) -> Result<(), ClusterError> {
    let mode = if account.is_some() { 0o711 } else { 0o700 };
    make_with_mode(folder, mode)
}

/// Makes the folder for fetched programs, if there is none; everybody may read it.
pub(super) fn make_public(folder: &Path) -> Result<(), ClusterError> {
    make_with_mode(folder, 0o755)
}

/// Makes `folder` for the server's account alone, or checks that it already is.
///
/// The folder may stand in `/tmp`, where somebody else could have made it first: what is not a
/// plain folder of ours is refused.
pub(super) fn make_private(folder: &Path, account: Option<&Account>) -> Result<(), ClusterError> {
    let when = |e| ClusterError::when(format!("make the folder {}", folder.display()))(e);
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => check_ours(folder, account)?,
        made => made.map_err(when)?,
    }
    if let Some(account) = account {
        lchown(folder, Some(account.uid), Some(account.gid)).map_err(when)?;
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(when)
}

/// Removes `folder` when nothing is left in it. A folder that stays does no harm and is only told of.
pub(super) fn remove_if_empty(folder: &Path) {
    match fs::remove_dir(folder) {
        Err(problem) if problem.kind() != io::ErrorKind::NotFound => {
            tracing::debug!(folder = %folder.display(), %problem, "the socket folder stays");
        }
        _ => {}
    }
}

fn check_ours(folder: &Path, account: Option<&Account>) -> Result<(), ClusterError> {
    let found = fs::symlink_metadata(folder).map_err(ClusterError::when(format!("look at {}", folder.display())))?;
    let ours = effective_uid();
    let refuse = |problem| Err(ClusterError::Folder { folder: folder.into(), problem });
    if !found.is_dir() {
        return refuse("is not a plain folder");
    }
    if found.uid() != ours && account.is_none_or(|account| account.uid != found.uid()) {
        return refuse("belongs to somebody else");
    }
    Ok(())
}

fn make_with_mode(folder: &Path, mode: u32) -> Result<(), ClusterError> {
    if folder.is_dir() {
        return Ok(());
    }
    let when = |e| ClusterError::when(format!("make the folder {}", folder.display()))(e);
    if let Some(parent) = folder.parent() {
        // Folders further up are ordinary: whoever wants them closed makes them beforehand.
        DirBuilder::new().recursive(true).mode(0o755).create(parent).map_err(when)?;
    }
    match DirBuilder::new().mode(mode).create(folder) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(when(e)),
        // The umask may have taken bits away that the server's account needs.
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(mode)).map_err(when),
    }
}
