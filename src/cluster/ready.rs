//! Asks a server over its socket whether it takes connections.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::ClusterError;
use super::{DATABASE, PORT, SUPERUSER};

/// Longest path of a Unix socket in bytes (unix(7): 108 with the closing zero).
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// How long a server may take to answer one question.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(2);
/// Version 3.0 of PostgreSQL's protocol, as in its start-up message.
const PROTOCOL: u32 = 196_608;

/// The message that ends a session: its kind and its length.
const TERMINATE: [u8; 5] = *b"X\0\0\0\x04";
/// How much of the rest is listened to: a greeting has about 400 bytes.
const FAREWELL_BYTES_MAX: u64 = 64 << 10;

/// The socket that a server makes in `folder`.
pub(super) fn socket_path(folder: &Path) -> PathBuf {
    folder.join(format!(".s.PGSQL.{PORT}"))
}

/// Refuses a folder whose socket path the system could not hold.
pub(super) fn check_socket_path(folder: &Path) -> Result<(), ClusterError> {
    let path = socket_path(folder);
    let bytes = path.as_os_str().len();
    if bytes <= SOCKET_PATH_BYTES_MAX {
        return Ok(());
    }
    Err(ClusterError::SocketPathTooLong { path, bytes, max: SOCKET_PATH_BYTES_MAX })
}

/// Tells whether the server in `folder` takes connections: it lets the superuser in.
pub(super) fn takes_connections(folder: &Path) -> bool {
    // Each failure here means "not now": no socket yet, still recovering, or no slot free.
    first_answer(&socket_path(folder)).is_ok_and(|kind| kind == b'R')
}

/// The kind of the first message: `R` asks for or confirms a login, `E` is an error (57P03: starting up).
fn first_answer(socket: &Path) -> io::Result<u8> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(ANSWER_WAIT_MAX))?;
    stream.set_write_timeout(Some(ANSWER_WAIT_MAX))?;
    stream.write_all(&startup_message())?;
    let mut kind = [0u8; 1];
    stream.read_exact(&mut kind)?;
    // Leaving without a word would be a line in the server's log each time.
    stream.write_all(&TERMINATE)?;
    io::copy(&mut stream.take(FAREWELL_BYTES_MAX), &mut io::sink())?;
    Ok(kind[0])
}

/// Length, protocol, `name\0value\0` pairs, `\0`
/// (PostgreSQL documentation, "Message Formats", StartupMessage).
fn startup_message() -> Vec<u8> {
    let pairs = format!("user\0{SUPERUSER}\0database\0{DATABASE}\0\0");
    let length = (8 + pairs.len()) as u32; // counts itself and the protocol
    [&length.to_be_bytes()[..], &PROTOCOL.to_be_bytes()[..], pairs.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_startup_message_counts_its_bytes() {
        let message = startup_message();

        assert_eq!(message[..4], (message.len() as u32).to_be_bytes());
        assert!(message.ends_with(b"\0\0"));
    }

    #[test]
    fn a_long_socket_folder_is_refused() {
        let short = PathBuf::from(format!("/{}", "x".repeat(92))); // 93 + 14 = 107
        let long = PathBuf::from(format!("/{}", "x".repeat(93)));

        assert!(check_socket_path(&short).is_ok());
        assert!(check_socket_path(&long).is_err());
    }
}
