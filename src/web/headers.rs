//! The outermost middleware: request id, known host, and the security headers on every answer, whatever it is.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpResponse};

use super::kit::{Kit, Settings};
use super::request::RequestId;

/// What a page may load and do: nothing but our own files. `data:` images are for codes that authenticator apps read.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const ALWAYS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// A year, in seconds.
const STRICT_TRANSPORT: &str = "max-age=31536000";

/// Answers for known hosts only, and dresses every answer.
///
/// # Errors
/// What the inner services give as an error rather than as an answer.
pub async fn dress(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let id = RequestId::new();
    let settings = Kit::of(request.request()).settings.clone();
    request.extensions_mut().insert(id.clone());
    let mut answer = if settings.knows_host(host(&request)) {
        next.call(request).await?.map_into_boxed_body()
    } else {
        request.into_response(HttpResponse::MisdirectedRequest().body("This host name is not configured here."))
    };
    add(answer.headers_mut(), &settings, &id);
    Ok(answer)
}

/// The `Host` header itself: what a proxy says in `X-Forwarded-Host` can be said by anybody.
fn host(request: &ServiceRequest) -> &str {
    request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
}

fn add(headers: &mut HeaderMap, settings: &Settings, id: &RequestId) {
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if settings.is_tls() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::cookie::Key;

    #[test]
    fn every_header_is_there_and_a_kept_file_stays_kept() {
        let settings = Settings::loopback(8080, Key::from(&[7; 64]));
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public"));

        add(&mut headers, &settings, &RequestId::new());

        for (name, _) in ALWAYS {
            assert!(headers.contains_key(&name), "{name}");
        }
        assert_eq!(headers.get(header::CACHE_CONTROL), Some(&HeaderValue::from_static("public")));
        assert!(!headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    }

    #[test]
    fn without_a_word_of_its_own_an_answer_is_not_stored() {
        let mut settings = Settings::loopback(8080, Key::from(&[7; 64]));
        settings.public_url = "https://jobs.example.org".into();
        let mut headers = HeaderMap::new();

        add(&mut headers, &settings, &RequestId::new());

        assert_eq!(headers.get(header::CACHE_CONTROL), Some(&HeaderValue::from_static("no-store")));
        assert!(headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    }

    #[test]
    fn the_policy_allows_nothing_inline() {
        assert!(!POLICY.contains("unsafe") && !POLICY.contains('*') && POLICY.starts_with("default-src 'none'"));
    }
}
