//! A proxy before the database that hears which statements are sent.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::ThrowAway;
use super::cutter::socket_of;

/// What opens, sets up and closes transactions, and asks whether somebody is there.
const FRAME: [&str; 5] = ["BEGIN", "COMMIT", "ROLLBACK", "SELECT 1", "SET LOCAL"];

/// The proxy; its threads end with the process.
pub struct Overheard {
    folder: ThrowAway,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Overheard {
    /// Stands before the socket of `url`.
    pub fn before(url: &str) -> Overheard {
        let (folder, heard) = (ThrowAway::new(), Arc::<Mutex<Vec<String>>>::default());
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let (server, all) = (socket_of(url), Arc::clone(&heard));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (server, heard) = (UnixStream::connect(&server).unwrap(), Arc::clone(&all));
                let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || {
                    let ended = std::io::copy(&mut answers, &mut back);
                    back.shutdown(Shutdown::Both).unwrap_or_default(); // the other side may be first
                    ended.map(drop)
                });
                thread::spawn(move || listen(client, server, &heard));
            }
        });
        Overheard { folder, heard }
    }

    /// A URL for the same database through this proxy.
    pub fn url(&self, url: &str) -> String {
        let host = url.split("host=").nth(1).unwrap().split('&').next().unwrap();
        url.replace(host, &self.folder.path().display().to_string().replace('/', "%2F"))
    }

    /// The first lines of the statements that were run since this was last asked, without those of [`FRAME`].
    pub fn take(&self) -> Vec<String> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *heard)
            .into_iter()
            .filter(|line| !FRAME.iter().any(|start| line.starts_with(start)))
            .collect()
    }
}

/// Passes messages on, one by one, and notes those that run something.
fn listen(mut client: UnixStream, mut server: UnixStream, heard: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut prepared = HashMap::new();
    let mut head = [0; 4];
    client.read_exact(&mut head)?; // the first message has no kind
    pass(&mut server, &head, &rest(&mut client, head)?)?;
    loop {
        let mut kind = [0; 1];
        if client.read_exact(&mut kind).is_err() {
            return server.shutdown(Shutdown::Both);
        }
        client.read_exact(&mut head)?;
        let body = rest(&mut client, head)?;
        if let Some(line) = run_by(kind[0], &body, &mut prepared) {
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
        server.write_all(&kind)?;
        pass(&mut server, &head, &body)?;
    }
}

fn rest(client: &mut UnixStream, length: [u8; 4]) -> std::io::Result<Vec<u8>> {
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    client.read_exact(&mut body)?;
    Ok(body)
}

fn pass(server: &mut UnixStream, head: &[u8], body: &[u8]) -> std::io::Result<()> {
    server.write_all(head)?;
    server.write_all(body)
}

/// The first line of what a message runs. `Parse` only prepares, `Bind` runs what was prepared, `Query` runs its text.
fn run_by(kind: u8, body: &[u8], prepared: &mut HashMap<String, String>) -> Option<String> {
    let mut texts = body.split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
    let first_line = |text: String| text.lines().next().unwrap_or_default().trim_end_matches(';').to_owned();
    match kind {
        b'P' => {
            let (name, text) = (texts.next()?, texts.next()?);
            prepared.insert(name, first_line(text));
            None
        }
        b'B' => prepared.get(&texts.nth(1)?).cloned(),
        b'Q' => texts.next().map(first_line),
        _ => None,
    }
}
