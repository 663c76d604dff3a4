//! The door: who asks, whether they come from our own page, whether the table lets them. Asked of the database on each
//! request, so that a lost role or an ended session counts at once.
//!
//! ```text
//! headers ─▶ session ─▶ guard ─▶ handler
//!                        │ identify: cookie (pages) or Bearer token (API) ─▶ Caller
//!                        │ changes:  from our own page? session's token?   ─▶ Form
//!                        └ table:    Access                                ─▶ 401, 403, 404, 405 told by `told.rs`
//! ```

use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_session::SessionExt;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};

use super::csrf;
use super::error::WebError;
use super::form::Form;
use super::inbox;
use super::kit::Kit;
use super::paths;
use super::rate;
use super::request::{RequestId, Wants, client, wants};
use super::session;
use super::table::Rule;
use crate::base::db::DbError;
use crate::queue::access::{admins, session as sessions, token};
use crate::queue::actor::{Actor, Forbidden};
use crate::queue::audit::{self, Change};

pub use super::table::Table;

/// Largest body of a form, in bytes.
pub const FORM_BYTES_MAX: usize = 1024 * 1024;
/// Most admins that a refusal names.
const HELPERS_MAX: i64 = 3;

/// Who asks. The guard puts it into the request; extractors read it.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The person behind a browser session.
    pub signed_in: Option<sessions::SignedIn>,
    /// Who acts: that person, or the owner of a token.
    pub actor: Option<Actor>,
}

/// The middleware around every resource of the table.
///
/// # Errors
/// What inner services give as an error rather than as an answer.
pub async fn admit(
    rules: Rc<[Rule]>,
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let mut answer = match check(&rules, &mut request).await {
        Ok(()) => told(next.call(request).await?.map_into_boxed_body()).await,
        Err(error) => {
            let (request, _) = request.into_parts();
            let answer = tell(&error, &request).await;
            ServiceResponse::new(request, answer)
        }
    };
    inbox::keep(&mut answer);
    Ok(answer)
}

/// Names of admins whom somebody can ask who lacks a permission. Put into the request for whoever writes the refusal.
#[derive(Debug, Clone)]
pub(super) struct Helpers(pub Vec<String>);

/// Tells an error; a person who lacks a role is told who can give it. When that cannot be read, they are told all the same.
async fn tell(error: &WebError, request: &HttpRequest) -> HttpResponse {
    let lacks_role = matches!(error, WebError::Forbidden(Forbidden::Role(_)));
    if lacks_role && wants(request) != Wants::Json {
        match Kit::of(request).db.look(|conn| admins::names(conn, HELPERS_MAX)).await {
            Ok(names) => drop(request.extensions_mut().insert(Helpers(names))),
            Err(error) => tracing::warn!(%error, "the names of admins could not be read"),
        }
    }
    error.tell(request)
}

async fn check(rules: &[Rule], request: &mut ServiceRequest) -> Result<(), WebError> {
    let caller = identify(request.request()).await?;
    let actor = caller.actor.clone();
    request.extensions_mut().insert(caller);
    let rule = rule(rules, request.method())?;
    let access = rule.access;
    let changes = !request.method().is_safe();
    let json = wants(request.request()) == Wants::Json;
    if changes && !json && !csrf::is_from_us(request.headers(), &Kit::of(request.request()).settings) {
        return Err(WebError::Foreign);
    }
    if let Err(error) = access.check(actor.as_ref()) {
        note_refusal(request.request(), actor, &error).await;
        return Err(error);
    }
    rule.parameters.check(request.query_string())?;
    if changes && !json { take_form(request).await } else { Ok(()) }
}

/// `HEAD` is allowed where `GET` is.
fn rule<'r>(rules: &'r [Rule], method: &Method) -> Result<&'r Rule, WebError> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    rules.iter().find(|rule| rule.method == *method).ok_or(WebError::MethodNotAllowed)
}

