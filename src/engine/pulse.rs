//! A sign of life from the engine's process to its supervisor: a byte through a pipe, several times a second.
//!
//! A process that is stopped (`SIGSTOP`, a debugger, a frozen cgroup) does not end, holds its leases until they run out, and
//! comes back with jobs that others own by then. Its supervisor ends it instead, and a new one takes back what it held.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Names the pipe's number to the engine.
const VARIABLE: &str = "MILLRACE_PULSE_FD";
/// Time between two beats.
const BEAT: Duration = Duration::from_millis(250);

/// The supervisor's end.
#[derive(Debug)]
pub(super) struct Pulse {
    reader: PipeReader,
    heard: Option<Instant>,
}

impl Pulse {
    /// Makes a pipe; the other end goes to the child as the variable it is told by.
    pub(super) fn new() -> io::Result<(Self, PipeWriter)> {
        let (reader, writer) = io::pipe()?;
        // SAFETY: fcntl on a descriptor of our own, with flags only.
        if unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((Self { reader, heard: None }, writer))
    }

    /// Gives the variable that tells the child its end.
    pub(super) fn variable(writer: &PipeWriter) -> (&'static str, String) {
        (VARIABLE, writer.as_raw_fd().to_string())
    }

    /// Tells whether anything was heard yet.
    #[cfg(test)]
    pub(super) fn has_beaten(&self) -> bool {
        self.heard.is_some()
    }

    /// Tells for how long nothing was heard; `None` before the first beat: the child may be of a kind that has none.
    pub(super) fn silence(&mut self) -> Option<Duration> {
        let mut beats = [0; 64];
        while self.reader.read(&mut beats).is_ok_and(|read| read > 0) {
            self.heard = Some(Instant::now());
        }
        self.heard.map(|at| at.elapsed())
    }
}

/// Lets the child keep its end of the pipe when it becomes another program. For between fork and exec.
pub(super) fn keep_open(writer: RawFd) -> io::Result<()> {
    // SAFETY: fcntl only, which is safe between fork and exec.
    if unsafe { libc::fcntl(writer, libc::F_SETFD, 0) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Whoever listened to our beats is gone.
static ORPHANED: AtomicBool = AtomicBool::new(false);

/// Tells whether the supervisor has gone without asking us to end: nobody waits for what we do, and whoever comes after it
/// starts another engine under our name.
pub(super) fn is_orphaned() -> bool {
    ORPHANED.load(Ordering::Relaxed)
}

/// Beats until nobody listens any more; nothing happens in a process that was told of no pipe.
///
/// # Errors
/// The thread cannot be started.
pub fn beat() -> io::Result<()> {
    let Some(number) = std::env::var(VARIABLE).ok().and_then(|text| text.parse::<RawFd>().ok()) else { return Ok(()) };
    // SAFETY: the supervisor opened this descriptor for us, and nothing else of this process knows of it.
    let mut writer = PipeWriter::from(unsafe { OwnedFd::from_raw_fd(number) });
    // SAFETY: as in `keep_open`; work that we start must not hold the pipe open.
    unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    thread::Builder::new().name("mr-pulse".into()).spawn(move || {
        while writer.write_all(b".").is_ok() {
            thread::sleep(BEAT);
        }
        ORPHANED.store(true, Ordering::Relaxed);
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_counted_from_the_last_beat() {
        let (mut pulse, mut writer) = Pulse::new().unwrap();
        assert_eq!(pulse.silence(), None, "nothing was heard yet");

        writer.write_all(b"..").unwrap();

        assert!(pulse.silence().is_some_and(|silence| silence < Duration::from_secs(5)));
        drop(writer);
        assert!(pulse.silence().is_some(), "a closed pipe is silent, too");
    }
}
