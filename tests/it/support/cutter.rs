//! A proxy before the database that cuts the connection at COMMIT: what was answered goes into the void.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use super::ThrowAway;

/// Where the connection that commits next is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Cut {
    Never = 0,
    /// The server never hears of the commit.
    BeforeCommit = 1,
    /// The server has committed; its answer is lost.
    AfterCommit = 2,
}

/// The proxy; its threads end with the process.
pub struct Cutter {
    folder: ThrowAway,
    cut: Arc<AtomicU8>,
}

impl Cutter {
    /// Stands before the socket of `url`.
    pub fn before(url: &str) -> Cutter {
        let (folder, cut) = (ThrowAway::new(), Arc::new(AtomicU8::new(Cut::Never as u8)));
        let server = socket_of(url);
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let cuts = Arc::clone(&cut);
        thread::spawn(move || {
            for client in listener.incoming().filter_map(Result::ok) {
                let server = UnixStream::connect(&server).unwrap();
                let cuts = Arc::clone(&cuts);
                let (mut from_server, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let answered = Arc::clone(&cuts);
                thread::spawn(move || drop(answers(&mut from_server, &mut to_client, &answered)));
                thread::spawn(move || drop(requests(client, server, &cuts)));
            }
        });
        Cutter { folder, cut }
    }

    /// A URL for the same database through this proxy.
    pub fn url(&self, url: &str) -> String {
        let host = url.split("host=").nth(1).unwrap().split('&').next().unwrap();
        url.replace(host, &self.folder.path().display().to_string().replace('/', "%2F"))
    }

    /// Cuts the next connection that commits.
    pub fn arm(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }

    /// Whether a connection was cut since it was armed.
    pub fn has_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst) == Cut::Never as u8
    }
}

/// Mark of a cut that waits for the server's answer, which will not be passed on.
const ANSWER_AWAITED: u8 = 3;

/// Passes requests on until one commits and is to be cut. libpq writes a simple query in one piece.
fn requests(mut client: UnixStream, mut server: UnixStream, cut: &AtomicU8) -> std::io::Result<()> {
    let mut buffer = [0; 64 * 1024];
    loop {
        let length = client.read(&mut buffer)?;
        if length == 0 {
            return server.shutdown(Shutdown::Both);
        }
        let commits = buffer[..length].windows(7).any(|part| part == b"COMMIT\0");
        let armed =
            |kind: Cut, next: u8| cut.compare_exchange(kind as u8, next, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if commits && armed(Cut::BeforeCommit, Cut::Never as u8) {
            server.shutdown(Shutdown::Both)?;
            return client.shutdown(Shutdown::Both);
        }
        if commits {
            armed(Cut::AfterCommit, ANSWER_AWAITED);
        }
        server.write_all(&buffer[..length])?;
    }
}

fn answers(server: &mut UnixStream, client: &mut UnixStream, cut: &AtomicU8) -> std::io::Result<()> {
    let mut buffer = [0; 64 * 1024];
    loop {
        let length = server.read(&mut buffer)?;
        let answers_commit = buffer[..length].windows(7).any(|part| part == b"COMMIT\0");
        let cuts = answers_commit
            && cut.compare_exchange(ANSWER_AWAITED, Cut::Never as u8, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if length == 0 || cuts {
            server.shutdown(Shutdown::Both)?;
            return client.shutdown(Shutdown::Both);
        }
        client.write_all(&buffer[..length])?;
    }
}

fn socket_of(url: &str) -> PathBuf {
    let host = url.split("host=").nth(1).unwrap().split('&').next().unwrap();
    Path::new(&host.replace("%2F", "/")).join(".s.PGSQL.5432")
}