async fn identify(request: &HttpRequest) -> Result<Caller, WebError> {
    let mut caller = match wants(request) {
        Wants::Json => by_token(request).await?,
        Wants::Page | Wants::Part => by_session(request).await?,
    };
    if let Some(actor) = &mut caller.actor {
        actor.address = client(request).map(|address| address.to_string());
        actor.request = Some(RequestId::of(request).to_string());
    }
    if let (Some(person), Some(actor)) = (&mut caller.signed_in, &caller.actor) {
        person.actor = actor.clone();
    }
    Ok(caller)
}

/// A stream that is held open is not use: it must not keep a forgotten browser signed in.
async fn by_session(request: &HttpRequest) -> Result<Caller, WebError> {
    let session = request.get_session();
    if session::is_away(&session) {
        return Err(WebError::Unavailable("the session could not be read".into()));
    }
    let Some(key) = session::key(&session) else { return Ok(Caller::default()) };
    let kit = Kit::of(request);
    let (now, is_stream) = (kit.clock.now(), request.path().starts_with("/live/"));
    let find = if is_stream { sessions::peek } else { sessions::actor };
    let signed_in = kit.db.run(move |conn| find(conn, &key, now)).await?;
    Ok(Caller { actor: signed_in.as_ref().map(|person| person.actor.clone()), signed_in })
}

async fn by_token(request: &HttpRequest) -> Result<Caller, WebError> {
    let Some(text) = bearer(request.headers()).map(str::to_owned) else { return Ok(Caller::default()) };
    let kit = Kit::of(request);
    let (now, instant) = (kit.clock.now(), Instant::now());
    let address = client(request).map(rate::subject).unwrap_or_default();
    kit.rates.check(&address, instant).map_err(too_many)?;
    match kit.db.look(move |conn| token::authenticate(conn, &text, now)).await? {
        Some(actor) => {
            kit.rates.take(&format!("{} {:?}", actor.name, actor.via), rate::TOKEN, instant).map_err(too_many)?;
            Ok(Caller { actor: Some(actor), signed_in: None })
        }
        None => {
            kit.rates.take(&address, rate::WRONG_TOKEN, instant).map_err(too_many)?;
            Err(WebError::SignIn) // a wrong token is told even where none is needed
        }
    }
}

