//! A visitor who is signed in, on one kept connection, and how long each answer takes.

use std::any::Any;
use std::io::Read;
use std::net::TcpListener;
use std::time::Instant;

use diesel::sql_types::Text;

use crate::base::db::{DbError, statement};
use crate::bench::place::Place;
use crate::bench::{BenchError, Serve};
use crate::queue::access::password::Password;
use crate::web::paths;

/// Who visits.
const EMAIL: &str = "bench@example.org";
const PASSWORD: &str = "mild granite otter 42";
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A page that was visited several times.
#[derive(Debug, Clone)]
pub(in crate::bench) struct Visit {
    pub(in crate::bench) path: String,
    pub(in crate::bench) status: u16,
    pub(in crate::bench) p50_ms: f64,
    pub(in crate::bench) p95_ms: f64,
    pub(in crate::bench) max_ms: f64,
    /// Size of the compressed answer.
    pub(in crate::bench) bytes: usize,
    pub(in crate::bench) times_ms: Vec<f64>,
}

/// A signed-in visitor; the server ends with this value.
pub(in crate::bench) struct Visitor {
    _server: Box<dyn Any>,
    agent: ureq::Agent,
    origin: String,
    cookie: String,
}

fn failed(error: impl std::fmt::Display) -> DbError {
    DbError::Unavailable(format!("the console could not be visited: {error}"))
}

impl Visitor {
    /// Starts the server over `place` and signs in as an admin.
    pub(in crate::bench) fn enter(place: &Place, serve: &Serve<'_>) -> Result<Self, BenchError> {
        add_person(place, EMAIL)?;
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let origin = format!("http://{}", listener.local_addr().map_err(failed)?);
        let server = serve(listener, place.url()).map_err(failed)?;
        let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
        let mut visitor = Self { _server: server, agent: config.into(), origin, cookie: String::new() };
        visitor.sign_in(EMAIL)?;
        Ok(visitor)
    }

    /// Gives where the server listens.
    pub(in crate::bench) fn address(&self) -> &str {
        self.origin.trim_start_matches("http://")
    }

    /// Signs somebody else in and gives their cookie.
    pub(in crate::bench) fn cookie_of(&self, email: &str) -> Result<String, BenchError> {
        let mut other = Self {
            _server: Box::new(()),
            agent: self.agent.clone(),
            origin: self.origin.clone(),
            cookie: String::new(),
        };
        other.sign_in(email)?;
        Ok(other.cookie)
    }

    fn sign_in(&mut self, email: &str) -> Result<(), BenchError> {
        let (_, page) = self.get(paths::SIGN_IN, "identity")?;
        let page = String::from_utf8_lossy(&page).into_owned();
        let token = page.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let token = token.ok_or_else(|| failed("the sign-in page has no token"))?.to_owned();
        let form = [("csrf", token.as_str()), ("email", email), ("password", PASSWORD)];
        let request = self.agent.post(format!("{}{}", self.origin, paths::SIGN_IN));
        let request = request.header("Cookie", &self.cookie).header("Origin", &self.origin);
        let mut answer = request.send_form(form).map_err(failed)?;
        self.keep_cookie(answer.headers());
        let status = answer.status().as_u16();
        read(answer.body_mut())?;
        if status == 303 { Ok(()) } else { Err(failed(format!("signing in was answered with {status}")).into()) }
    }

    fn keep_cookie(&mut self, headers: &ureq::http::HeaderMap) {
        let set = headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        for cookie in set.filter_map(|value| value.split(';').next()) {
            self.cookie = cookie.to_owned(); // there is one
        }
    }

    fn get(&mut self, path: &str, encoding: &str) -> Result<(u16, Vec<u8>), BenchError> {
        let request = self.agent.get(format!("{}{path}", self.origin));
        let request = request.header("Cookie", &self.cookie).header("Accept-Encoding", encoding);
        let mut answer = request.call().map_err(failed)?;
        self.keep_cookie(answer.headers());
        let status = answer.status().as_u16();
        let body = read(answer.body_mut())?;
        Ok((status, body))
    }

    /// Visits a page `times` times, after once that does not count: plans and caches are there then, as all day.
    pub(in crate::bench) fn visit(&mut self, path: &str, times: u32) -> Result<Visit, BenchError> {
        let (mut times_ms, mut bytes, mut status) = (Vec::new(), 0, 0);
        for nth in 0..=times {
            let begun = Instant::now();
            let (code, body) = self.get(path, "br")?;
            let took = begun.elapsed().as_secs_f64() * 1_000.0;
            (status, bytes) = (code, body.len());
            if nth > 0 {
                times_ms.push(took);
            }
        }
        let of = |part| quantile(&times_ms, part);
        let (p50_ms, p95_ms, max_ms) = (of(0.5), of(0.95), of(1.0));
        Ok(Visit { path: path.to_owned(), status, p50_ms, p95_ms, max_ms, bytes, times_ms })
    }
}

fn read(body: &mut ureq::Body) -> Result<Vec<u8>, DbError> {
    let mut bytes = Vec::new();
    body.as_reader().take(ANSWER_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Adds an admin with the visitors' password.
pub(in crate::bench) fn add_person(place: &Place, email: &str) -> Result<(), BenchError> {
    const SQL: &str = "-- bench::console::admin
INSERT INTO millrace.people (email, name, role, password_hash) VALUES ($1, 'Bench', 'admin', $2)
ON CONFLICT (email) DO UPDATE SET password_hash = excluded.password_hash";
    let password = Password::choose(PASSWORD, &[]).map_err(|weak| failed(format!("{weak:?}")))?;
    let hash = password.hash().map_err(failed)?;
    statement(SQL).bind::<Text, _>(email).bind::<Text, _>(hash).run(&mut place.connect()?)?;
    Ok(())
}

/// The value below which `part` of the values lie, rounded to a tenth; 0 of none.
pub(in crate::bench) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let at = ((sorted.len() as f64 * part).ceil() as usize).saturating_sub(1).min(last);
    sorted.get(at).map_or(0.0, |value| (value * 10.0).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();

        assert_eq!([0.5, 0.95, 1.0].map(|part| quantile(&values, part)), [10.0, 19.0, 20.0]);
        assert_eq!(quantile(&[], 0.5), 0.0);
        assert_eq!(quantile(&[7.04], 0.95), 7.0);
    }
}
