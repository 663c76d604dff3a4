//! Telling an error to whoever asked: page, part of a page, or problem document; logged once.

use actix_web::http::header::{self, ContentType, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest, HttpResponse};
use askama::Template;
use serde_json::{Value, json};

use super::error::{WebError, forbidden_but_for};
use super::guard::{Caller, Helpers};
use super::inbox;
use super::kit::Kit;
use super::look::Theme;
use super::parts::Notice;
use super::paths;
use super::rail::Section;
use super::request::{Hx, RequestId, Wants, here, wants};
use super::shell::Shell;

/// What the templates show of an error.
pub struct ErrorView {
    title: &'static str,
    text: String,
    icon: &'static str,
    class: &'static str,
    retry: bool,
    /// The list in which the thing would stand: its address and words.
    list: Option<(&'static str, &'static str)>,
    reference: RequestId,
    here: String,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    shell: Shell,
    error: ErrorView,
}

#[derive(Template)]
#[template(path = "error_bare.html")]
struct BareErrorPage {
    theme: Theme,
    title: &'static str,
    error: ErrorView,
}

#[derive(Template)]
#[template(path = "error_fragment.html")]
struct ErrorPart {
    error: ErrorView,
}

impl WebError {
    /// Writes the answer for `request` and logs the cause of what is a fault of ours or of the database.
    pub fn tell(&self, request: &HttpRequest) -> HttpResponse {
        log(self, request);
        match self {
            // whoever only asked has changed nothing
            Self::OutcomeUnknown(cause) if request.method().is_safe() => {
                Self::Unavailable(cause.clone()).write(request)
            }
            _ => self.write(request),
        }
    }

    fn write(&self, request: &HttpRequest) -> HttpResponse {
        match (wants(request), self) {
            (Wants::Json, _) => problem(self, request),
            (Wants::Part, Self::SignIn) => to_sign_in_by_htmx(request),
            (Wants::Page, Self::SignIn) => to_sign_in(request),
            (Wants::Part, _) => toast(self, request),
            (Wants::Page, _) => html(self, page(self, request)),
        }
    }
}

fn log(error: &WebError, request: &HttpRequest) {
    let (id, method, path) = (RequestId::of(request), request.method(), request.path());
    if error.status().is_server_error() {
        tracing::error!(request = %id, %method, path, %error, "a request failed");
    } else {
        tracing::debug!(request = %id, %method, path, %error, "a request was refused");
    }
}

fn view(error: &WebError, request: &HttpRequest) -> ErrorView {
    let telling = error.telling();
    ErrorView {
        title: telling.title,
        text: words(error, request).unwrap_or(telling.text),
        icon: telling.icon,
        class: if error.status().is_server_error() { "s-failed" } else { "s-cancelled" },
        retry: telling.retry && request.method().is_safe(),
        list: list(error, request),
        reference: RequestId::of(request),
        here: here(request),
    }
}

/// Lists whose things may be gone.
const LISTS: [(&str, &str); 10] = [
    (paths::JOBS, "All jobs"),
    (paths::FAILURES, "All failures"),
    (paths::QUEUES, "All queues"),
    (paths::NODES, "All nodes"),
    (paths::POOLS, "All pools"),
    (paths::OPERATIONS, "All operations"),
    (paths::TEMPLATES, "All templates"),
    (paths::VIEWS, "All views"),
    (paths::PEOPLE, "All people"),
    (paths::TOKENS, "All tokens"),
];

/// Where somebody can look further who was led to what is not there.
fn list(error: &WebError, request: &HttpRequest) -> Option<(&'static str, &'static str)> {
    let (path, actor) = (request.path(), request.extensions().get::<Caller>()?.actor.clone());
    let is_lost = matches!(error, WebError::NotFound | WebError::Gone(_));
    let is_below = |list: &str| path.strip_prefix(list).is_some_and(|rest| rest.starts_with('/'));
    let found = LISTS.into_iter().find(|(list, _)| is_lost && is_below(list))?;
    Kit::of(request).table.may_open(found.0, actor.as_ref()).then_some(found)
}

/// What a person is told beyond what a program is: names to ask, times as their pages write them.
fn words(error: &WebError, request: &HttpRequest) -> Option<String> {
    match error {
        WebError::Forbidden(lacking) => {
            let helpers = request.extensions().get::<Helpers>().cloned()?;
            Some(forbidden_but_for(lacking, &helpers.0))
        }
        WebError::Gone(gone) => {
            let shell = Shell::of(request);
            Some(gone.sentences(|at| shell.stamp(at).text))
        }
        _ => None,
    }
}

fn page(error: &WebError, request: &HttpRequest) -> askama::Result<String> {
    let (view, title) = (view(error, request), error.telling().title);
    let signed_in = request.extensions().get::<Caller>().is_some_and(|caller| caller.signed_in.is_some());
    if signed_in {
        let shell = Shell::of(request).titled(title, Section::Elsewhere);
        ErrorPage { shell, error: view }.render()
    } else {
        let theme = Theme::of(request);
        BareErrorPage { theme, title, error: view }.render()
    }
}

