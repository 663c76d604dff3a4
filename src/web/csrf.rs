//! Requests that change something must come from our own pages: the browser says where they come from, and the page
//! proves with a token of the session that it was ours.

use actix_web::http::header::{self, HeaderMap};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;

use super::kit::Settings;
use crate::base::random;

/// The header that scripts send the token in.
pub const HEADER: &str = "x-csrf-token";
/// The form field that holds the token.
pub const FIELD: &str = "csrf";

/// Makes a token for a new session: 256 random bits.
pub fn token() -> String {
    URL_SAFE_NO_PAD.encode(random::secret_bytes::<32>())
}

/// Tells whether `given` is the session's token. Takes the same time wherever they differ.
pub fn matches(expected: &str, given: &str) -> bool {
    !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(given.as_bytes()))
}

/// Tells whether a request that changes something comes from one of our own pages.
///
/// Browsers of the last years send `Sec-Fetch-Site`; older ones send `Origin`. One that sends neither is refused. Our own
/// `Referrer-Policy: no-referrer` makes browsers say `Origin: null` for a posted form, so beside `Sec-Fetch-Site` that is
/// no contradiction.
pub fn is_from_us(headers: &HeaderMap, settings: &Settings) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some(site), None) => site == "same-origin",
        (Some(site), Some(origin)) => site == "same-origin" && (origin == "null" || settings.is_own_origin(origin)),
        (None, Some(origin)) => settings.is_own_origin(origin),
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::cookie::Key;
    use actix_web::test::TestRequest;

    fn from_us(headers: &[(&str, &str)]) -> bool {
        let mut request = TestRequest::post();
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        is_from_us(request.to_http_request().headers(), &Settings::loopback(8080, Key::from(&[7; 64])))
    }

    #[test]
    fn only_our_own_pages_may_change_something() {
        assert!(from_us(&[("Sec-Fetch-Site", "same-origin")]));
        assert!(from_us(&[("Sec-Fetch-Site", "same-origin"), ("Origin", "http://localhost:8080")]));
        assert!(from_us(&[("Sec-Fetch-Site", "same-origin"), ("Origin", "null")]));
        assert!(from_us(&[("Origin", "http://127.0.0.1:8080")]));

        for foreign in ["cross-site", "same-site", "none", "sAme-origin"] {
            assert!(!from_us(&[("Sec-Fetch-Site", foreign)]), "{foreign}");
        }
        assert!(!from_us(&[("Sec-Fetch-Site", "same-origin"), ("Origin", "https://evil.example")]));
        assert!(!from_us(&[("Origin", "null")]));
        assert!(!from_us(&[]));
    }

    #[test]
    fn a_token_is_long_random_and_compared_whole() {
        let (one, other) = (token(), token());

        assert_eq!(one.len(), 43);
        assert!(matches(&one, &one) && !matches(&one, &other) && !matches(&one, &one[..42]));
        assert!(!matches("", ""));
    }
}
