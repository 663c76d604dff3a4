//! Waiting for whichever of several things happens first, without looking again and again.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

/// Waits until one of `fds` is readable or closed (negative ones are passed over), or for `limit`. An interruption counts
/// as nothing happened.
///
/// # Errors
/// The system has no room to wait.
pub(super) fn wait_readable<const N: usize>(fds: [RawFd; N], limit: Duration) -> io::Result<[bool; N]> {
    let mut polled = fds.map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
    // rounded up: a wait that ends just before its time would come back at once, again and again
    let limit = i32::try_from(limit.as_micros().div_ceil(1_000)).unwrap_or(i32::MAX);
    // SAFETY: `polled` is an array of N valid pollfds.
    if unsafe { libc::poll(polled.as_mut_ptr(), N as libc::nfds_t, limit) } < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::Interrupted { Ok([false; N]) } else { Err(error) };
    }
    Ok(polled.map(|one| one.revents != 0))
}
