//! `/tokens/new`: makes a token of one's own and shows it, this once.

use std::sync::Arc;

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;
use chrono::TimeDelta;

use super::page::told;
use super::service::{self as tokens, Issued, NewToken, TokenError};
use crate::admin::account::fresh_page;
use crate::admin::people::service as people;
use crate::queue::access::session::SignedIn;
use crate::queue::access::token::Scopes;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form::{Form, sentence};
use crate::web::format::Stamp;
use crate::web::kit::Kit;
use crate::web::parts::Choice;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};
use crate::web::{paths, respond};

pub(super) fn routes() -> Vec<Route> {
    let own = Access::Needs(Permission::OwnAccount);
    vec![Route::get(paths::TOKEN_NEW, own, ask), Route::post(paths::TOKEN_NEW, own, make)]
}

#[derive(Template)]
#[template(path = "tokens/new.html")]
struct NewPage {
    shell: Shell,
    form: Form,
    lives: Vec<Choice>,
    areas: Vec<(&'static str, bool)>,
    fresh: bool,
}

impl NewPage {
    fn new(kit: &Kit, shell: Shell, who: &SignedIn, form: Form) -> Self {
        let lives = [("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "A year"), ("never", "Never")];
        Self {
            shell: shell.titled("New token", Section::People).under("Tokens", paths::TOKENS),
            form,
            lives: lives.map(|(value, label)| Choice::new(value, label)).into(),
            areas: kit.table.areas().into_iter().collect(),
            fresh: who.is_fresh(kit.clock.now()),
        }
    }

    fn picked(&self, area: &str, act: &str) -> bool {
        self.form.is("scopes", &format!("{area}:{act}"))
    }
}

#[derive(Template)]
#[template(path = "tokens/made.html")]
struct MadePage {
    shell: Shell,
    name: String,
    secret: String,
    scopes: String,
    expires: Option<Stamp>,
}

/// `GET /tokens/new`.
async fn ask(hx: Hx, kit: Data<Kit>, shell: Shell, who: SignedIn) -> Result<HttpResponse, WebError> {
    let form = Form::default().with("expires", tokens::DAYS_DEFAULT.to_string());
    respond::page(&hx, &NewPage::new(&kit, shell, &who, form), &[])
}

/// `POST /tokens/new`: answers with the token itself; it stands nowhere else, so there is nothing to lead on to.
async fn make(
    hx: Hx,
    kit: Data<Kit>,
    held: Session,
    shell: Shell,
    who: SignedIn,
    mut form: Form,
) -> Result<HttpResponse, WebError> {
    let name = form.read("name", people::name);
    let scopes = scopes(&mut form);
    let expires_at = form.read("expires", life).map(|life| life.map(|life| shell.now + life));
    if let (Some(name), Some(scopes), Some(expires_at)) = (name, scopes, expires_at)
        && fresh_page::prove(&kit, &held, &who, &mut form).await?
    {
        let (actor, owner, clock) = (who.actor.clone(), who.person, Arc::clone(&kit.clock));
        let new = NewToken { name, scopes, expires_at };
        match kit.db.run(move |conn| tokens::add(conn, &*clock, &actor, owner, &new)).await {
            Ok(issued) => return respond::page(&hx, &made(shell, issued), &[]),
            Err(TokenError::TooMany) => form.refuse("name", sentence(&TokenError::TooMany.to_string())),
            Err(error) => return Err(told(error)),
        }
    }
    respond::refused(&hx, &NewPage::new(&kit, shell, &who, form), &[])
}

fn made(shell: Shell, Issued { token, secret }: Issued) -> MadePage {
    let shell = shell.titled("Token made", Section::People).under("Tokens", paths::TOKENS);
    let expires = token.expires_at.map(|at| shell.stamp(at));
    MadePage { shell, name: token.name, secret, scopes: token.scopes.join(" "), expires }
}

fn scopes(form: &mut Form) -> Option<Scopes> {
    let picked: Vec<String> = form.all("scopes").map(str::to_owned).collect();
    match Scopes::parse(picked.iter().map(String::as_str)) {
        Ok(scopes) => Some(scopes),
        Err(error) => {
            form.refuse("scopes", sentence(&error.to_string()));
            None
        }
    }
}

/// Reads a life in days; `never` is none.
fn life(text: &str) -> Result<Option<TimeDelta>, &'static str> {
    if text == "never" {
        return Ok(None);
    }
    let days = text.parse().ok().filter(|days| (1..=tokens::DAYS_MAX).contains(days));
    days.map(|days| Some(TimeDelta::days(days))).ok_or("Choose how long the token works")
}
