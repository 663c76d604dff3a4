//! Calls to a small server of our own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::queue::work::Stop;
use crate::runners::testing::{job, job_within, lines, template};

/// A request as the server saw it: request line and headers, then the body.
struct Seen {
    head: Vec<String>,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .head
            .iter()
            .filter_map(|line| line.split_once(": "))
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }
}

/// Serves one answer after another and hands out what was asked.
struct Server {
    port: u16,
    seen: mpsc::Receiver<Seen>,
}

impl Server {
    fn start(answers: &[&str]) -> Self {
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, seen) = mpsc::channel();
        std::thread::spawn(move || {
            for answer in answers {
                let (stream, _) = listener.accept().unwrap();
                let _ignored = sender.send(serve(stream, &answer));
            }
        });
        Self { port, seen }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}/path?key=secret", self.port)
    }
}

fn serve(mut stream: TcpStream, answer: &str) -> Seen {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let head: Vec<String> = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let mut seen = Seen { head, body: String::new() };
    let length = seen.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    reader.take(length).read_to_string(&mut seen.body).unwrap();
    let _ignored = stream.write_all(answer.as_bytes());
    seen
}

fn ok(kind: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn runner() -> HttpRunner {
    HttpRunner::new(HttpRules { allow: vec!["127.0.0.1".parse().unwrap()] })
}

fn http(call: Value) -> TemplateSpec {
    template(json!({ "runner": "http", "http": call, "params": { "type": "object", "additionalProperties": true } }))
}

fn message(report: &Report) -> &str {
    match &report.ended {
        Err(failure) | Ok(Outcome::GiveUp(failure) | Outcome::RetryAfter(failure, _)) => &failure.message,
        ended => panic!("it did not fail: {ended:?}"),
    }
}

#[test]
fn a_call_carries_what_makes_it_idempotent() {
    let server = Server::start(&[&ok("application/json", "{\"id\":7}")]);
    let job = job(json!({ "name": "Ada \"x\"", "url": server.url() }));
    let call = json!({ "method": "POST", "url": "{{ params.url }}", "body": "{\"name\": {{ params.name | tojson }}}",
        "headers": { "Content-Type": "application/json", "X-Key": "k-{{ params.name }}" } });

    let report = runner().run(&job, &http(call));

    assert_eq!(report.ended, Ok(Outcome::Done), "{report:?}");
    assert_eq!(report.resources.http_status, Some(200));
    let seen = server.seen.recv().unwrap();
    assert_eq!(seen.head[0], "POST /path?key=secret HTTP/1.1");
    let id = job.job().to_string();
    assert_eq!(seen.header("idempotency-key"), Some(id.as_str()));
    assert_eq!(seen.header("x-millrace-job"), Some(id.as_str()));
    assert_eq!(seen.header("x-millrace-attempt"), Some("1"));
    assert_eq!(seen.header("x-millrace-fence"), Some("77"));
    assert_eq!(seen.header("x-key"), Some("k-Ada \"x\""));
    assert_eq!(serde_json::from_str::<Value>(&seen.body).unwrap(), json!({ "name": "Ada \"x\"" }));
    let output = job.take_output().unwrap();
    assert_eq!((output["status"].clone(), output["body"].clone()), (json!(200), json!({ "id": 7 })));
    let log = lines(&job.take_said()).join("\n");
    assert!(log.starts_with("I POST http://127.0.0.1:") && !log.contains("secret"), "{log}");
}

#[test]
fn every_method_is_sent() {
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "POST"] {
        let server = Server::start(&["HTTP/1.1 204 No Content\r\n\r\n"]);
        let body = if matches!(method, "GET" | "HEAD") { Value::Null } else { json!("x") };

        let report =
            runner().run(&job(json!({})), &http(json!({ "method": method, "url": server.url(), "body": body })));

        assert_eq!(report.ended, Ok(Outcome::Done), "{method}");
        let seen = server.seen.recv().unwrap();
        assert!(seen.head[0].starts_with(method));
        assert_eq!(seen.body, body.as_str().unwrap_or_default(), "{method}");
    }
}

#[test]
fn the_servers_wish_to_wait_is_honoured() {
    let server = Server::start(&["HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow"]);

    let report = runner().run(&job(json!({})), &http(json!({ "url": server.url() })));

    let Ok(Outcome::RetryAfter(failure, wait)) = report.ended else { panic!("{report:?}") };
    assert_eq!((failure.message.as_str(), wait), ("status 429 Too Many Requests: slow", Duration::from_secs(7)));
}

#[test]
fn local_addresses_are_refused_however_they_are_written() {
    let server = Server::start(&[&ok("text/plain", "secret")]);
    let strict = HttpRunner::default();
    let hosts = [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "0.0.0.0",
        "[::]",
        "169.254.169.254",
        "[::ffff:a9fe:a9fe]",
        "10.0.0.1",
        "[fd00:ec2::254]",
        "[64:ff9b::7f00:1]",
    ];

    for host in hosts {
        let url = format!("http://{host}:{}/", server.port);
        let report = strict.run(&job(json!({})), &http(json!({ "url": url })));

        assert!(matches!(report.ended, Ok(Outcome::GiveUp(_))), "{host}: {report:?}");
        assert!(message(&report).contains("is not on the public internet"), "{host}: {}", message(&report));
    }
    assert!(server.seen.try_recv().is_err(), "nothing was asked");
}

