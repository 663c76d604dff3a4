//! Connection URLs over the socket, as libpq reads them.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::PORT;

/// `postgresql://user@/database?host=<folder>&port=5432`; the port is said because `PGPORT` may be set.
pub(super) fn over_socket(socket_dir: &Path, user: &str, database: &str) -> String {
    let user = encoded(user.as_bytes());
    let database = encoded(database.as_bytes());
    let host = encoded(socket_dir.as_os_str().as_bytes());
    format!("postgresql://{user}@/{database}?host={host}&port={PORT}")
}

/// Percent-encoding (RFC 3986) of everything but unreserved characters.
fn encoded(bytes: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    bytes.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_survives_odd_names() {
        let url = over_socket(Path::new("/tmp/a b"), "o'neil@x", "jobs");

        assert_eq!(url, "postgresql://o%27neil%40x@/jobs?host=%2Ftmp%2Fa%20b&port=5432");
    }
}
