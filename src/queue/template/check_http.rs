//! Checks of a template's HTTP call.

use super::check::Check;
use super::{HttpWork, TIMEOUT_MS_MAX, TIMEOUT_MS_MIN};
use crate::base::pointer::Place;

/// Methods that a template may use.
pub const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
/// Most redirects that are followed.
pub const REDIRECTS_MAX: u8 = 10;
/// Most request headers.
pub const HEADERS_MAX: usize = 100;
/// Headers that the client or Millrace writes itself, in lower case.
const OWN_HEADERS: [&str; 8] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "idempotency-key",
    "x-millrace-job",
    "x-millrace-attempt",
    "x-millrace-fence",
];

impl Check<'_> {
    pub(super) fn http(&mut self, work: &HttpWork) {
        let at = Place::ROOT.key("http");
        self.require(
            METHODS.contains(&work.method.as_str()),
            &at.key("method"),
            "is GET, POST, PUT, PATCH, DELETE or HEAD",
        );
        self.url(&work.url, &at.key("url"));
        self.headers(work, &at.key("headers"));
        if let Some(body) = &work.body {
            self.text(body, &at.key("body"));
            let carries = !matches!(work.method.as_str(), "GET" | "HEAD");
            self.require(carries, &at.key("body"), "cannot go with GET or HEAD");
        }
        self.require(!work.expect.is_empty(), &at.key("expect"), "is empty: no answer would mean done");
        if let Some(status) = work.expect.shared_with(&work.retry) {
            self.fault(&at.key("retry"), format!("holds {status}, and so does expect"));
        }
        let timeout = (TIMEOUT_MS_MIN..=TIMEOUT_MS_MAX).contains(&work.timeout_ms);
        self.require(timeout, &at.key("timeout_ms"), "goes from 100 ms to 7 days");
        self.require(work.redirects <= REDIRECTS_MAX, &at.key("redirects"), "goes from 0 to 10");
    }

    fn url(&mut self, text: &str, at: &Place<'_>) {
        self.text(text, at);
        let scheme = ["http://", "https://", "{{"].iter().any(|start| text.starts_with(start));
        self.require(scheme, at, "must begin with http:// or https://");
        if !scheme || text.contains("{{") || text.contains("{%") {
            return; // the rest is known when there is a job, and checked then
        }
        match url::Url::parse(text) {
            Err(error) => self.fault(at, format!("is no address: {error}")),
            Ok(url) => {
                let plain = url.username().is_empty() && url.password().is_none();
                self.require(plain, at, "must not hold a user name or password: use a header");
            }
        }
    }

    fn headers(&mut self, work: &HttpWork, at: &Place<'_>) {
        self.require(work.headers.len() <= HEADERS_MAX, at, "has more than 100 headers");
        for (name, value) in &work.headers {
            let at = at.key(name);
            self.require(is_header_name(name), &at, "is no name of a header");
            let own = OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str());
            self.require(!own, &at, "is written by Millrace itself");
            self.require(is_header_value(value), &at, "must not hold line ends or other control characters");
            self.text(value, &at);
        }
    }
}

/// Tells whether `text` is a token (RFC 9110, section 5.6.2).
pub fn is_header_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Tells whether `text` may be the value of a header: no control characters but the tab.
pub fn is_header_value(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && c != '\t')
}

#[cfg(test)]
mod tests {
    use super::super::TemplateSpec;
    use serde_json::{Value, json};

    fn faults(http: Value) -> Vec<String> {
        let spec =
            json!({ "runner": "http", "http": http, "params": { "properties": { "host": { "type": "string" } } } });
        let spec: TemplateSpec = serde_json::from_value(spec).unwrap();
        spec.check().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_call_has_no_fault() {
        let call = json!({ "method": "POST", "url": "https://{{ params.host }}/a", "headers": { "X-Key": "{{ params.host }}" },
            "body": "{}", "expect": ["200-299"], "retry": [429, "500-599"], "timeout_ms": 10_000 });

        assert_eq!(faults(call), [""; 0]);
        assert_eq!(faults(json!({ "url": "{{ params.host }}" })), [""; 0]);
    }

    #[test]
    fn faults_are_named() {
        let call = json!({ "method": "get", "url": "http://u:p@h/", "body": "{{ params.hots }}",
            "headers": { "a b": "x", "Host": "x", "C": "x\r\nD: y" }, "expect": [], "redirects": 11, "timeout_ms": 1 });

        assert_eq!(
            faults(call),
            [
                "/http/method: is GET, POST, PUT, PATCH, DELETE or HEAD",
                "/http/url: must not hold a user name or password: use a header",
                "/http/headers/C: must not hold line ends or other control characters",
                "/http/headers/Host: is written by Millrace itself",
                "/http/headers/a b: is no name of a header",
                "/http/body: params.hots is none of the parameters",
                "/http/expect: is empty: no answer would mean done",
                "/http/timeout_ms: goes from 100 ms to 7 days",
                "/http/redirects: goes from 0 to 10",
            ]
        );
        assert_eq!(faults(json!({ "url": "ftp://h/" })), ["/http/url: must begin with http:// or https://"]);
        assert_eq!(
            faults(json!({ "url": "http://h/", "retry": [200] })),
            ["/http/retry: holds 200, and so does expect"]
        );
    }
}
