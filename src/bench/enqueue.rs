//! How fast jobs come in, through the SQL door or the API: one by one on several connections, or a thousand a call.

use std::any::Any;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use diesel::sql_types::Text;
use serde_json::{Value, json};

use super::figures::{median, rounded};
use super::http::Client;
use super::meter::{Reading, Used};
use super::place::Place;
use super::reference::Reference;
use super::stage::{BULK, TEMPLATE, enqueue_call, enqueue_one, payload, publish};
use super::{BenchError, Door, Figures, Serve, joined, machine, say};
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::access::token;

/// What one round of one side gave.
struct Round {
    jobs: u64,
    used: Used,
}

impl Round {
    fn jobs_per_s(&self) -> f64 {
        self.jobs as f64 / self.used.wall.as_secs_f64()
    }
}

/// Many connections, one job a transaction. Nobody is notified: that would measure the notification lock.
pub(super) fn single(
    url: &str,
    serve: &Serve<'_>,
    door: Door,
    (connections, seconds, rounds): (u32, u32, u32),
) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("enqueue");
    figures.settings = machine::describe(&mut super::place::connect(url)?)?;
    figures.settings.insert("connections", connections.into());
    figures.settings.insert("kind", "single".into());
    let length = Duration::from_secs(u64::from(seconds));
    figures.settings.insert("door", door.name().into());
    let ours = |place: &Place| -> Result<Round, BenchError> {
        if door == Door::Api {
            return single_requests(place, serve, connections, length);
        }
        let conns = (0..connections).map(|_| place.connect()).collect::<Result<Vec<_>, _>>()?;
        side_by_side(place.connect()?, conns, length, |conn, n| enqueue_one(conn, n, false).map(drop))
    };
    let theirs = |queue: &Reference| -> Result<Round, BenchError> {
        let conns = (0..connections).map(|_| queue.connect()).collect::<Result<Vec<_>, _>>()?;
        side_by_side(queue.connect()?, conns, length, |conn, n| queue.enqueue_one(conn, n, false).map(drop))
    };
    compare(&mut figures, url, rounds, ours, theirs)?;
    Ok(figures)
}

/// One connection, 1,000 jobs a call and transaction.
pub(super) fn bulk(
    url: &str,
    serve: &Serve<'_>,
    door: Door,
    (jobs, rounds): (u32, u32),
) -> Result<Figures, BenchError> {
    let mut figures = Figures::of("enqueue");
    figures.settings = machine::describe(&mut super::place::connect(url)?)?;
    figures.settings.insert("kind", "bulk".into());
    figures.settings.insert("jobs_per_call", BULK.into());
    figures.settings.insert("door", door.name().into());
    let ours = |place: &Place| match door {
        Door::Sql => in_bulk(place.connect()?, place.connect()?, jobs, enqueue_call),
        Door::Api => bulk_requests(place, serve, jobs),
    };
    let theirs = |queue: &Reference| {
        in_bulk(queue.connect()?, queue.connect()?, jobs, |conn, first, count| queue.enqueue(conn, first, count))
    };
    compare(&mut figures, url, rounds, ours, theirs)?;
    figures.jobs = Some(u64::from(jobs));
    Ok(figures)
}

/// Our API: a server over `place` as `millrace serve` starts it, and a client for each connection, each with a token of its own.
fn clients(place: &Place, serve: &Serve<'_>, count: u32) -> Result<(Box<dyn Any>, Vec<Client>), BenchError> {
    let failed = |error: std::io::Error| DbError::Unavailable(format!("the API could not be served: {error}"));
    let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let server = serve(listener, place.url()).map_err(failed)?;
    let mut conn = place.connect()?;
    let tokens = (0..count).map(|n| make_token(&mut conn, n)).collect::<Result<Vec<_>, _>>()?;
    let clients = tokens.iter().map(|token| Client::connect(address, token)).collect::<Result<Vec<_>, _>>()?;
    Ok((server, clients))
}

fn make_token(conn: &mut PgConnection, n: u32) -> Result<String, DbError> {
    const SQL: &str = "-- bench::token
WITH person AS (INSERT INTO millrace.people (email, name, role) VALUES ($1, 'Bench', 'operator') RETURNING id)
INSERT INTO millrace.tokens (person_id, name, token_hash, hint, scopes) SELECT id, 'bench', sha256($2::text::bytea), 'mr_', '{all}' FROM person";
    let text = token::generate();
    statement(SQL).bind::<Text, _>(format!("bench-{n}@example.org")).bind::<Text, _>(&text).run(conn)?;
    Ok(text)
}

