//! `/account`: one's own name and how one's pages look.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::service::{self as account, AccountError, Profile};
use super::{security_page, setup_page, sign_in_page};
use crate::admin::people::service as people;
use crate::queue::access::session::SignedIn;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::look::Theme;
use crate::web::parts::{Choice, Notice, Tab};
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};
use crate::web::{paths, respond, theme};

/// The routes of signing in, the first run and one's own account.
pub fn routes() -> Vec<Route> {
    let own = vec![
        Route::get(paths::ACCOUNT, Access::Needs(Permission::OwnAccount), show),
        Route::post(paths::ACCOUNT, Access::Needs(Permission::OwnAccount), save),
        Route::post(paths::ACCOUNT_DENSITY, Access::Needs(Permission::OwnAccount), set_density),
    ];
    [sign_in_page::routes(), setup_page::routes(), own, security_page::routes()].into_iter().flatten().collect()
}

#[derive(Template)]
#[template(path = "account/index.html")]
struct AccountPage {
    shell: Shell,
    tabs: Vec<Tab>,
    email: String,
    form: Form,
    zones: Vec<String>,
    themes: Vec<Choice>,
    densities: Vec<Choice>,
}

impl AccountPage {
    fn new(shell: Shell, who: &SignedIn, form: Form) -> Self {
        Self {
            shell: shell.titled("Account", Section::Elsewhere),
            tabs: tabs(paths::ACCOUNT),
            email: who.email.clone(),
            form,
            zones: chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name().to_owned()).collect(),
            themes: choices(&[("auto", "As the system"), ("light", "Light"), ("dark", "Dark")]),
            densities: choices(&[("normal", "Normal"), ("compact", "Compact")]),
        }
    }
}

fn choices(pairs: &[(&str, &str)]) -> Vec<Choice> {
    pairs.iter().map(|(value, label)| Choice::new(*value, *label)).collect()
}

/// The tabs of the account's pages.
pub(super) fn tabs(current: &str) -> Vec<Tab> {
    let tab = |label: &str, href: &str| Tab::new(label, href, href == current);
    vec![
        tab("Profile", paths::ACCOUNT),
        tab("Password and sessions", paths::ACCOUNT_SECURITY),
        tab("Tokens", paths::TOKENS),
    ]
}

/// `GET /account`.
async fn show(hx: Hx, kit: Data<Kit>, who: SignedIn, shell: Shell) -> Result<HttpResponse, WebError> {
    let actor = who.actor.clone();
    let profile = kit.db.run(move |conn| account::profile(conn, &actor)).await.map_err(told)?;
    let form = Form::default()
        .with("name", profile.name)
        .with("zone", profile.zone)
        .with("theme", profile.theme)
        .with("density", profile.density)
        .with("shortcuts", if profile.shortcuts { "on" } else { "" })
        .with("announces", if profile.announces { "on" } else { "" });
    respond::page(&hx, &AccountPage::new(shell, &who, form), &[])
}

/// `POST /account`.
async fn save(
    hx: Hx,
    kit: Data<Kit>,
    held: Session,
    who: SignedIn,
    shell: Shell,
    mut form: Form,
) -> Result<HttpResponse, WebError> {
    let (name, zone) = (form.read("name", people::name), form.read("zone", people::zone));
    let (theme, density) = (form.text("theme").to_owned(), form.text("density").to_owned());
    let Some((name, zone)) = name.zip(zone) else {
        return respond::refused(&hx, &AccountPage::new(shell, &who, form), &[]);
    };
    let (shortcuts, announces) = (form.is_on("shortcuts"), form.is_on("announces"));
    let zone = zone.name().to_owned();
    let profile = Profile { name, zone, theme: theme.clone(), density, shortcuts, announces };
    let actor = who.actor.clone();
    match kit.db.run(move |conn| account::set_profile(conn, &actor, &profile)).await {
        Ok(()) => {
            let mut answer = respond::onward(&hx, &held, paths::ACCOUNT, &Notice::done("Your account was saved."))?;
            // the cookie would win over the account
            answer.add_cookie(&theme::cookie(&kit, Theme::parse(&theme))).map_err(WebError::fault)?;
            Ok(answer)
        }
        Err(AccountError::Text(error)) => {
            form.refuse("theme", error.to_string());
            respond::refused(&hx, &AccountPage::new(shell, &who, form), &[])
        }
        Err(error) => Err(told(error)),
    }
}

/// `POST /account/density`: the switch in the menu of columns.
async fn set_density(kit: Data<Kit>, who: SignedIn, form: Form) -> Result<HttpResponse, WebError> {
    let (actor, density) = (who.actor, form.text("density").to_owned());
    kit.db
        .run(move |conn| {
            let profile = account::profile(conn, &actor)?;
            account::set_profile(conn, &actor, &Profile { density, ..profile })
        })
        .await
        .map_err(told)?;
    Ok(respond::see_other(paths::own(form.text("next"))))
}

/// Translates what the account's services refuse.
pub(super) fn told(error: AccountError) -> WebError {
    match error {
        AccountError::NoAccount => WebError::SignIn,
        AccountError::SessionEnded => WebError::Conflict("This session has ended already.".into()),
        AccountError::SignIn(error) => match super::fresh_page::problem(error) {
            Ok(what) => WebError::Malformed(what),
            Err(error) => error,
        },
        AccountError::Weak(error) => WebError::Malformed(error.to_string()),
        AccountError::Text(error) => WebError::Malformed(error.to_string()),
        AccountError::Db(error) => error.into(),
    }
}
