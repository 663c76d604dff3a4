//! The folder of an attempt.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, lchown};
use std::path::{Path, PathBuf};

use super::user::RunAs;
use crate::base::random;
use crate::queue::work::JobContext;

/// A folder that only the command's user can enter; removed with all that is in it when dropped.
#[derive(Debug)]
pub(super) struct Workplace(PathBuf);

impl Workplace {
    /// Makes the folder of an attempt within `base`.
    pub(super) fn create(base: &Path, job: &JobContext, run_as: Option<RunAs>) -> io::Result<Self> {
        let random = u64::from_ne_bytes(random::secret_bytes());
        let path = base.join(format!("millrace-{}-{}-{random:016x}", job.job(), job.attempt()));
        DirBuilder::new().mode(0o700).create(&path)?;
        let place = Self(path);
        if let Some(user) = run_as {
            lchown(&place.0, Some(user.uid), Some(user.gid))?;
        }
        Ok(place)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into the folder before the command runs.
    pub(super) fn write(&self, name: &str, text: &str, run_as: Option<RunAs>) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text)?;
        if let Some(user) = run_as {
            lchown(&path, Some(user.uid), Some(user.gid))?;
        }
        Ok(path)
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // does not follow links that the command may have left (it works relative to open folders)
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the folder of an attempt could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runners::testing;
    use serde_json::json;

    #[test]
    fn the_folder_goes_away_and_links_are_not_followed() {
        let base = tempfile::tempdir().unwrap();
        let precious = base.path().join("precious");
        fs::write(&precious, "x").unwrap();

        let place = Workplace::create(base.path(), &testing::job(json!({})), None).unwrap();
        let path = place.path().to_owned();
        std::os::unix::fs::symlink(base.path(), path.join("link")).unwrap();
        drop(place);

        assert!(!path.exists());
        assert!(precious.exists());
    }
}
