//! Being asked to end, and who may look into this process. One place hears the signals; everything else asks it.

use std::sync::atomic::{AtomicU32, Ordering};

static ASKED: AtomicU32 = AtomicU32::new(0);

extern "C" fn hear(_: libc::c_int) {
    ASKED.fetch_add(1, Ordering::Relaxed); // the only thing that is safe here
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
    ASKED.load(Ordering::Relaxed)
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
