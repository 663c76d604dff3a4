//! The server's log file: `<data>.log`, with one older part `<data>.log.1`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::error::ClusterError;
use super::lock::beside;
use super::process;

/// Length at which the log is moved to its older part. On disk there is twice this at most, plus
/// what the server writes between two looks.
const LOG_BYTES_MAX: u64 = 10 << 20;
/// How much of the end is read for an error message.
const TAIL_BYTES_MAX: u64 = 4_000;

pub(super) struct Log {
    path: PathBuf,
    bytes_max: u64,
}

impl Log {
    /// Names the log of a data folder.
    pub fn of(data: &Path) -> Log {
        Log { path: beside(data, ".log"), bytes_max: LOG_BYTES_MAX }
    }

    /// Gives the present part's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file for a server to append to. Only we may read it: statements show in errors.
    pub fn open(&self) -> Result<File, ClusterError> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)
            .map_err(ClusterError::when(format!("open {}", self.path.display())))
    }

    /// Moves a log that has grown too long to its older part.
    ///
    /// It is copied and emptied, because the server keeps writing to the file it was given; what it
    /// writes in between is lost.
    pub fn cut_when_long(&self) -> io::Result<()> {
        if fs::metadata(&self.path)?.len() <= self.bytes_max {
            return Ok(());
        }
        let older = beside(&self.path, ".1");
        // Removed first, because another user (root, once) may have made it.
        match fs::remove_file(&older) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => fs::copy(&self.path, &older)?,
        };
        OpenOptions::new().write(true).open(&self.path)?.set_len(0)
    }

    /// The last lines, for an error message.
    pub fn tail(&self) -> String {
        self.read_tail().unwrap_or_else(|e| format!("(not readable: {e})"))
    }

    fn read_tail(&self) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES_MAX)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(process::tail(&String::from_utf8_lossy(&bytes)).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_long_log_is_cut_and_goes_on() {
        let folder = std::env::temp_dir().join(format!("millrace-log-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let log = Log { path: folder.join("postgres.log"), bytes_max: 10 };
        let mut server = log.open().unwrap();

        server.write_all(b"0123456789").unwrap();
        log.cut_when_long().unwrap();
        let uncut = log.tail();
        server.write_all(b" and more").unwrap();
        log.cut_when_long().unwrap();
        server.write_all(b"fresh\n").unwrap();

        assert_eq!(uncut, "0123456789");
        assert_eq!(log.tail(), "fresh");
        assert_eq!(fs::read(folder.join("postgres.log.1")).unwrap(), b"0123456789 and more");
        fs::remove_dir_all(&folder).unwrap();
    }
}
