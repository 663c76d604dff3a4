//! `/setup?token=…`: the first admin, by the one-time link.

use std::sync::Arc;

use actix_session::Session;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::setup::{self, FirstAdmin, SetupError};
use super::{fresh_page, sign_in_page};
use crate::admin::people::service::PeopleError;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::{Form, sentence};
use crate::web::kit::Kit;
use crate::web::look::Theme;
use crate::web::parts::Notice;
use crate::web::request::client;
use crate::web::table::{Access, Route};
use crate::web::{paths, respond, session};

/// The routes of the first run.
pub fn routes() -> Vec<Route> {
    vec![Route::get(paths::SETUP, Access::Open, show), Route::post(paths::SETUP, Access::Open, make)]
}

#[derive(Template)]
#[template(path = "account/setup.html")]
struct SetupPage {
    theme: Theme,
    title: &'static str,
    csrf: String,
    /// Whether the link works; the page explains how to get another one else.
    valid: bool,
    form: Form,
}

impl SetupPage {
    fn new(request: &HttpRequest, held: &Session, valid: bool, form: Form) -> Self {
        Self { theme: Theme::of(request), title: "First admin", csrf: session::token(held), valid, form }
    }

    fn answer(&self) -> Result<HttpResponse, WebError> {
        let status = match (self.valid, self.form.is_refused()) {
            (false, _) => StatusCode::GONE,
            (true, true) => StatusCode::UNPROCESSABLE_ENTITY,
            (true, false) => StatusCode::OK,
        };
        Ok(respond::html(status, self.render()?))
    }
}

/// `GET /setup?token=…`. Looking does not use the link up.
async fn show(request: HttpRequest, kit: Data<Kit>, held: Session, query: Query) -> Result<HttpResponse, WebError> {
    let secret = query.0.text("token").to_owned();
    let (clock, asked) = (Arc::clone(&kit.clock), secret.clone());
    let valid = kit.db.run(move |conn| setup::is_valid(conn, &*clock, &asked)).await?;
    SetupPage::new(&request, &held, valid, Form::default().with("token", secret)).answer()
}

/// `POST /setup`: makes the admin and signs them in.
async fn make(request: HttpRequest, kit: Data<Kit>, held: Session, form: Form) -> Result<HttpResponse, WebError> {
    let (typed, clock, address) = (form.clone(), Arc::clone(&kit.clock), client(&request).map(|ip| ip.to_string()));
    let made = {
        let _turn = fresh_page::turn().await?;
        kit.db.run(move |conn| {
            let first =
                FirstAdmin { email: typed.text("email"), name: typed.text("name"), password: typed.text("password") };
            setup::by_link(conn, &*clock, address, typed.text("token"), &first)
        })
    };
    match made.await {
        Ok(admin) => {
            let entered = sign_in_page::sign_in(&request, &kit, admin.email, form.text("password").to_owned()).await?;
            let welcome = entered.map_err(WebError::fault)?;
            sign_in_page::begin(&request, &kit, &held, &welcome)?;
            session::flash(
                &held,
                &Notice::done("You are the first admin.").saying("Add others under People & access."),
            )?;
            Ok(respond::see_other(paths::DASHBOARD))
        }
        Err(error) => refuse(&request, &held, form, error),
    }
}

fn refuse(request: &HttpRequest, held: &Session, mut form: Form, error: SetupError) -> Result<HttpResponse, WebError> {
    let (field, what) = match error {
        SetupError::LinkInvalid => return SetupPage::new(request, held, false, form).answer(),
        SetupError::Email(error) => ("email", error.to_string()),
        SetupError::Name(error) => ("name", error.to_string()),
        SetupError::Weak(error) => ("password", error.to_string()),
        SetupError::People(PeopleError::EmailTaken(email)) => ("email", format!("{email} is already in use")),
        SetupError::People(error) => return Err(WebError::fault(error)),
        SetupError::Password(error) => return Err(WebError::fault(error)),
        SetupError::Db(error) => return Err(error.into()),
    };
    form.refuse(field, sentence(&what));
    SetupPage::new(request, held, true, form).answer()
}
