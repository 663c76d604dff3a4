//! Facts about a request: its id, where it came from, what kind of answer it wants.

use std::fmt;
use std::net::IpAddr;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};

use super::kit::{Kit, Settings};
use crate::base::random;

/// Joins the log line, the audit record and the error page of one request: `7F3C-21A9`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// Makes a new one. 32 random bits: enough to find a line in a day's log.
    pub fn new() -> Self {
        let [a, b, c, d] = random::secret_bytes::<4>();
        Self(format!("{a:02X}{b:02X}-{c:02X}{d:02X}"))
    }

    /// Gives the id of `request`, which the outermost middleware put there.
    pub fn of(request: &HttpRequest) -> Self {
        request.extensions().get::<Self>().cloned().unwrap_or_else(Self::new)
    }

    /// Gives the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kind of answer that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// A whole page.
    Page,
    /// A part of one, for htmx.
    Part,
    /// JSON, for a program.
    Json,
}

/// Tells what kind of answer a request wants: by its path for programs, by htmx's headers else.
pub fn wants(request: &HttpRequest) -> Wants {
    let path = request.path();
    if path.starts_with("/api/") || ["/healthz", "/readyz", "/metrics"].contains(&path) {
        Wants::Json
    } else if Hx::read(request.headers()).wants_part() {
        Wants::Part
    } else {
        Wants::Page
    }
}

/// What htmx says about a request. Handlers hand it to the responder and do not look at it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hx {
    request: bool,
    partial: bool,
    target: String,
    current: String,
}

impl Hx {
    /// Reads htmx's headers. `HX-Target` is `tag#id`; only the id is kept.
    pub fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let request = text("hx-request") == "true" && text("hx-history-restore-request") != "true";
        Self {
            request,
            partial: text("hx-request-type") == "partial",
            target: text("hx-target").split_once('#').map_or("", |(_, id)| id).to_owned(),
            current: text("hx-current-url").to_owned(),
        }
    }

    /// Tells whether only a part of a page is wanted.
    pub fn wants_part(&self) -> bool {
        self.request && self.partial
    }

    /// Tells whether htmx asks at all.
    pub fn is_htmx(&self) -> bool {
        self.request
    }

    /// Gives the id of the element that the answer goes into; empty when it has none.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Gives path and query of the page that the browser shows, if it is one of ours.
    pub fn page(&self) -> Option<String> {
        let url = url::Url::parse(&self.current).ok()?;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Some(format!("{}{query}", url.path()))
    }
}

impl FromRequest for Hx {
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        std::future::ready(Ok(Self::read(request.headers())))
    }
}

/// Gives the address of whoever asks: of the connection, or what a listed proxy says about it.
pub fn client(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    let forwarded = request.headers().get_all(header::X_FORWARDED_FOR).filter_map(|value| value.to_str().ok());
    Some(forwarded_client(peer, forwarded, &Kit::of(request).settings))
}

/// Walks the chain from our end: each listed proxy is believed about who came to it, the first other address is the client.
fn forwarded_client<'h>(peer: IpAddr, lines: impl Iterator<Item = &'h str>, settings: &Settings) -> IpAddr {
    let chain: Vec<IpAddr> = lines.flat_map(|line| line.split(',')).filter_map(|one| one.trim().parse().ok()).collect();
    let mut client = peer;
    for before in chain.into_iter().rev() {
        if !settings.proxies.iter().any(|proxy| proxy.contains(client)) {
            break;
        }
        client = before;
    }
    client
}

/// Gives path and query of `request`.
pub fn here(request: &HttpRequest) -> String {
    request.uri().path_and_query().map_or_else(|| request.path().to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::cookie::Key;
    use actix_web::test::TestRequest;

    use crate::base::network::Network;

    #[test]
    fn htmx_is_read_from_its_headers() {
        let request = TestRequest::get()
            .insert_header(("HX-Request", "true"))
            .insert_header(("HX-Request-Type", "partial"))
            .insert_header(("HX-Target", "div#results"))
            .insert_header(("HX-Current-URL", "http://127.0.0.1:8080/jobs?state=failed#x"))
            .to_http_request();

        let hx = Hx::read(request.headers());

        assert!(hx.wants_part());
        assert_eq!((hx.target(), hx.page().as_deref()), ("results", Some("/jobs?state=failed")));
        assert_eq!(wants(&request), Wants::Part);
    }

    #[test]
    fn restoring_history_asks_for_a_whole_page() {
        let request = TestRequest::get()
            .insert_header(("HX-Request", "true"))
            .insert_header(("HX-Request-Type", "partial"))
            .insert_header(("HX-History-Restore-Request", "true"))
            .to_http_request();

        assert_eq!(wants(&request), Wants::Page);
        assert_eq!(wants(&TestRequest::with_uri("/api/v1/jobs").to_http_request()), Wants::Json);
    }

    #[test]
    fn only_listed_proxies_are_believed() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let mut settings = Settings::loopback(8080, Key::from(&[7; 64]));
        let ask =
            |settings: &Settings, peer| forwarded_client(ip(peer), ["203.0.113.9, 10.0.0.2"].into_iter(), settings);

        assert_eq!(ask(&settings, "10.0.0.1"), ip("10.0.0.1"));
        settings.proxies = vec![Network::parse("10.0.0.1").expect("a network")];
        assert_eq!(ask(&settings, "10.0.0.1"), ip("10.0.0.2"));
        settings.proxies.push(Network::parse("10.0.0.2/31").expect("a network"));
        assert_eq!(ask(&settings, "10.0.0.1"), ip("203.0.113.9"));
    }

    #[test]
    fn request_ids_are_short_and_differ() {
        let (one, other) = (RequestId::new(), RequestId::new());

        assert_eq!(one.as_str().len(), 9);
        assert_ne!(one, other);
    }
}
