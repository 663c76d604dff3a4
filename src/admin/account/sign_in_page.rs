//! `/sign-in` and `/sign-out`.

use std::sync::Arc;
use std::time::Duration;

use actix_session::Session;
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::fresh_page;
use super::service::{self as account, AccountError};
use super::sign_in::{self, Attempt, SignInError, Welcome};
use crate::queue::access::session::SignedIn;
use crate::queue::access::setup;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::look::{Environment, Theme};
use crate::web::parts::Notice;
use crate::web::request::{RequestId, client};
use crate::web::table::{Access, Route};
use crate::web::{paths, respond, session};

/// The routes of signing in and out.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get(paths::SIGN_IN, Access::Open, show),
        Route::post(paths::SIGN_IN, Access::Open, enter),
        Route::post(paths::SIGN_OUT, Access::Open, leave),
    ]
}

#[derive(Template)]
#[template(path = "account/sign_in.html")]
struct SignInPage {
    theme: Theme,
    title: &'static str,
    environment: Environment,
    csrf: String,
    form: Form,
    flash: Option<Notice>,
    banners: Vec<Notice>,
    /// Nobody can sign in yet: the setup link comes first.
    waits_for_setup: bool,
}

impl SignInPage {
    fn new(request: &HttpRequest, kit: &Kit, held: &Session, form: Form) -> Self {
        Self {
            theme: Theme::of(request),
            title: "Sign in",
            environment: kit.settings.environment.clone(),
            csrf: session::token(held),
            form,
            flash: session::take_flash(held),
            banners: kit.banners_for(None),
            waits_for_setup: false,
        }
    }
}

/// `GET /sign-in?next=…`. Whoever is signed in already goes on.
async fn show(
    request: HttpRequest,
    kit: Data<Kit>,
    held: Session,
    who: Option<SignedIn>,
    query: Query,
) -> Result<HttpResponse, WebError> {
    let next = paths::own(query.0.text("next")).to_owned();
    if who.is_some() {
        return Ok(respond::see_other(&next));
    }
    let form = Form::default().with("next", if next == paths::DASHBOARD { String::new() } else { next });
    let waits_for_setup = !kit.db.run(setup::anybody_exists).await?;
    let page = SignInPage { waits_for_setup, ..SignInPage::new(&request, &kit, &held, form) };
    Ok(respond::html(StatusCode::OK, page.render()?))
}

/// `POST /sign-in`.
async fn enter(request: HttpRequest, kit: Data<Kit>, held: Session, form: Form) -> Result<HttpResponse, WebError> {
    let (email, password) = (form.text("email").to_owned(), form.text("password").to_owned());
    match sign_in(&request, &kit, email, password).await? {
        Ok(welcome) => {
            begin(&request, &kit, &held, &welcome)?;
            Ok(respond::see_other(paths::own(form.text("next"))))
        }
        Err(error) => refuse(&request, &kit, &held, form, error),
    }
}

/// Looks at a password on a blocking thread, when it is its turn.
pub(super) async fn sign_in(
    request: &HttpRequest,
    kit: &Kit,
    email: String,
    password: String,
) -> Result<Result<Welcome, SignInError>, WebError> {
    let (address, id) = (client(request), RequestId::of(request).to_string());
    let clock = Arc::clone(&kit.clock);
    let _turn = fresh_page::turn().await?;
    let work = move |conn: &mut _| {
        sign_in::sign_in(conn, &*clock, &Attempt { email: &email, password: &password, address, request: Some(id) })
    };
    Ok(kit.db.run(work).await)
}

/// Binds a new session key to the person; signing in counts as a fresh proof.
pub(super) fn begin(request: &HttpRequest, kit: &Kit, held: &Session, welcome: &Welcome) -> Result<(), WebError> {
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).map(str::to_owned);
    let address = client(request).map(|address| address.to_string());
    session::begin(held, welcome.person, address, agent, kit.clock.now())?;
    session::freshen(held, welcome.sudo_until)
}

/// Shows the form again. What was typed as a password is not sent back.
fn refuse(
    request: &HttpRequest,
    kit: &Kit,
    held: &Session,
    mut form: Form,
    error: SignInError,
) -> Result<HttpResponse, WebError> {
    let (status, retry_after, problem) = match error {
        SignInError::Refused => {
            (StatusCode::UNPROCESSABLE_ENTITY, None, "The address or the password is wrong".to_owned())
        }
        SignInError::Wait(left) => {
            (StatusCode::TOO_MANY_REQUESTS, Some(left + Duration::from_secs(1)), fresh_page::wait(left))
        }
        other => return fresh_page::problem(other).and_then(|what| Err(WebError::fault(what))),
    };
    form.refuse("email", problem);
    let mut answer = respond::html(status, SignInPage::new(request, kit, held, form).render()?);
    if let Some(wait) = retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(wait.as_secs()));
    }
    Ok(answer)
}

/// `POST /sign-out`: the session ends on every node. Whoever is signed out already is led on all the same.
async fn leave(kit: Data<Kit>, held: Session, who: Option<SignedIn>) -> Result<HttpResponse, WebError> {
    if let Some((who, key)) = who.zip(session::key(&held)) {
        let ended = kit.db.run(move |conn| account::sign_out(conn, &who.actor, &key)).await;
        ended.map_err(|error: AccountError| super::page::told(error))?;
    }
    session::end(&held);
    Ok(respond::see_other(paths::SIGN_IN))
}