/// Whatever the asking element is, an error goes to the toasts: its own place may take nothing (`hx-swap="none"`).
fn toast(error: &WebError, request: &HttpRequest) -> HttpResponse {
    let view = view(error, request);
    let notice =
        Notice::failed(format!("{}.", view.title)).saying(format!("{} Reference {}.", view.text, view.reference));
    let mut answer = html(error, ErrorPart { error: view }.render());
    if !request.method().is_safe() {
        inbox::note(&mut answer, "", &notice);
    }
    for (name, value) in [("hx-retarget", "#toasts"), ("hx-reswap", "beforeend")] {
        answer.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    answer
}

/// The plain status when even the error page cannot be written.
fn html(error: &WebError, body: askama::Result<String>) -> HttpResponse {
    let mut answer = HttpResponse::build(error.status());
    dress(error, &mut answer);
    match body {
        Ok(body) => answer.content_type(ContentType::html()).body(body),
        Err(cause) => {
            tracing::error!(%cause, "the error page could not be rendered");
            answer.finish()
        }
    }
}

fn dress(error: &WebError, answer: &mut actix_web::HttpResponseBuilder) {
    answer.insert_header((header::VARY, super::respond::VARY));
    if let WebError::TooMany { wait, .. } = error {
        answer.insert_header((header::RETRY_AFTER, wait.as_secs().max(1)));
    }
}

/// RFC 9457: a stable `type`, field pointers, and the request id as `instance`.
fn problem(error: &WebError, request: &HttpRequest) -> HttpResponse {
    let telling = error.telling();
    let mut body = json!({
        "type": format!("urn:millrace:problem:{}", telling.slug),
        "title": telling.title,
        "status": error.status().as_u16(),
        "detail": telling.text,
        "instance": format!("urn:millrace:request:{}", RequestId::of(request)),
    });
    if let WebError::Invalid(problems) = error {
        let errors = problems.iter().map(|one| json!({"pointer": one.field, "detail": one.message}));
        body["errors"] = Value::Array(errors.collect());
    }
    if let WebError::OutcomeUnknown(_) = error {
        body["outcome"] = json!("unknown");
    }
    let mut answer = HttpResponse::build(error.status());
    dress(error, &mut answer);
    if let WebError::SignIn = error {
        answer.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
    }
    answer.insert_header((header::CONTENT_TYPE, "application/problem+json")).body(body.to_string())
}

/// A form that was posted after the session ended leads back to the page it stood on, not to the address it was sent to.
fn to_sign_in(request: &HttpRequest) -> HttpResponse {
    let back = if request.method().is_safe() { here(request) } else { paths::DASHBOARD.to_owned() };
    HttpResponse::SeeOther().insert_header((header::LOCATION, paths::sign_in(&back))).finish()
}

fn to_sign_in_by_htmx(request: &HttpRequest) -> HttpResponse {
    let back = Hx::read(request.headers()).page().unwrap_or_else(|| paths::DASHBOARD.to_owned());
    HttpResponse::Unauthorized().insert_header(("HX-Redirect", paths::sign_in(&back))).finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::form::Problem;
    use actix_web::body::to_bytes;
    use actix_web::http::StatusCode;
    use actix_web::test::TestRequest;

    async fn text(answer: HttpResponse) -> String {
        let body = to_bytes(answer.into_body()).await.expect("a body");
        String::from_utf8(body.to_vec()).expect("text")
    }

    #[actix_web::test]
    async fn programs_get_a_problem_with_pointers() {
        let request = TestRequest::with_uri("/api/v1/jobs").to_http_request();
        let problems = vec![Problem { field: "/args/out".into(), message: "is missing".into() }];

        let answer = WebError::Invalid(problems).tell(&request);

        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let body: Value = serde_json::from_str(&text(answer).await).expect("json");
        assert_eq!(body["type"], "urn:millrace:problem:invalid");
        assert_eq!(body["errors"][0], json!({"pointer": "/args/out", "detail": "is missing"}));
    }

    #[actix_web::test]
    async fn people_without_a_session_are_led_to_sign_in_and_back() {
        let answer = WebError::SignIn.tell(&TestRequest::with_uri("/jobs?state=failed").to_http_request());
        assert_eq!(answer.headers().get(header::LOCATION).expect("location"), "/sign-in?next=%2Fjobs%3Fstate%3Dfailed");

        let posted = WebError::SignIn.tell(&TestRequest::post().uri("/jobs/7/cancel").to_http_request());
        assert_eq!(posted.headers().get(header::LOCATION).expect("location"), "/sign-in");

        let api = WebError::SignIn.tell(&TestRequest::with_uri("/api/v1/jobs").to_http_request());
        assert_eq!(api.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(api.headers().get(header::WWW_AUTHENTICATE).expect("challenge"), "Bearer");
    }

    #[actix_web::test]
    async fn htmx_gets_a_toast_or_a_redirect_by_header() {
        let ask = || {
            TestRequest::post()
                .uri("/jobs/7/cancel")
                .insert_header(("HX-Request", "true"))
                .insert_header(("HX-Request-Type", "partial"))
                .insert_header(("HX-Current-URL", "http://127.0.0.1:8080/jobs/7?tab=log"))
                .to_http_request()
        };

        let out = WebError::SignIn.tell(&ask());
        assert_eq!(out.headers().get("HX-Redirect").expect("redirect"), "/sign-in?next=%2Fjobs%2F7%3Ftab%3Dlog");

        let broken = WebError::fault("secret cause").tell(&ask());
        assert_eq!(broken.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(broken.headers().get("hx-retarget").expect("a place"), "#toasts");
        let toast = text(broken).await;
        assert!(toast.contains("class=\"toast s-failed\"") && !toast.contains("secret") && !toast.contains("<html"));
    }

    #[actix_web::test]
    async fn a_page_without_a_session_is_bare() {
        let answer = WebError::NotFound.tell(&TestRequest::with_uri("/nothing").to_http_request());

        let page = text(answer).await;
        assert!(
            page.contains("There is nothing here")
                && page.contains("Reference <code>")
                && !page.contains("id=\"rail\"")
        );
    }
}
