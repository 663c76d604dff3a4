//! One HTTP call that can be stopped at any time.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::AsRawFd;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::config::Config;
use ureq::http::{Request, Response};
use ureq::unversioned::transport::{Connector, RustlsConnector, TcpConnector};
use url::Url;

use super::resolver::{CheckedResolver, Refused};
use super::rules::HttpRules;
use crate::queue::work::{JobContext, Stop};
use crate::runners::wait::wait_readable;

/// Most bytes kept of an answer's body; the rest is not read.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;
/// How long the thread of a stopped call is waited for before it is left alone. Its socket is shut down by then, and a
/// connection that it makes later is refused, so that it can do no more than end.
const PARTING: Duration = Duration::from_millis(500);
const USER_AGENT: &str = concat!("Millrace/", env!("CARGO_PKG_VERSION"));

/// A request, ready to be sent.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// In capitals.
    pub method: String,
    /// Where to.
    pub url: Url,
    /// Name and value; values without control characters.
    pub headers: Vec<(String, String)>,
    /// Sent as UTF-8.
    pub body: Option<String>,
    /// Most redirects that are followed.
    pub redirects_max: u8,
    /// How long everything together may take.
    pub limit: Duration,
}

impl HttpRequest {
    /// Gives scheme, host and port: what may be logged, because paths and queries hold secrets.
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// Names, in lower case, and values that are text.
    pub headers: Vec<(String, String)>,
    /// At most 64 KiB of the body.
    pub body: Vec<u8>,
    /// There was more.
    pub truncated: bool,
}

impl HttpAnswer {
    /// Gives the first header called `name`, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The call is not allowed; it was not made.
    #[error("{0}")]
    Refused(String),
    /// It took longer than this.
    #[error("no answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// Anything else: no such host, no connection, broken TLS, an answer that is not HTTP.
    #[error("{0}")]
    Failed(String),
    /// The job had to stop.
    #[error("{0}")]
    Stopped(Stop),
}

/// Makes a call and waits for the answer, for the time limit, or until `job` has to stop.
///
/// # Errors
/// [`CallError`].
pub fn call(request: &HttpRequest, rules: &Arc<HttpRules>, job: Option<&JobContext>) -> Result<HttpAnswer, CallError> {
    let failed = |error: io::Error| CallError::Failed(error.to_string());
    let ends = Instant::now() + request.limit;
    let agent = agent(request.limit, rules);
    let (done, at_end) = io::pipe().map_err(failed)?;
    let (sender, receiver) = mpsc::channel();
    let (helper, request) = (agent.clone(), request.clone());
    let limit = request.limit;
    std::thread::Builder::new()
        .name("mr-http".into())
        .spawn(move || {
            let at_end: PipeWriter = at_end; // closed when this ends, however it ends
            if sender.send(follow(&helper, request)).is_err() {
                tracing::debug!("nobody waits for the answer any more");
            }
            drop(at_end);
        })
        .map_err(failed)?;
    let waited = wait(&done, ends, job);
    if waited.is_err() {
        agent.shutdown();
        wait_readable([done.as_raw_fd()], PARTING).map_err(failed)?;
    }
    match waited {
        Ok(()) => receiver.recv().map_err(|_| CallError::Failed("the call ended without an answer".into()))?,
        Err(Interrupt::Told(stop)) => Err(CallError::Stopped(stop)),
        Err(Interrupt::TooLate) => Err(CallError::TimedOut(limit)),
        Err(Interrupt::Broken(error)) => Err(failed(error)),
    }
}

enum Interrupt {
    Told(Stop),
    TooLate,
    Broken(io::Error),
}

/// Waits until the helper is done.
fn wait(done: &PipeReader, ends: Instant, job: Option<&JobContext>) -> Result<(), Interrupt> {
    loop {
        if let Some(stop) = job.and_then(|job| job.check().err()) {
            return Err(Interrupt::Told(stop));
        }
        let left = ends.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Interrupt::TooLate);
        }
        let stop = job.map_or(-1, JobContext::stop_descriptor);
        let [is_done, _] = wait_readable([done.as_raw_fd(), stop], left).map_err(Interrupt::Broken)?;
        if is_done {
            return Ok(());
        }
    }
}

/// Makes a client for one call, because stopping a client ends all of its calls.
fn agent(limit: Duration, rules: &Arc<HttpRules>) -> Agent {
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None) // a proxy from the environment would resolve names behind our back
        .timeout_global(Some(limit))
        .user_agent(USER_AGENT)
        .allow_non_standard_methods(true) // PATCH, DELETE with a body
        .max_idle_connections(0) // a redirect on a kept connection may meet a server that has just closed it
        .build();
    let connector = ().chain(TcpConnector::default()).chain(RustlsConnector::default());
    Agent::with_parts(config, connector, CheckedResolver(Arc::clone(rules)))
}

/// Sends the request, and again where redirects lead.
fn follow(agent: &Agent, mut request: HttpRequest) -> Result<HttpAnswer, CallError> {
    let limit = request.limit;
    for _ in 0..request.redirects_max {
        let answer = send(agent, &request, limit)?;
        match redirect(&request, &answer)? {
            Some(next) => request = next,
            None => return Ok(answer),
        }
    }
    send(agent, &request, limit)
}