fn too_many(wait: Duration) -> WebError {
    WebError::TooMany { wait, what: "This token or address asks too often" }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Reads the form and compares its token (or the header's) with the session's. Whoever is not signed in has none yet.
async fn take_form(request: &mut ServiceRequest) -> Result<(), WebError> {
    let form = if is_form(request.headers()) { Form::parse(&body(request).await?)? } else { Form::default() };
    let expected = session::token(&request.get_session());
    let sent = request.headers().get(csrf::HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = if sent.is_empty() { form.text(csrf::FIELD) } else { sent };
    let signed_in = request.extensions().get::<Caller>().is_some_and(|caller| caller.signed_in.is_some());
    if signed_in && !csrf::matches(&expected, given) {
        return Err(WebError::Foreign);
    }
    request.extensions_mut().insert(form);
    Ok(())
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim() == "application/x-www-form-urlencoded")
}

async fn body(request: &mut ServiceRequest) -> Result<web::Bytes, WebError> {
    let unreadable = |error: actix_web::Error| WebError::Malformed(format!("The body could not be read: {error}."));
    let payload = request.extract::<web::Payload>().await.map_err(unreadable)?;
    super::body::read(payload, FORM_BYTES_MAX).await
}

/// An attempt to change something without the right to is written down. Failing to do so does not let anybody in.
async fn note_refusal(request: &HttpRequest, actor: Option<Actor>, error: &WebError) {
    let (Some(actor), WebError::Forbidden(lacking)) = (actor, error) else { return };
    if request.method().is_safe() {
        return;
    }
    let subject = format!("{} {}", request.method(), request.path());
    let change = Change::new("request.refuse", "route", subject).because(Some(lacking.to_string()));
    let noted = Kit::of(request).db.run(move |conn| audit::refused(conn, &actor, change)).await;
    if let Err(error) = noted {
        let error: DbError = error;
        tracing::error!(%error, "a refused attempt could not be recorded");
    }
}

/// Turns the error that a handler or an extractor gave into the answer that its asker understands.
async fn told(answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let Some(error) = answer.response().error() else { return answer };
    let written = match error.as_error::<WebError>() {
        Some(error) => tell(error, answer.request()).await,
        None => tell(&foreign(error), answer.request()).await,
    };
    answer.into_response(written)
}

/// Errors of actix's own extractors: a path that is not a number leads to nothing, a body that is no JSON is malformed.
fn foreign(error: &actix_web::Error) -> WebError {
    match error.as_response_error().status_code() {
        StatusCode::NOT_FOUND => WebError::NotFound,
        StatusCode::PAYLOAD_TOO_LARGE => WebError::TooLarge(FORM_BYTES_MAX),
        status if status.is_client_error() => WebError::Malformed(format!("{error}.")),
        _ => WebError::fault(error),
    }
}

/// Answers what no route is there for; whoever is signed in keeps the frame of the console around it. A page's address with a slash at
/// its end leads to the one without.
pub async fn nothing_here(request: HttpRequest) -> HttpResponse {
    if let Some(address) = without_slash(&request) {
        return HttpResponse::PermanentRedirect().insert_header((header::LOCATION, address)).finish();
    }
    match identify(&request).await {
        Ok(caller) => drop(request.extensions_mut().insert(caller)),
        Err(error) => tracing::debug!(%error, "who asks for nothing is not known"),
    }
    WebError::NotFound.tell(&request)
}

/// The same address without slashes at its end, with its query; `None` when it has none, or leads away from here without.
fn without_slash(request: &HttpRequest) -> Option<String> {
    let (path, query) = (request.uri().path(), request.query_string());
    let short = path.trim_end_matches('/');
    let is_read = request.method().is_safe() && wants(request) != Wants::Json;
    let leads_on = is_read && short != path && !short.is_empty() && paths::own(short) == short;
    let mark = if query.is_empty() { "" } else { "?" };
    leads_on.then(|| format!("{short}{mark}{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::table::{Access, Parameters};
    use actix_web::test::TestRequest;

    #[test]
    fn head_follows_get_and_other_methods_are_refused() {
        let rules = [Rule { method: Method::GET, access: Access::SignedIn, parameters: Parameters::Any }];

        assert_eq!(rule(&rules, &Method::HEAD).ok().map(|rule| rule.access), Some(Access::SignedIn));
        assert!(matches!(rule(&rules, &Method::POST), Err(WebError::MethodNotAllowed)));
    }

    #[test]
    fn a_slash_at_the_end_of_a_page_s_address_is_taken_off() {
        let short = |method: Method, address: &str| {
            without_slash(&TestRequest::with_uri(address).method(method).to_http_request())
        };

        assert_eq!(short(Method::GET, "/jobs/").as_deref(), Some("/jobs"));
        assert_eq!(short(Method::HEAD, "/jobs//?q=a%2Fb&n=2").as_deref(), Some("/jobs?q=a%2Fb&n=2"));
        assert_eq!(short(Method::GET, "/queues/a%2Fb/").as_deref(), Some("/queues/a%2Fb"));
        for address in ["/", "//", "/jobs", "/jobs?a=/", "//evil.example/", "/api/v1/jobs/"] {
            assert_eq!(short(Method::GET, address), None, "{address}");
        }
        assert_eq!(short(Method::POST, "/jobs/"), None);
    }

    #[test]
    fn a_token_stands_in_its_header_only() {
        let read = |value: &str| {
            let request = TestRequest::get().insert_header((header::AUTHORIZATION, value)).to_http_request();
            bearer(request.headers()).map(str::to_owned)
        };

        assert_eq!(read("Bearer mr_x"), Some("mr_x".into()));
        assert_eq!(read("bearer  mr_x "), Some("mr_x".into()));
        assert_eq!((read("Basic abc"), read("Bearer")), (None, None));
    }

    #[test]
    fn only_urlencoded_bodies_are_forms() {
        let kind = |value: &str| {
            is_form(TestRequest::post().insert_header((header::CONTENT_TYPE, value)).to_http_request().headers())
        };

        assert!(kind("application/x-www-form-urlencoded") && kind("application/x-www-form-urlencoded; charset=utf-8"));
        assert!(!kind("application/json") && !kind("multipart/form-data; boundary=x"));
    }
}
