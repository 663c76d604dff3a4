//! A proxy before the database that cuts the connection at COMMIT, or at an answer that holds a given text: what was answered
//! goes into the void. It also cuts all connections at once, lets them
//! hang (open, and silent), or is a black hole for old and new ones.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
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
    text: Arc<Mutex<String>>,
    clients: Arc<Mutex<Vec<Weak<UnixStream>>>>,
    /// Connections that were there at a hang say nothing any more: those of an older generation.
    generation: Arc<AtomicU64>,
    swallows: Arc<AtomicBool>,
}

impl Cutter {
    /// Stands before the socket of `url`.
    pub fn before(url: &str) -> Cutter {
        let (folder, cut) = (ThrowAway::new(), Arc::new(AtomicU8::new(Cut::Never as u8)));
        let (text, clients) = (Arc::<Mutex<String>>::default(), Arc::<Mutex<Vec<Weak<UnixStream>>>>::default());
        let server = socket_of(url);
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let (cuts, wanted, all) = (Arc::clone(&cut), Arc::clone(&text), Arc::clone(&clients));
        let generation = Arc::new(AtomicU64::new(0));
        let (now, swallows) = (Arc::clone(&generation), Arc::new(AtomicBool::new(false)));
        let (is_hole, mut swallowed) = (Arc::clone(&swallows), Vec::new());
        thread::spawn(move || {
            for client in listener.incoming().filter_map(Result::ok).map(Arc::new) {
                if is_hole.load(Ordering::SeqCst) {
                    swallowed.push(client); // open, and nobody reads
                    continue;
                }
                let Ok(server) = UnixStream::connect(&server).map(Arc::new) else { continue }; // away: the client sees it go
                let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                all.retain(|client| client.strong_count() > 0);
                all.push(Arc::downgrade(&client));
                let (from_server, to_client) = (Arc::clone(&server), Arc::clone(&client));
                let (cuts, answered, text) = (Arc::clone(&cuts), Arc::clone(&cuts), Arc::clone(&wanted));
                let (asking, answering) = (Age::of(&now), Age::of(&now));
                thread::spawn(move || {
                    ends(&from_server, &to_client, answers(&from_server, &to_client, &answering, (&answered, &text)))
                });
                thread::spawn(move || ends(&client, &server, requests(&client, &server, &asking, &cuts)));
            }
        });
        Cutter { folder, cut, text, clients, generation, swallows }
    }

    /// Lets every connection that there is hang.
    pub fn hang_all(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Is a black hole from now on: connections that there are hang, and so do new ones.
    pub fn swallow(&self) {
        self.swallows.store(true, Ordering::SeqCst);
        self.hang_all();
    }

    /// Takes new connections again; those that were swallowed hang on.
    pub fn spit_out(&self) {
        self.swallows.store(false, Ordering::SeqCst);
    }

    /// Cuts every connection that there is.
    pub fn cut_all(&self) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        for client in clients.drain(..).filter_map(|client| client.upgrade()) {
            client.shutdown(Shutdown::Both).unwrap_or_default(); // the other side may be first
        }
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

    /// Cuts the connection to which the next answer with this text goes: a statement that is its own transaction has been
    /// committed by then.
    pub fn arm_answer(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap_or_else(PoisonError::into_inner));
        self.cut.store(TEXT_AWAITED, Ordering::SeqCst);
    }

    /// Whether a connection was cut since it was armed.
    pub fn has_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst) == Cut::Never as u8
    }
}

/// When a connection was made.
struct Age {
    born: u64,
    now: Arc<AtomicU64>,
}

impl Age {
    fn of(now: &Arc<AtomicU64>) -> Age {
        Age { born: now.load(Ordering::SeqCst), now: Arc::clone(now) }
    }

    fn hangs(&self) -> bool {
        self.now.load(Ordering::SeqCst) > self.born
    }
}

/// Mark of a cut that waits for the server's answer, which will not be passed on.
const ANSWER_AWAITED: u8 = 3;
/// Mark of a cut that waits for an answer with a given text.
const TEXT_AWAITED: u8 = 4;

/// Whatever ended one direction ends the other, too: a side that is gone must be seen to be gone.
fn ends(one: &UnixStream, other: &UnixStream, _: std::io::Result<()>) {
    [one, other].iter().for_each(|side| side.shutdown(Shutdown::Both).unwrap_or_default()); // it may be closed already
}

/// Passes requests on until one commits and is to be cut. libpq writes a simple query in one piece.
fn requests(mut client: &UnixStream, mut server: &UnixStream, age: &Age, cut: &AtomicU8) -> std::io::Result<()> {
    let mut buffer = [0; 64 * 1024];
    loop {
        let length = client.read(&mut buffer)?;
        if length == 0 {
            return server.shutdown(Shutdown::Both);
        }
        if age.hangs() {
            continue;
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

fn answers(
    mut server: &UnixStream,
    mut client: &UnixStream,
    age: &Age,
    (cut, text): (&AtomicU8, &Mutex<String>),
) -> std::io::Result<()> {
    let mut buffer = [0; 64 * 1024];
    loop {
        let length = server.read(&mut buffer)?;
        if length > 0 && age.hangs() {
            continue;
        }
        let answer = &buffer[..length];
        let holds = |text: &[u8]| answer.windows(text.len().max(1)).any(|part| part == text);
        let armed = |mark: u8| cut.compare_exchange(mark, Cut::Never as u8, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        let awaits_text = cut.load(Ordering::SeqCst) == TEXT_AWAITED;
        let has_text = awaits_text && holds(text.lock().unwrap_or_else(PoisonError::into_inner).as_bytes());
        let cuts = has_text && armed(TEXT_AWAITED) || holds(b"COMMIT\0") && armed(ANSWER_AWAITED);
        if length == 0 || cuts {
            server.shutdown(Shutdown::Both)?;
            return client.shutdown(Shutdown::Both);
        }
        client.write_all(&buffer[..length])?;
    }
}

pub(super) fn socket_of(url: &str) -> PathBuf {
    let host = url.split("host=").nth(1).unwrap().split('&').next().unwrap();
    Path::new(&host.replace("%2F", "/")).join(".s.PGSQL.5432")
}
