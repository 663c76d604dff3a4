//! What an answer means for the job.

use std::time::Duration;

use chrono::DateTime;
use serde_json::{Map, Value, json};

use super::call::HttpAnswer;
use crate::base::clock::Time;
use crate::queue::args::check_json;
use crate::queue::template::HttpWork;
use crate::queue::work::{Ended, Failure, Outcome};

/// Longest wait that an answer may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);
/// Most characters of a body that a failure repeats.
const REPEATED_CHARS_MAX: usize = 200;
/// Headers that are kept in the output.
const KEPT_HEADERS: [&str; 8] =
    ["content-type", "content-length", "date", "etag", "last-modified", "location", "retry-after", "x-request-id"];

/// Decides by the template's statuses; `now` is for a `Retry-After` that names a moment.
pub(super) fn ended(work: &HttpWork, answer: &HttpAnswer, now: Time) -> Ended {
    if work.expect.holds(answer.status) {
        return Ok(Outcome::Done);
    }
    let failure = Failure::new(sentence(answer));
    if !work.retry.holds(answer.status) {
        return Ok(Outcome::GiveUp(failure));
    }
    match answer.header("retry-after").and_then(|text| retry_after(text, now)) {
        Some(wait) => Ok(Outcome::RetryAfter(failure, wait)),
        None => Err(failure),
    }
}

fn sentence(answer: &HttpAnswer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let text: String =
        text.trim().chars().take(REPEATED_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let name = ureq::http::StatusCode::from_u16(answer.status).ok().and_then(|status| status.canonical_reason());
    let name = name.map_or_else(String::new, |name| format!(" {name}"));
    let more = match (answer.header("location"), text.is_empty()) {
        (Some(location), _) => format!(": leads to {location}"),
        (None, true) => String::new(),
        (None, false) => format!(": {text}"),
    };
    format!("status {}{name}{more}", answer.status)
}

/// Reads seconds or a moment (RFC 9110, section 10.2.3).
fn retry_after(text: &str, now: Time) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let moment = DateTime::parse_from_rfc2822(text).ok()?;
            moment.signed_duration_since(now).to_std().unwrap_or_default() // a moment that has passed
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// Makes the job's output: `{status, headers, body}`, the body as JSON where it is JSON, as text where it is text.
pub(super) fn output(answer: &HttpAnswer) -> Value {
    let headers: Map<_, _> = answer
        .headers
        .iter()
        .filter(|(name, _)| KEPT_HEADERS.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect();
    let mut output = json!({ "status": answer.status, "headers": headers, "body": body(answer) });
    if answer.truncated {
        output["truncated"] = Value::Bool(true);
    }
    output
}

fn body(answer: &HttpAnswer) -> Value {
    let kind = answer.header("content-type").unwrap_or_default();
    let says_json = kind.split(';').next().is_some_and(|kind| kind.trim().ends_with("json"));
    if says_json
        && !answer.truncated
        && let Ok(value) = check_json(&answer.body)
    {
        return value;
    }
    match std::str::from_utf8(&answer.body) {
        Ok(text) => Value::from(text.replace('\0', "\u{fffd}")),
        // the cut may have gone through a character
        Err(error) if answer.truncated && answer.body.len() - error.valid_up_to() < 4 => {
            Value::from(String::from_utf8_lossy(&answer.body[..error.valid_up_to()]).replace('\0', "\u{fffd}"))
        }
        Err(_) => Value::Null, // neither JSON nor text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> HttpAnswer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        HttpAnswer { status, headers, body: body.to_vec(), truncated: false }
    }

    #[test]
    fn statuses_decide() {
        let work: HttpWork = serde_json::from_value(json!({ "url": "http://a/" })).unwrap();
        let now: Time = "2026-11-24T10:00:00Z".parse().unwrap();
        let failure = |text: &str| Failure::new(text);
        let seconds = Duration::from_secs;
        let cases = [
            (answer(204, &[], b""), Ok(Outcome::Done)),
            (answer(404, &[], b"no\nsuch"), Ok(Outcome::GiveUp(failure("status 404 Not Found: no such")))),
            (answer(302, &[("location", "/a")], b""), Ok(Outcome::GiveUp(failure("status 302 Found: leads to /a")))),
            (answer(500, &[], b""), Err(failure("status 500 Internal Server Error"))),
            (
                answer(429, &[("retry-after", "7")], b""),
                Ok(Outcome::RetryAfter(failure("status 429 Too Many Requests"), seconds(7))),
            ),
            (
                answer(503, &[("retry-after", "Tue, 24 Nov 2026 10:01:30 GMT")], b""),
                Ok(Outcome::RetryAfter(failure("status 503 Service Unavailable"), seconds(90))),
            ),
            (
                answer(503, &[("retry-after", "Tue, 24 Nov 2020 10:01:30 GMT")], b""),
                Ok(Outcome::RetryAfter(failure("status 503 Service Unavailable"), seconds(0))),
            ),
            (
                answer(503, &[("retry-after", "99999999999")], b""),
                Ok(Outcome::RetryAfter(failure("status 503 Service Unavailable"), RETRY_AFTER_MAX)),
            ),
            (answer(503, &[("retry-after", "soon")], b""), Err(failure("status 503 Service Unavailable"))),
        ];

        for (answer, expected) in cases {
            assert_eq!(ended(&work, &answer, now), expected, "{answer:?}");
        }
    }

    #[test]
    fn the_output_is_json_text_or_nothing() {
        let json_type = ("content-type", "application/problem+json; charset=utf-8");
        let cases = [
            (answer(200, &[json_type], b"{\"a\":1}"), json!({ "a": 1 })),
            (answer(200, &[json_type], b"{\"a\":"), json!("{\"a\":")),
            (answer(200, &[json_type], b"[\"\\u0000\"]"), json!("[\"\\u0000\"]")),
            (answer(200, &[("content-type", "text/plain")], b"{}"), json!("{}")),
            (answer(200, &[], "ü\0".as_bytes()), json!("ü\u{fffd}")),
            (answer(200, &[], &[0xff, 0xfe]), json!(null)),
        ];
        for (answer, expected) in cases {
            assert_eq!(output(&answer)["body"], expected, "{answer:?}");
        }

        let cut = HttpAnswer { truncated: true, ..answer(200, &[("set-cookie", "x"), ("etag", "y")], &[b'a', 0xc3]) };
        assert_eq!(output(&cut), json!({ "status": 200, "headers": { "etag": "y" }, "body": "a", "truncated": true }));
    }
}
