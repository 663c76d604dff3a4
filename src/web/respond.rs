//! The one place that chooses between a whole page and a part of it. Handlers never look at htmx's headers.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, ContentType};
use askama::{DynTemplate, Template};

use super::error::WebError;
use super::inbox;
use super::parts::Notice;
use super::request::Hx;
use super::session;

/// What an answer depends on besides its address.
pub const VARY: &str = "HX-Request, HX-Request-Type, HX-Target";

/// A block of a page under the id of the element that holds it.
pub type Block<'p> = (&'p str, &'p dyn DynTemplate);

/// Answers with the page, or only with the block whose element htmx asked for.
///
/// ```text
/// respond::page(&hx, &page, &[("results", &page.as_results()), ("dialog", &page.as_dialog())])
/// ```
///
/// # Errors
/// [`WebError::Fault`] when the template fails.
pub fn page(hx: &Hx, page: &impl Template, blocks: &[Block<'_>]) -> Result<HttpResponse, WebError> {
    render(StatusCode::OK, hx, page, blocks)
}

/// Answers like [`page`] with status 422: a form that is shown again with what was typed and what is wrong.
///
/// # Errors
/// [`WebError::Fault`] when the template fails.
pub fn refused(hx: &Hx, page: &impl Template, blocks: &[Block<'_>]) -> Result<HttpResponse, WebError> {
    render(StatusCode::UNPROCESSABLE_ENTITY, hx, page, blocks)
}

/// Answers like [`page`] with status 409: both versions, and the person chooses.
///
/// # Errors
/// [`WebError::Fault`] when the template fails.
pub fn conflicting(hx: &Hx, page: &impl Template, blocks: &[Block<'_>]) -> Result<HttpResponse, WebError> {
    render(StatusCode::CONFLICT, hx, page, blocks)
}

fn render(status: StatusCode, hx: &Hx, page: &impl Template, blocks: &[Block<'_>]) -> Result<HttpResponse, WebError> {
    let body = match chosen(hx, blocks) {
        Some(block) => block.dyn_render()?,
        None => page.render()?,
    };
    Ok(html(status, body))
}

fn chosen<'p>(hx: &Hx, blocks: &[Block<'p>]) -> Option<&'p dyn DynTemplate> {
    let wanted = hx.wants_part().then(|| hx.target())?;
    blocks.iter().find(|(id, _)| *id == wanted).map(|(_, block)| *block)
}

/// Answers with finished HTML.
pub fn html(status: StatusCode, body: String) -> HttpResponse {
    HttpResponse::build(status)
        .content_type(ContentType::html())
        .insert_header((header::VARY, VARY))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(body)
}

/// Answers with JSON.
///
/// # Errors
/// [`WebError::Fault`] when the value cannot be written.
pub fn json(status: StatusCode, value: &impl serde::Serialize) -> Result<HttpResponse, WebError> {
    let body = serde_json::to_string(value).map_err(WebError::fault)?;
    Ok(HttpResponse::build(status).content_type(ContentType::json()).body(body))
}

/// Leads to another address with a GET.
pub fn see_other(to: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, to)).finish()
}

/// One toast, put into the page out of band.
#[derive(Template)]
#[template(path = "toast.html")]
struct Toast<'n> {
    notice: &'n Notice,
}

/// One part of the page that changed with an act, put into the element with `id`.
pub struct Part<'p> {
    /// The element's id.
    pub id: &'p str,
    /// Its new inside.
    pub inside: &'p dyn DynTemplate,
}

/// Answers an act that leaves the person on the page: with htmx the changed parts and a toast, without it the way back to
/// `page` with the same words on top.
///
/// # Errors
/// [`WebError::Fault`] when a template or the session fails.
pub fn done(
    hx: &Hx,
    session: &Session,
    page: &str,
    notice: &Notice,
    parts: &[Part<'_>],
) -> Result<HttpResponse, WebError> {
    let rendered = |part: &Part<'_>| Ok(partial(part.id, &part.inside.dyn_render()?));
    acted(hx, session, page, notice, || parts.iter().map(rendered).collect())
}

/// Answers like [`done`] with `parts` that are wrapped for htmx already; rendered only when they are wanted.
///
/// # Errors
/// [`WebError::Fault`] when a template or the session fails.
pub fn acted(
    hx: &Hx,
    session: &Session,
    page: &str,
    notice: &Notice,
    parts: impl FnOnce() -> askama::Result<String>,
) -> Result<HttpResponse, WebError> {
    if !hx.wants_part() {
        session::flash(session, notice)?;
        return Ok(telling(see_other(page), page, notice));
    }
    let body = parts()? + &Toast { notice }.render()?;
    Ok(telling(html(StatusCode::OK, body), page, notice))
}

/// Answers an act that leads to another page, which shows `notice` on top.
///
/// # Errors
/// [`WebError::Fault`] when the session fails.
pub fn onward(hx: &Hx, session: &Session, to: &str, notice: &Notice) -> Result<HttpResponse, WebError> {
    session::flash(session, notice)?;
    let there =
        if hx.is_htmx() { HttpResponse::Ok().insert_header(("HX-Redirect", to)).finish() } else { see_other(to) };
    Ok(telling(there, to, notice))
}

fn telling(mut answer: HttpResponse, page: &str, notice: &Notice) -> HttpResponse {
    inbox::note(&mut answer, page, notice);
    answer
}

/// Wraps the inside of an element for htmx, which patches it in place. `id` is one of ours, never from data unchecked.
pub fn partial(id: &str, inside: &str) -> String {
    debug_assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')), "{id}");
    format!("<hx-partial hx-target=\"#{id}\" hx-swap=\"innerMorph\">{inside}</hx-partial>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;

    #[derive(Template)]
    #[template(source = "<html>{% block rows %}<i>{{ n }}</i>{% endblock %}</html>", ext = "html", blocks = ["rows"])]
    struct Page {
        n: u8,
    }

    fn asking(target: &str, kind: &str) -> Hx {
        let request = TestRequest::get()
            .insert_header(("HX-Request", "true"))
            .insert_header(("HX-Request-Type", kind))
            .insert_header(("HX-Target", target))
            .to_http_request();
        Hx::read(request.headers())
    }

    async fn body(hx: &Hx) -> String {
        let shown = Page { n: 1 };
        let answer = page(hx, &shown, &[("rows", &shown.as_rows())]).expect("rendered");
        assert_eq!(answer.headers().get(header::VARY).expect("vary"), VARY);
        let bytes = to_bytes(answer.into_body()).await.expect("a body");
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    #[actix_web::test]
    async fn a_part_is_answered_only_when_its_element_is_asked_for() {
        assert_eq!(body(&asking("tbody#rows", "partial")).await, "<i>1</i>");
        assert_eq!(body(&asking("tbody#rows", "full")).await, "<html><i>1</i></html>");
        assert_eq!(body(&asking("div#other", "partial")).await, "<html><i>1</i></html>");
        assert_eq!(body(&Hx::default()).await, "<html><i>1</i></html>");
    }

    #[test]
    fn a_toast_escapes_what_it_says() {
        let notice = Notice::done("<b>Done</b>.").linking("Open", "/jobs/7");

        let toast = Toast { notice: &notice }.render().expect("rendered");

        assert!(toast.starts_with("<hx-partial hx-target=\"#toasts\" hx-swap=\"beforeend\">"), "{toast}");
        assert!(toast.contains("&#60;b&#62;Done") && toast.contains("href=\"/jobs/7\""));
    }
}
