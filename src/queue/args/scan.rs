//! One pass over the bytes of a JSON text that counts depth and size and judges numbers and escapes. It does not check
//! the grammar: what it lets pass is parsed afterwards.

use super::{ARGS_DEPTH_MAX, ArgsError, holds_nul, too_deep, too_large};

/// Looks through `text`, in which arguments stand `outer` levels deep and the values may have `bytes_max` bytes.
pub(super) fn scan(text: &[u8], outer: usize, bytes_max: usize) -> Result<(), ArgsError> {
    let mut scan = Scan { text, at: 0, depth: 0, depth_max: ARGS_DEPTH_MAX + outer, bytes: 0 };
    while scan.at < text.len() {
        scan.token()?;
        if scan.bytes > bytes_max {
            return Err(ArgsError::byte(scan.at, too_large()));
        }
    }
    Ok(())
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    depth_max: usize,
    /// Bytes outside the white space between values.
    bytes: usize,
}

impl Scan<'_> {
    fn token(&mut self) -> Result<(), ArgsError> {
        let start = self.at;
        self.at += 1;
        match self.text[start] {
            b' ' | b'\t' | b'\r' | b'\n' => return Ok(()),
            b'{' | b'[' => self.open(start)?,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => self.number(start)?,
            _ => {}
        }
        self.bytes += self.at - start;
        Ok(())
    }

    fn open(&mut self, start: usize) -> Result<(), ArgsError> {
        self.depth += 1;
        if self.depth > self.depth_max { Err(ArgsError::byte(start, too_deep())) } else { Ok(()) }
    }

    fn string(&mut self) -> Result<(), ArgsError> {
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' if self.text[self.at..].starts_with(b"\\u0000") => {
                    return Err(ArgsError::byte(self.at, holds_nul()));
                }
                b'\\' => self.at = (self.at + 2).min(self.text.len()),
                _ => self.at += 1,
            }
        }
        Ok(()) // never ends: the parser will say so
    }

    fn number(&mut self, start: usize) -> Result<(), ArgsError> {
        let rest = &self.text[self.at..];
        self.at +=
            rest.iter().take_while(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')).count();
        let Ok(text) = std::str::from_utf8(&self.text[start..self.at]) else { return Ok(()) };
        let whole = text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
        if whole && text.len() > 1 && text.parse::<i64>().is_err() && text.parse::<u64>().is_err() {
            return Err(self.beyond(start, text, "a whole number"));
        }
        if text.parse::<f64>().is_ok_and(f64::is_infinite) {
            return Err(self.beyond(start, text, "a number"));
        }
        Ok(())
    }

    fn beyond(&self, start: usize, text: &str, what: &str) -> ArgsError {
        /// Longest number that a refusal repeats, in bytes.
        const SHOWN_MAX: usize = 40;
        let shown = text.get(..SHOWN_MAX).map_or_else(|| text.to_owned(), |cut| format!("{cut}…"));
        ArgsError::byte(start, format!("hold {shown}, beyond what {what} can be: send it as text"))
    }
}
