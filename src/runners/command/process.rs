//! The system calls about processes, each in a few safe lines.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// A process, held so that its id cannot come to mean another one.
#[derive(Debug)]
pub(super) struct Process(OwnedFd);

impl Process {
    /// Takes hold of the process `pid`.
    pub(super) fn open(pid: libc::pid_t) -> io::Result<Self> {
        // SAFETY: pidfd_open takes two integers.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let fd = RawFd::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
        // SAFETY: the call just made this descriptor and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Gives a descriptor that is readable once the process has ended.
    pub(super) fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Kills the process. One that has ended already is no error.
    pub(super) fn kill(&self) -> io::Result<()> {
        let (fd, none) = (self.0.as_raw_fd(), std::ptr::null::<libc::siginfo_t>());
        // SAFETY: pidfd_send_signal reads nothing through a null pointer.
        let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, libc::SIGKILL, none, 0) };
        ended_is_fine(result)
    }
}

/// Signals every process of the group that `leader` leads; it must not be reaped yet, or the id may mean another group.
pub(super) fn signal_group(leader: libc::pid_t, signal: libc::c_int) -> io::Result<()> {
    // SAFETY: killpg takes two integers.
    ended_is_fine(libc::c_long::from(unsafe { libc::killpg(leader, signal) }))
}

fn ended_is_fine(result: libc::c_long) -> io::Result<()> {
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() == Some(libc::ESRCH) { Ok(()) } else { Err(error) }
}

/// What the kernel counts reads and writes of disks in (getrusage(2)).
const BLOCK_BYTES: u64 = 512;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl Exit {
    /// Gives the exit code; 128 + signal when a signal ended it.
    pub(super) fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

/// How a process ended and what it used, with those of its descendants that were waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    pub exit: Exit,
    /// User and system time.
    pub cpu: Duration,
    /// Largest resident set; never less than ours at the time of the fork, because the kernel counts the copy.
    pub peak_memory_bytes: u64,
    /// Read from disks, in bytes.
    pub read_bytes: u64,
    /// Given to disks to be written, in bytes.
    pub written_bytes: u64,
}

/// Takes leave of an ended child; waits for it if it has not ended.
pub(super) fn reap(pid: libc::pid_t) -> io::Result<Usage> {
    let mut status = 0;
    // SAFETY: all zeroes is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both places are valid to write to.
        if unsafe { libc::wait4(pid, &mut status, 0, &mut usage) } == pid {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let exit = if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    };
    let cpu = duration(usage.ru_utime) + duration(usage.ru_stime);
    Ok(Usage {
        exit,
        cpu,
        peak_memory_bytes: usage.ru_maxrss.unsigned_abs() * 1024,
        read_bytes: usage.ru_inblock.unsigned_abs() * BLOCK_BYTES,
        written_bytes: usage.ru_oublock.unsigned_abs() * BLOCK_BYTES,
    })
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec.unsigned_abs())
}

/// Makes reads of `file` come back at once when there is nothing to read.
pub(super) fn never_block(file: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: F_SETFL takes an integer.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Makes a file that lives in memory only and goes away with its last descriptor.
pub(super) fn file_in_memory() -> io::Result<File> {
    // SAFETY: the name is a C string; the call makes a descriptor that nobody else owns.
    let fd = unsafe { libc::memfd_create(c"millrace".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above.
    Ok(unsafe { File::from_raw_fd(fd) })
}
