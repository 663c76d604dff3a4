//! What handlers take: the person, the actor, the form, the query, the frame of the page.

use std::future::{Ready, ready};

use actix_session::SessionExt;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::apart::{PANELS, Wanted};
use super::error::WebError;
use super::form::Form;
use super::format::zone;
use super::guard::Caller;
use super::kit::Kit;
use super::look::{Density, Theme};
use super::rail::{Section, rail};
use super::request::{Hx, RequestId, Wants, here, wants};
use super::session;
use super::shell::{Shell, Viewer};
use crate::base::random;
use crate::queue::access::session::SignedIn;
use crate::queue::actor::Actor;

/// Name of the cookie that holds the theme. Not secret, so that it also serves pages without a session.
pub const THEME_COOKIE: &str = "theme";
/// Bounds of `refresh=`, in seconds.
const REFRESH_SECONDS: std::ops::RangeInclusive<u32> = 5..=3_600;

impl FromRequest for Actor {
    type Error = WebError;
    type Future = Ready<Result<Self, WebError>>;

    /// Refuses with [`WebError::SignIn`] where the route is open and nobody is signed in.
    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(caller(request).actor.ok_or(WebError::SignIn))
    }
}

impl FromRequest for SignedIn {
    type Error = WebError;
    type Future = Ready<Result<Self, WebError>>;

    /// Refuses with [`WebError::SignIn`] when there is no person behind a browser session.
    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(caller(request).signed_in.ok_or(WebError::SignIn))
    }
}

impl FromRequest for Form {
    type Error = WebError;
    type Future = Ready<Result<Self, WebError>>;

    /// Gives the posted form, which the guard has read already.
    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let form = request.extensions().get::<Self>().cloned();
        ready(form.ok_or_else(|| WebError::Malformed("A form was expected.".into())))
    }
}

/// The query of the address, readable like a form: filters, sorting, cursors.
#[derive(Debug, Clone, Default)]
pub struct Query(pub Form);

impl FromRequest for Query {
    type Error = WebError;
    type Future = Ready<Result<Self, WebError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(Form::parse(request.query_string().as_bytes()).map(Self).map_err(WebError::from))
    }
}

impl FromRequest for Shell {
    type Error = WebError;
    type Future = Ready<Result<Self, WebError>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

/// Whoever asks for it gets all panels, htmx the one that it asks for, a stream those that are read at once.
fn wanted(request: &HttpRequest, query: &Form) -> Wanted {
    let hx = Hx::read(request.headers());
    match query.text(PANELS) {
        _ if request.path().starts_with("/live/") => Wanted::Quick,
        "all" if hx.wants_part() => Wanted::Only(hx.target().to_owned()),
        "all" => Wanted::All,
        _ => Wanted::None,
    }
}

fn caller(request: &HttpRequest) -> Caller {
    request.extensions().get::<Caller>().cloned().unwrap_or_default()
}

impl Shell {
    /// Makes the frame for a request. A whole page takes the flash note along; a part of one leaves it for the next page.
    pub fn of(request: &HttpRequest) -> Self {
        let (kit, session, caller) = (Kit::of(request), request.get_session(), caller(request));
        let query = Form::parse(request.query_string().as_bytes()).unwrap_or_default();
        let person = caller.signed_in.as_ref();
        // whoever is limited must not learn of others' failures by their number
        let sees_all = caller.actor.as_ref().is_some_and(|actor| actor.scope.is_everything());
        let open = (kit.open_failures)().filter(|open| sees_all && *open > 0);
        let zone_name = Some(query.text("tz")).filter(|name| !name.is_empty()).or(person.map(|one| one.zone.as_str()));
        let mut shell = Self {
            title: String::new(),
            section: Section::Elsewhere,
            crumbs: Vec::new(),
            viewer: person.map(|one| Viewer { name: one.name.clone(), role: one.actor.role }),
            environment: kit.settings.environment.clone(),
            theme: Theme::of(request),
            density: person.map_or(Density::Normal, |one| Density::parse(&one.density)),
            zone: zone(zone_name.unwrap_or("UTC")),
            now: kit.clock.now(),
            csrf: session::token(&session),
            op: URL_SAFE_NO_PAD.encode(random::secret_bytes::<16>()),
            nav: rail(|path| kit.table.may_open(path, caller.actor.as_ref())),
            live: String::new(),
            flash: (wants(request) == Wants::Page).then(|| session::take_flash(&session)).flatten(),
            banners: kit.banners_for(caller.actor.as_ref()),
            shortcuts: person.is_none_or(|one| one.shortcuts),
            announces: person.is_some_and(|one| one.announces),
            unread: person.and_then(|one| u32::try_from(one.unread).ok()).unwrap_or(0),
            here: here(request),
            wanted: wanted(request, &query),
            reference: RequestId::of(request),
            refresh: query.text("refresh").parse().ok().filter(|seconds| REFRESH_SECONDS.contains(seconds)),
        };
        if let Some(open) = open {
            shell.alarm(Section::Failures, open, "open failure groups");
        }
        shell
    }

    /// Takes out what belongs to one session, for snapshots that several people share: their own pages add it again.
    pub fn shared(self) -> Self {
        Self { csrf: String::new(), op: String::new(), viewer: None, flash: None, unread: 0, ..self }
    }
}

impl Theme {
    /// Gives the theme of a request: what its cookie says, else what the person's account says.
    pub fn of(request: &HttpRequest) -> Self {
        match request.cookie(THEME_COOKIE) {
            Some(cookie) => Self::parse(cookie.value()),
            None => caller(request).signed_in.map_or(Self::Auto, |person| Self::parse(&person.theme)),
        }
    }
}
