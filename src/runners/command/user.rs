//! The user that commands run as.

use std::ffi::{CStr, CString};

/// Longest entry of the user database, in bytes.
const ENTRY_BYTES_MAX: usize = 64 * 1024;

/// An unprivileged user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunAs {
    pub uid: u32,
    pub gid: u32,
}

/// Finds the user to run commands as; `None` when we are not root, because then they run as we do.
///
/// # Errors
/// A sentence.
pub(super) fn run_as(name: &str) -> Result<Option<RunAs>, String> {
    if !are_root() {
        return Ok(None);
    }
    match look_up(name)? {
        RunAs { uid: 0, .. } => Err(format!("commands never run as root, and {name} is root")),
        user => Ok(Some(user)),
    }
}

/// Tells whether this process may become any user.
pub fn are_root() -> bool {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Gives the number of the user `name`.
///
/// # Errors
/// A sentence: there is no such user.
pub fn uid_of(name: &str) -> Result<u32, String> {
    look_up(name).map(|user| user.uid)
}

/// Gives the name of the user that we are; its number when the user database has no name for it.
pub(super) fn own_name() -> String {
    // SAFETY: geteuid has no preconditions and cannot fail.
    let uid = unsafe { libc::geteuid() };
    // SAFETY: all zeroes is a valid passwd.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    let (mut buffer, mut found) = (vec![0 as libc::c_char; ENTRY_BYTES_MAX], std::ptr::null_mut());
    // SAFETY: every pointer is valid and the buffer has the length that is said.
    let code = unsafe { libc::getpwuid_r(uid, &mut entry, buffer.as_mut_ptr(), buffer.len(), &mut found) };
    if code != 0 || found.is_null() {
        return uid.to_string();
    }
    // SAFETY: the call was answered, so the name is a C string within `buffer`, which still lives.
    unsafe { CStr::from_ptr(entry.pw_name) }.to_string_lossy().into_owned()
}

fn look_up(name: &str) -> Result<RunAs, String> {
    let missing = || format!("the user {name:?} that commands should run as does not exist");
    let c_name = CString::new(name).map_err(|_| missing())?;
    // SAFETY: all zeroes is a valid passwd.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    let (mut buffer, mut found) = (vec![0 as libc::c_char; ENTRY_BYTES_MAX], std::ptr::null_mut());
    // SAFETY: every pointer is valid, the buffer has the length that is said, and `entry` is read before it goes away.
    let code = unsafe { libc::getpwnam_r(c_name.as_ptr(), &mut entry, buffer.as_mut_ptr(), buffer.len(), &mut found) };
    match (code, found.is_null()) {
        (0, false) => Ok(RunAs { uid: entry.pw_uid, gid: entry.pw_gid }),
        (0, true) => Err(missing()),
        (code, _) => Err(format!("the user {name:?} cannot be looked up: {}", std::io::Error::from_raw_os_error(code))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_looked_up_by_name() {
        assert_eq!(look_up("root").unwrap().uid, 0);
        assert!(look_up("no-such-user-here").unwrap_err().contains("does not exist"));
        assert!(look_up("a\0b").is_err());
    }

    #[test]
    fn we_have_a_name() {
        assert_eq!(own_name() == "root", are_root());
    }

    #[test]
    fn root_is_refused() {
        if are_root() {
            assert!(run_as("root").unwrap_err().contains("never run as root"));
            assert!(run_as("nobody").unwrap().is_some());
        } else {
            assert_eq!(run_as("root"), Ok(None));
        }
    }
}