fn send(agent: &Agent, request: &HttpRequest, limit: Duration) -> Result<HttpAnswer, CallError> {
    check(&request.url)?;
    let mut builder = Request::builder().method(request.method.as_str()).uri(request.url.as_str());
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let invalid = |error: ureq::http::Error| CallError::Refused(format!("it cannot be sent: {error}"));
    let carries = !matches!(request.method.as_str(), "GET" | "HEAD" | "DELETE");
    let answer = match &request.body {
        Some(body) => agent.run(builder.body(body.as_str()).map_err(invalid)?),
        None if carries => agent.run(builder.body("").map_err(invalid)?),
        None => agent.run(builder.body(()).map_err(invalid)?),
    };
    answer.and_then(read).map_err(|error| explained(error, limit))
}

fn check(url: &Url) -> Result<(), CallError> {
    let refuse = |why: &str| Err(CallError::Refused(why.to_owned()));
    match url.scheme() {
        "http" | "https" if !url.username().is_empty() || url.password().is_some() => {
            refuse("the address holds a user name or password")
        }
        "http" | "https" => Ok(()),
        _ => refuse("only http and https may be called"),
    }
}

fn read(mut answer: Response<ureq::Body>) -> Result<HttpAnswer, ureq::Error> {
    let text = |value: &ureq::http::HeaderValue| value.to_str().ok().map(str::to_owned);
    let headers = answer.headers().iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?)));
    let (status, headers) = (answer.status().as_u16(), headers.collect());
    let mut body = Vec::new();
    answer.body_mut().as_reader().take(BODY_BYTES_MAX as u64 + 1).read_to_end(&mut body)?;
    let truncated = body.len() > BODY_BYTES_MAX;
    body.truncate(BODY_BYTES_MAX);
    Ok(HttpAnswer { status, headers, body, truncated })
}

fn explained(error: ureq::Error, limit: Duration) -> CallError {
    match error {
        ureq::Error::Timeout(_) => CallError::TimedOut(limit),
        ureq::Error::HostNotFound => CallError::Failed("the host is not known".into()),
        ureq::Error::Other(error) if error.is::<Refused>() => CallError::Refused(error.to_string()),
        ureq::Error::Io(error) => CallError::Failed(error.to_string()),
        ureq::Error::BadUri(why) => CallError::Refused(why),
        error => CallError::Failed(error.to_string()),
    }
}

/// Gives the request that an answer asks for instead (RFC 9110, section 15.4).
fn redirect(request: &HttpRequest, answer: &HttpAnswer) -> Result<Option<HttpRequest>, CallError> {
    let keeps_method = match answer.status {
        307 | 308 => true,
        301 | 302 => request.method != "POST",
        303 => request.method == "HEAD",
        _ => return Ok(None),
    };
    let Some(location) = answer.header("location") else { return Ok(None) };
    let url = request
        .url
        .join(location)
        .map_err(|error| CallError::Failed(format!("the redirect leads nowhere: {error}")))?;
    if request.url.scheme() == "https" && url.scheme() != "https" {
        return Err(CallError::Refused("the redirect leads from https to something less".into()));
    }
    let mut next = HttpRequest { url, ..request.clone() };
    if !keeps_method {
        next.method = "GET".into();
        next.body = None;
    }
    if next.url.origin() != request.url.origin() {
        // what the template sends is meant for the first host only: it may hold keys
        next.headers.retain(|(name, _)| name.starts_with("X-Millrace-") || name == "Idempotency-Key");
    }
    if next.body.is_none() {
        next.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
    }
    Ok(Some(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, url: &str) -> HttpRequest {
        let headers = ["X-Millrace-Job", "Authorization", "Content-Type"].map(|name| (name.to_owned(), "x".to_owned()));
        HttpRequest {
            method: method.into(),
            url: url.parse().unwrap(),
            headers: headers.into(),
            body: Some("b".into()),
            redirects_max: 3,
            limit: Duration::from_secs(1),
        }
    }

    fn moved(status: u16, location: &str) -> HttpAnswer {
        HttpAnswer { status, headers: vec![("location".into(), location.into())], body: Vec::new(), truncated: false }
    }

    fn names(request: &HttpRequest) -> Vec<&str> {
        request.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn redirects_follow_the_rules_of_http() {
        let first = request("POST", "https://a.example/x");

        let same = redirect(&first, &moved(307, "/y")).unwrap().unwrap();
        assert_eq!(
            (same.method.as_str(), same.url.as_str(), same.body.as_deref()),
            ("POST", "https://a.example/y", Some("b"))
        );
        assert_eq!(names(&same), ["X-Millrace-Job", "Authorization", "Content-Type"]);

        let other = redirect(&first, &moved(302, "https://b.example/")).unwrap().unwrap();
        assert_eq!((other.method.as_str(), other.body.as_deref()), ("GET", None));
        assert_eq!(names(&other), ["X-Millrace-Job"], "keys are not carried to another host");

        assert!(redirect(&first, &moved(302, "http://a.example/")).is_err());
        assert!(redirect(&first, &moved(200, "/y")).unwrap().is_none());
    }
}
