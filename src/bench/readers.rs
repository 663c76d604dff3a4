//! What people who look cost those who work: live pages beside an even flow of jobs.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use super::console::visit::{Visitor, add_person, quantile};
use super::figures::rounded;
use super::meter::resident_bytes;
use super::place::Place;
use super::stage::{Stage, Starts};
use super::{BenchError, Figures, Serve, machine, say, steady};
use crate::base::db::DbError;
use crate::web::live::STREAMS_PER_PERSON_MAX;
use crate::web::paths;

/// Longest line of a stream that is read, in bytes.
const LINE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Receive buffer of a stream that nobody reads: the server notices it by what it cannot send.
const DEAF_BYTES: usize = 4 * 1024;
/// How long a stream may say nothing before it counts as cut.
const SILENCE: Duration = Duration::from_secs(20);

/// Who looks, at how much work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audience {
    /// Jobs a second.
    pub rate: u32,
    /// Length of each flow.
    pub seconds: u32,
    /// Streams that are read.
    pub readers: u32,
    /// Streams that nobody reads.
    pub deaf: u32,
}

/// One message as one reader met it.
struct Met {
    hash: u64,
    at: Instant,
}

/// The same flow twice on one server: alone, then with everybody looking.
pub(super) fn run(url: &str, audience: Audience, serve: &Serve<'_>) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("readers");
    figures.settings = machine::describe(&mut super::place::connect(url)?)?;
    for (name, number) in [
        ("rate_per_s", audience.rate),
        ("seconds", audience.seconds),
        ("readers", audience.readers),
        ("deaf", audience.deaf),
    ] {
        figures.settings.insert(name, number.into());
    }
    let place = Place::migrated(url)?;
    let stage = Stage::open(&place, 32, Starts::Told)?;
    let visitor = Visitor::enter(&place, serve)?;
    say("readers: nobody looks");
    let alone = steady::ours(&place, &stage, audience.rate, audience.seconds)?;
    let before = resident_bytes();
    say(&format!("readers: {} look, {} more never read", audience.readers, audience.deaf));
    let streams = open_all(&place, &visitor, audience)?;
    let over = AtomicBool::new(false);
    let (watched, met, cut, (early, late)) = std::thread::scope(|scope| {
        let (read, deaf) = streams;
        let early = scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(audience.seconds.into()) / 4); // everybody has their first frame
            resident_bytes()
        });
        let threads: Vec<_> = read.into_iter().map(|stream| scope.spawn(|| follow(stream, &over))).collect();
        let watched = steady::ours(&place, &stage, audience.rate, audience.seconds);
        over.store(true, Ordering::Relaxed);
        let met: Vec<Vec<Met>> = threads.into_iter().filter_map(|thread| thread.join().ok()).collect();
        let late = resident_bytes();
        (watched, met, deaf.into_iter().filter(is_cut).count(), (early.join().unwrap_or_default(), late))
    });
    let watched = watched?;
    let per_s = |flow: &steady::Flow| flow.waits_ms().len() as f64 / flow.used.wall.as_secs_f64();
    figures.seconds = Some(f64::from(audience.seconds));
    figures.jobs_per_s = Some(per_s(&watched).round());
    figures.add("alone_jobs_per_s", per_s(&alone).round());
    figures.ratio_to_baseline = Some(rounded(per_s(&watched) / per_s(&alone)));
    figures.set_quantiles(&mut watched.waits_ms());
    figures.add("alone_p99_ms", quantile(&alone.waits_ms(), 0.99));
    tell(&mut figures, &met, cut);
    figures.more.insert("resident_bytes_before", before.into());
    figures.more.insert("resident_bytes_after_a_quarter", early.into());
    figures.more.insert("resident_bytes_at_the_end", late.into());
    Ok(figures)
}