#[test]
fn addresses_that_parameters_make_are_checked_too() {
    let call = http(json!({ "url": "{{ params.url }}", "headers": { "X": "{{ params.header | default('') }}" } }));
    let refused = |args: Value| {
        let report = runner().run(&job(args), &call);
        assert!(matches!(report.ended, Ok(Outcome::GiveUp(_))), "{report:?}");
        message(&report).to_owned()
    };

    assert!(refused(json!({ "url": "file:///etc/passwd" })).contains("only http and https may be called"));
    assert!(refused(json!({ "url": "http://user:pw@127.0.0.1/" })).contains("user name or password"));
    assert!(refused(json!({ "url": "127.0.0.1" })).contains("the address is none"));
    assert!(refused(json!({ "url": "http://127.0.0.1/", "header": "a\r\nHost: b" })).contains("control characters"));
    assert!(refused(json!({})).contains("the address cannot be rendered"));
}

#[test]
fn redirects_are_followed_only_when_asked_and_each_is_checked() {
    let to = |url: &str| format!("HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n");

    let server = Server::start(&[&to("/there")]);
    let report = runner().run(&job(json!({})), &http(json!({ "url": server.url() })));
    assert_eq!(message(&report), "status 302 Found: leads to /there");

    let server = Server::start(&[&to("/there"), &ok("text/plain", "here")]);
    let arrived = job(json!({}));
    let report = runner().run(&arrived, &http(json!({ "url": server.url(), "redirects": 1 })));
    assert_eq!(report.ended, Ok(Outcome::Done));
    assert_eq!(arrived.take_output().unwrap()["body"], "here");
    assert!(server.seen.iter().nth(1).unwrap().head[0].starts_with("GET /there "));

    let server = Server::start(&[&to("http://169.254.169.254/latest/")]);
    let report = runner().run(&job(json!({})), &http(json!({ "url": server.url(), "redirects": 5 })));
    assert!(message(&report).contains("169.254.169.254, which is not on the public internet"), "{report:?}");

    let server = Server::start(&[&to("/a"), &to("/b"), &to("/c")]);
    let report = runner().run(&job(json!({})), &http(json!({ "url": server.url(), "redirects": 2 })));
    assert_eq!(message(&report), "status 302 Found: leads to /c");
}

#[test]
fn a_large_answer_is_cut() {
    let server = Server::start(&[&ok("text/plain", &"x".repeat(10_000_000))]);
    let job = job(json!({}));

    let report = runner().run(&job, &http(json!({ "url": server.url() })));

    assert_eq!(report.ended, Ok(Outcome::Done));
    let output = job.take_output().unwrap();
    assert_eq!(output["body"].as_str().unwrap().len(), 64 * 1024);
    assert_eq!(output["truncated"], true);
}

/// Accepts one connection and never answers.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    (listener, url)
}

#[test]
fn a_silent_server_is_waited_for_as_long_as_the_template_says() {
    let (_listener, url) = silent();
    let started = Instant::now();

    let report = runner().run(&job(json!({})), &http(json!({ "url": url, "timeout_ms": 300 })));

    assert!(message(&report).ends_with("no answer within 300 ms"), "{report:?}");
    assert!(report.ended.is_err(), "it may be tried again");
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn the_attempts_own_time_is_a_timeout_of_the_attempt() {
    let (_listener, url) = silent();

    let report = runner().run(&job_within(json!({}), Duration::from_millis(200)), &http(json!({ "url": url })));

    assert_eq!(report.ended, Err(Failure::from(Stop::TimedOut)));
}

#[test]
fn cancelling_ends_a_call_that_waits() {
    let (listener, url) = silent();
    let job = job(json!({}));

    let (report, elapsed) = std::thread::scope(|scope| {
        let run = scope.spawn(|| runner().run(&job, &http(json!({ "url": url }))));
        let (_connection, _) = listener.accept().unwrap();
        let told = Instant::now();
        job.stop(Stop::Cancelled);
        (run.join().unwrap(), told.elapsed())
    });

    assert_eq!(report.ended, Err(Failure::from(Stop::Cancelled)));
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
}

#[test]
fn a_call_that_cannot_be_made_may_be_tried_again() {
    let (listener, url) = silent();
    drop(listener);

    let report = runner().run(&job(json!({})), &http(json!({ "url": url })));
    assert!(report.ended.is_err() && message(&report).contains("refused"), "{report:?}");

    let garbage = Server::start(&["SSH-2.0-OpenSSH_9.2\r\n"]);
    let report = runner().run(&job(json!({})), &http(json!({ "url": garbage.url() })));
    assert!(report.ended.is_err(), "{report:?}");
}

#[test]
fn https_is_spoken_and_a_server_that_does_not_is_a_failure() {
    let (listener, url) = silent();
    let url = url.replace("http:", "https:");

    let (report, first) = std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut first = [0];
            stream.read_exact(&mut first).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            first[0]
        });
        (runner().run(&job(json!({})), &http(json!({ "url": url }))), server.join().unwrap())
    });

    assert_eq!(first, 0x16, "a TLS handshake begins so");
    assert!(report.ended.is_err(), "{report:?}");
}
