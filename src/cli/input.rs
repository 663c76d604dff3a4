//! What commands read from people: passwords, and spans of time.

use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsRawFd;

use chrono::TimeDelta;

use super::Failure;
use crate::base::length::unit_ms;

/// Longest line that is read as a password, in bytes.
const PASSWORD_BYTES_MAX: u64 = 1024;

/// Reads one line from stdin as a password. On a terminal it asks, and does not show what is typed.
///
/// # Errors
/// Nothing came, or it is no text.
pub fn password(prompt: &str) -> Result<String, Failure> {
    let stdin = io::stdin();
    let _hidden = if stdin.is_terminal() { Some(Hidden::ask(prompt)?) } else { None };
    let mut bytes = Vec::new();
    let mut lock = stdin.lock().take(PASSWORD_BYTES_MAX + 1);
    let mut byte = [0u8];
    while lock.read(&mut byte)? == 1 && byte[0] != b'\n' {
        bytes.push(byte[0]);
    }
    if bytes.len() as u64 > PASSWORD_BYTES_MAX {
        return Err(Failure::refused("the password on stdin is too long"));
    }
    let text = String::from_utf8(bytes).map_err(|_| Failure::refused("the password on stdin is not valid UTF-8"))?;
    let text = text.strip_suffix('\r').unwrap_or(&text).to_owned();
    if text.is_empty() { Err(Failure::refused("there is no password on stdin")) } else { Ok(text) }
}

/// A terminal that does not show what is typed, until dropped.
struct Hidden(libc::termios);

impl Hidden {
    fn ask(prompt: &str) -> Result<Self, Failure> {
        eprint!("{prompt}: ");
        io::stderr().flush()?;
        // SAFETY: termios is a plain C struct for which zeroes are a valid value; the call fills it.
        let mut before: libc::termios = unsafe { std::mem::zeroed() };
        let fd = io::stdin().as_raw_fd();
        // SAFETY: the descriptor is open and the pointer valid for the length of the call.
        if unsafe { libc::tcgetattr(fd, &mut before) } != 0 {
            return Err(io::Error::last_os_error().into());
        }
        let mut hidden = before;
        hidden.c_lflag &= !libc::ECHO;
        // SAFETY: as above.
        if unsafe { libc::tcsetattr(fd, libc::TCSAFLUSH, &hidden) } != 0 {
            return Err(io::Error::last_os_error().into());
        }
        Ok(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // SAFETY: the descriptor is open and the pointer valid for the length of the call.
        unsafe { libc::tcsetattr(io::stdin().as_raw_fd(), libc::TCSAFLUSH, &self.0) };
        eprintln!();
    }
}

/// Milliseconds of a week, which only spans of the command line know.
const WEEK_MS: u64 = 604_800_000;
/// Longest span: about a hundred years.
const DAYS_MAX: i64 = 36_500;

/// Reads a span such as `90d`, `12h`, `30 minutes`, `2w`; `never` is none.
///
/// # Errors
/// A sentence that says what is allowed.
pub fn span(text: &str) -> Result<Option<TimeDelta>, String> {
    let refused = || format!("{text:?} is no span: write a whole number with s, m, h, d or w, such as 90d, or never");
    if text == "never" {
        return Ok(None);
    }
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(refused)?);
    let number: u64 = number.parse().ok().filter(|number| *number > 0).ok_or_else(refused)?;
    let unit_ms = match unit.trim() {
        "w" | "week" | "weeks" => Some(WEEK_MS),
        unit => unit_ms(unit),
    };
    let ms = number.checked_mul(unit_ms.ok_or_else(refused)?).and_then(|ms| i64::try_from(ms).ok());
    let span = ms.and_then(TimeDelta::try_milliseconds);
    span.filter(|span| *span <= TimeDelta::days(DAYS_MAX)).map(Some).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_a_number_and_a_unit() {
        assert_eq!(span("90d"), Ok(Some(TimeDelta::days(90))));
        assert_eq!(span("2w"), Ok(Some(TimeDelta::days(14))));
        assert_eq!(span("10 minutes"), Ok(Some(TimeDelta::minutes(10))));
        assert_eq!(span("2 weeks"), Ok(Some(TimeDelta::days(14))));
        assert_eq!(span("never"), Ok(None));
        for bad in ["", "d", "90", "-1d", "0h", "1y", "1.5h", "99999999999999999999d", "9000000d", "ü"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