/// How late readers were: behind the first of them that had the same message, and from one message to the next.
fn tell(figures: &mut Figures, met: &[Vec<Met>], cut: usize) {
    let mut first: HashMap<u64, Instant> = HashMap::new();
    for one in met.iter().flatten() {
        let known = first.entry(one.hash).or_insert(one.at);
        *known = (*known).min(one.at);
    }
    let ms = |length: Duration| length.as_secs_f64() * 1_000.0;
    let behind: Vec<f64> = met.iter().flatten().map(|one| ms(one.at - first[&one.hash])).collect();
    let gaps: Vec<f64> = met.iter().flat_map(|one| one.windows(2)).map(|pair| ms(pair[1].at - pair[0].at)).collect();
    figures.more.insert("messages", behind.len().into());
    figures.more.insert("readers_served", met.iter().filter(|one| one.len() > 1).count().into());
    figures.add("behind_the_first_p99_ms", quantile(&behind, 0.99));
    figures.add("between_messages_p50_ms", quantile(&gaps, 0.5));
    figures.add("between_messages_p99_ms", quantile(&gaps, 0.99));
    figures.more.insert("deaf_cut", cut.into());
}

type Streams = (Vec<TcpStream>, Vec<TcpStream>);

/// Opens the streams of as many people as are needed.
fn open_all(place: &Place, visitor: &Visitor, audience: Audience) -> Result<Streams, BenchError> {
    let all = audience.readers + audience.deaf;
    let mut streams = Vec::new();
    for person in 0..all.div_ceil(STREAMS_PER_PERSON_MAX as u32) {
        let email = format!("reader-{person}@example.org");
        add_person(place, &email)?;
        let cookie = visitor.cookie_of(&email)?;
        for _ in 0..STREAMS_PER_PERSON_MAX.min((all as usize) - streams.len()) {
            let window = if streams.len() < audience.readers as usize { None } else { Some(DEAF_BYTES) };
            streams.push(open(visitor.address(), &cookie, window)?);
        }
    }
    let deaf = streams.split_off(audience.readers as usize);
    Ok((streams, deaf))
}

fn lost(error: std::io::Error) -> BenchError {
    DbError::Lost(error.to_string()).into()
}

fn open(address: &str, cookie: &str, receive_bytes: Option<usize>) -> Result<TcpStream, BenchError> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).map_err(lost)?;
    if let Some(bytes) = receive_bytes {
        socket.set_recv_buffer_size(bytes).map_err(lost)?;
    }
    let to: SocketAddr = address.parse().map_err(|error| lost(std::io::Error::other(error)))?;
    socket.connect(&to.into()).map_err(lost)?;
    let mut stream = TcpStream::from(socket);
    let path = paths::live("dashboard");
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\nAccept: text/event-stream\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(lost)?;
    stream.set_read_timeout(Some(Duration::from_millis(500))).map_err(lost)?;
    Ok(stream)
}

/// Reads messages until the flow is over, or the stream says nothing any more.
fn follow(stream: TcpStream, over: &AtomicBool) -> Vec<Met> {
    let (mut reader, mut met, mut heard) = (BufReader::new(stream), Vec::new(), Instant::now());
    let mut line = Vec::new();
    let mut hasher = DefaultHasher::new();
    while !over.load(Ordering::Relaxed) && heard.elapsed() < SILENCE {
        match reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) if line.ends_with(b"\n") => {
                heard = Instant::now();
                if line.starts_with(b"data: <") {
                    line.hash(&mut hasher);
                } else if line == b"\n" && hasher.finish() != DefaultHasher::new().finish() {
                    met.push(Met { hash: hasher.finish(), at: heard });
                    hasher = DefaultHasher::new();
                }
                line.clear();
            }
            Ok(_) | Err(_) => {} // the rest of the line comes with the next look
        }
    }
    met
}

/// Tells whether the server has ended a stream that nobody read.
fn is_cut(stream: &TcpStream) -> bool {
    let (mut stream, mut bytes, begun) = (stream, vec![0; 64 * 1024], Instant::now());
    while begun.elapsed() < Duration::from_secs(5) {
        match stream.read(&mut bytes) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return false,
            Err(_) => return true,
        }
    }
    false
}
