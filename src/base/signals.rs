//! Being asked to end, and who may look into this process. One place hears the signals; everything else asks it.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

/// Signals that come closer together are one wish: make and a terminal's process group send the same one twice.
const ONE_WISH_MS: i64 = 1_000;

/// How often somebody wished the end.
struct Wishes {
    counted: AtomicU32,
    last_ms: AtomicI64,
}

impl Wishes {
    const fn none() -> Self {
        Self { counted: AtomicU32::new(0), last_ms: AtomicI64::new(i64::MIN / 2) }
    }

    fn count(&self, now_ms: i64) {
        if now_ms - self.last_ms.swap(now_ms, Ordering::Relaxed) >= ONE_WISH_MS {
            self.counted.fetch_add(1, Ordering::Relaxed);
        }
    }
}

static WISHES: Wishes = Wishes::none();

/// Atomics and `clock_gettime` are all that is safe here.
extern "C" fn hear(_: libc::c_int) {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is valid; a failure leaves zeros, which count as now.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    WISHES.count(now.tv_sec * 1_000 + now.tv_nsec / 1_000_000);
}

/// Hears SIGTERM and SIGINT from now on instead of ending at once.
pub fn listen() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        // SAFETY: the handler only adds to an atomic. SA_RESTART keeps reads of the program from failing with EINTR.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = hear as extern "C" fn(libc::c_int) as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
}

/// Tells how often the process was asked to end since [`listen`]. The second time somebody is impatient.
pub fn asked_to_end() -> u32 {
    WISHES.counted.load(Ordering::Relaxed)
}

/// Makes `signal` come when the process that started this one ends, and tells whether it has ended already.
///
/// Linux ties it to the *thread* that started us: start children from a thread that lives as long as its process.
pub fn follow_parent(signal: libc::c_int, parent: u32) -> std::io::Result<()> {
    // SAFETY: prctl with these arguments has no memory preconditions.
    if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    if std::os::unix::process::parent_id() == parent {
        Ok(())
    } else {
        Err(std::io::Error::other("the parent has ended already"))
    }
}

/// Closes this process's memory and environment, which hold the database's URL, to other programs of the same user, and leaves no
/// core of them on the disk. Programs that it starts decide for themselves.
///
/// # Errors
/// The system refuses.
pub fn hide_process() -> std::io::Result<()> {
    // SAFETY: prctl with these arguments has no memory preconditions.
    if unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_that_come_together_are_one_wish() {
        let wishes = Wishes::none();

        for (now_ms, wished) in [(10_000, 1), (10_002, 1), (10_900, 1), (12_000, 2)] {
            wishes.count(now_ms);
            assert_eq!(wishes.counted.load(Ordering::Relaxed), wished, "at {now_ms}");
        }
    }
}