/// Many connections to the API, one job a request, each waiting for its answer.
fn single_requests(place: &Place, serve: &Serve<'_>, connections: u32, length: Duration) -> Result<Round, BenchError> {
    let (_server, clients) = clients(place, serve, connections)?;
    side_by_side(place.connect()?, clients, length, |client, n| client.post("/api/v1/jobs", &described(n).to_string()))
}

/// One connection to the API, 1,000 jobs a request.
fn bulk_requests(place: &Place, serve: &Serve<'_>, jobs: u32) -> Result<Round, BenchError> {
    let (_server, mut clients) = clients(place, serve, 1)?;
    let Some(client) = clients.pop() else { return Err(BenchError::Broken) };
    in_bulk(place.connect()?, client, jobs, |client, first, count| {
        let lines: String = (first..first + count).map(|n| format!("{}\n", described(n))).collect();
        client.post("/api/v1/jobs/bulk", &lines)
    })
}

fn described(n: u32) -> Value {
    json!({ "template": TEMPLATE, "args": payload(n) })
}

fn compare(
    figures: &mut Figures,
    url: &str,
    rounds: u32,
    our: impl Fn(&Place) -> Result<Round, BenchError>,
    their: impl Fn(&Reference) -> Result<Round, BenchError>,
) -> Result<(), BenchError> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=rounds {
        theirs.push(their(&Reference::open(url)?)?);
        let place = Place::migrated(url)?;
        publish(&mut place.connect()?)?;
        ours.push(our(&place)?);
        let rates = [&ours, &theirs].map(|side| side[side.len() - 1].jobs_per_s());
        say(&format!(
            "round {round}: {:.0} jobs/s, by hand {:.0}, ratio {:.2}",
            rates[0],
            rates[1],
            rates[0] / rates[1]
        ));
    }
    let of = |rounds: &[Round], what: fn(&Round) -> f64| median(&rounds.iter().map(what).collect::<Vec<_>>());
    let per_job = |round: &Round, total: f64| total / round.jobs.max(1) as f64;
    let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(our, their)| our.jobs_per_s() / their.jobs_per_s()).collect();
    figures.jobs_per_s = Some(of(&ours, Round::jobs_per_s).round());
    figures.ceiling_jobs_per_s = Some(of(&theirs, Round::jobs_per_s).round());
    figures.ratio_to_ceiling = Some(rounded(median(&ratios)));
    let last = &ours[ours.len() - 1];
    figures.seconds = Some(last.used.wall.as_secs_f64());
    figures.wal_bytes_per_job = Some(per_job(last, last.used.wal_bytes as f64).round());
    figures.commits_per_job = Some(per_job(last, last.used.transactions as f64));
    if let Some(cpu) = last.used.server_cpu {
        figures.add("postgres_cpu_us_per_job", per_job(last, cpu.as_secs_f64() * 1e6));
    }
    Ok(())
}

fn side_by_side<C: Send>(
    mut watch: PgConnection,
    mut conns: Vec<C>,
    length: Duration,
    enqueue: impl Fn(&mut C, u32) -> Result<(), DbError> + Sync,
) -> Result<Round, BenchError> {
    conns.iter_mut().try_for_each(|conn| enqueue(conn, 0))?; // prepares the statement
    let before = Reading::take(&mut watch)?;
    let end = Instant::now() + length;
    let until = |mut conn: C| -> Result<u64, DbError> {
        let mut done = 0;
        while Instant::now() < end {
            enqueue(&mut conn, done as u32)?;
            done += 1;
        }
        Ok(done)
    };
    let jobs = std::thread::scope(|scope| {
        let threads: Vec<_> = conns.into_iter().map(|conn| scope.spawn(|| until(conn))).collect();
        threads.into_iter().map(joined).sum::<Result<u64, BenchError>>()
    })?;
    Ok(Round { jobs, used: Reading::take(&mut watch)?.since(&before) })
}

fn in_bulk<C>(
    mut watch: PgConnection,
    mut conn: C,
    jobs: u32,
    enqueue: impl Fn(&mut C, u32, u32) -> Result<(), DbError>,
) -> Result<Round, BenchError> {
    enqueue(&mut conn, 0, 1)?; // prepares the statement
    let before = Reading::take(&mut watch)?;
    for first in (0..jobs).step_by(BULK as usize) {
        enqueue(&mut conn, first, BULK.min(jobs - first))?;
    }
    Ok(Round { jobs: u64::from(jobs), used: Reading::take(&mut watch)?.since(&before) })
}
