//! A page that is shown and then keeps itself up to date: both from one reading, told once by the page.
//!
//! ```text
//! GET /queues/{name}     ─▶ show   ── asked ─▶ read ─▶ the whole page
//! GET /live/queue?name=  ─▶ stream ── asked ─▶ check ─▶ every tick: look ─▶ panels
//! POST …/pause           ─▶ after  ── the page that it was begun on: read ─▶ changed
//! ```
use std::collections::HashMap;
use std::fmt::Display;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest, HttpResponse, dev};
use askama::Template;
use percent_encoding::percent_decode_str;

use super::frame::{Frame, Panel};
use super::topic::LiveError;
use super::{Show, open};
use crate::base::db::{DbError, PgConnection};
use crate::queue::access::session::SignedIn;
use crate::queue::actor::Actor;
use crate::web::apart::{self, Failure};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::request::Hx;
use crate::web::respond::{self, Block, partial};
use crate::web::shell::Shell;

/// Why a service does not give what a page shows, and how whoever asked is told.
pub trait Refusal: Display + From<DbError> + Send + 'static {
    /// Turns it into an answer.
    fn told(self) -> WebError;
}

/// [`Refusal::told`], for `map_err`.
pub fn told(refusal: impl Refusal) -> WebError {
    refusal.told()
}

impl Refusal for DbError {
    fn told(self) -> WebError {
        self.into()
    }
}

/// What an address asks for: the parts of a page's path and its query. The stream of a page says all of it in its query.
pub struct Address {
    parts: HashMap<String, String>,
    query: Form,
}

impl Address {
    fn of(request: &HttpRequest) -> Result<Self, WebError> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let parts = request.match_info().iter().map(|(name, text)| (name.to_owned(), decoded(text))).collect();
        Ok(Self { parts, query: Form::parse(request.query_string().as_bytes())? })
    }

    /// Gives a part of the path or a parameter; empty when there is none.
    pub fn text(&self, name: &str) -> &str {
        self.parts.get(name).map_or_else(|| self.query.text(name), String::as_str)
    }

    /// Reads a number by which something is found.
    ///
    /// # Errors
    /// [`WebError::NotFound`] when it is none.
    pub fn id(&self, name: &str) -> Result<i64, WebError> {
        self.text(name).parse().map_err(|_| WebError::NotFound)
    }

    /// Gives the query.
    pub fn query(&self) -> &Form {
        &self.query
    }
}

/// A page whose values change while it is looked at.
pub trait LivePage: Template + Sized + Send + 'static {
    /// Name of its stream, `/live/{name}`.
    const NAME: &'static str;
    /// Time between two renderings: 1 s dashboard and job, 2 s lists, 5 s others.
    const EVERY: Duration;
    /// What its address asks for.
    type Asked: Send + Sync + 'static;
    /// Why the service does not give it.
    type Refused: Refusal;

    /// What its panels show depends on who looks, and not only on their rights: each person gets a rendering of their own. Everywhere else
    /// people with equal rights share one, and `actor` is nobody in particular while it is made.
    const OF_ONE_PERSON: bool = false;

    /// Panels of it that load apart.
    const APART: &'static [apart::Panel] = &[];

    /// Reads the address of the page or of its stream.
    ///
    /// # Errors
    /// [`WebError::NotFound`] when it can mean nothing.
    fn asked(address: &Address) -> Result<Self::Asked, WebError>;

    /// Refuses what is not there, before a stream of it begins: it would be retried for ever.
    ///
    /// # Errors
    /// As [`LivePage::read`].
    fn check(_conn: &mut PgConnection, _actor: &Actor, _asked: &Self::Asked) -> Result<(), Self::Refused> {
        Ok(())
    }

    /// Reads everything that the page shows.
    ///
    /// # Errors
    /// What the service refuses.
    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, asked: &Self::Asked) -> Result<Self, Self::Refused>;

    /// Gives what changes by itself. Nothing of one person's own, an audit trail for instance, unless the page is
    /// [`LivePage::OF_ONE_PERSON`].
    ///
    /// # Errors
    /// When a template fails.
    fn panels(&self) -> askama::Result<Vec<Panel>>;

    /// Renders the panel with this `id` that loads apart, and behind it what is shown elsewhere of the same.
    ///
    /// # Errors
    /// When a template fails.
    fn part(&self, _id: &str) -> askama::Result<Vec<Panel>> {
        Ok(Vec::new())
    }

    /// Gives what changes by itself as it is now, with less reading than the whole page where that is possible.
    ///
    /// # Errors
    /// [`LiveError::Ended`] ends the stream.
    fn look(
        conn: &mut PgConnection,
        actor: &Actor,
        shell: Shell,
        asked: &Self::Asked,
    ) -> Result<Vec<Panel>, LiveError> {
        Ok(Self::read(conn, actor, shell, asked).map_err(LiveError::of)?.panels()?)
    }
}

/// Renders blocks of a page, each under the id of the element that holds it.
///
/// # Errors
/// When a template fails.
pub fn panels(blocks: &[Block<'_>]) -> askama::Result<Vec<Panel>> {
    blocks.iter().map(|(id, inside)| Ok(Panel { id: (*id).to_owned(), html: inside.dyn_render()? })).collect()
}

/// Answers with the page.
///
/// # Errors
/// What the page refuses.
pub async fn show<P: LivePage>(
    request: HttpRequest,
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
) -> Result<HttpResponse, WebError> {
    let asked = P::asked(&Address::of(&request)?)?;
    let (panel, frame) = (P::APART.iter().find(|panel| shell.wanted.is_only(panel)), shell.clone());
    let page = kit.db.run(move |conn| P::read(conn, &actor, shell, &asked)).await.map_err(told);
    match (panel, page) {
        (Some(panel), Ok(page)) => Ok(respond::html(StatusCode::OK, part(&page, panel.id)?)),
        // it says so in its own place: a toast would leave it loading for ever
        (Some(panel), Err(error)) if error.status().is_server_error() => {
            let failed = FailedPart { failure: Failure::of(&frame, *panel, error) };
            Ok(respond::html(StatusCode::OK, failed.render()?))
        }
        (_, page) => respond::page(&hx, &page?, &[]),
    }
}

/// The inside of the element that asked, and other elements with what belongs to it.
fn part<P: LivePage>(page: &P, id: &str) -> askama::Result<String> {
    let panels = page.part(id)?;
    let wrapped = |panel: &Panel| if panel.id == id { panel.html.clone() } else { partial(&panel.id, &panel.html) };
    Ok(panels.iter().map(wrapped).collect())
}

/// A panel that could not be read because its page could not.
#[derive(Template)]
#[template(path = "panel_failed.html")]
struct FailedPart {
    failure: Failure,
}

/// Answers with the stream of the page.
///
/// # Errors
/// What the page refuses; as [`open`].
pub async fn stream<P: LivePage>(listener: Listener) -> Result<HttpResponse, WebError> {
    let asked = Arc::new(P::asked(&listener.address)?);
    let (asker, wanted) = (listener.viewer.actor.clone(), Arc::clone(&asked));
    listener.kit().db.run(move |conn| P::check(conn, &asker, &wanted)).await.map_err(told)?;
    let look = move |conn: &mut PgConnection, actor: &Actor, shell: Shell, _: u64| {
        Ok(Frame { panels: P::look(conn, actor, shell, &asked)?, tail: None })
    };
    let listener = if P::OF_ONE_PERSON { listener.alone() } else { listener };
    listener.follow(P::NAME, P::EVERY, look).await
}

/// Somebody who wants to see what changes.
pub struct Listener {
    request: HttpRequest,
    viewer: SignedIn,
    shell: Shell,
    is_alone: bool,
    /// What they look at.
    pub address: Address,
}

impl FromRequest for Listener {
    type Error = WebError;
    type Future = Ready<Result<Self, WebError>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let viewer = SignedIn::from_request(request, payload).into_inner();
        let listener = |viewer| {
            let shell = Shell::of(request).shared();
            Ok(Self { request: request.clone(), viewer, shell, is_alone: false, address: Address::of(request)? })
        };
        ready(viewer.and_then(listener))
    }
}

impl Listener {
    /// Gives the kit of the application.
    pub fn kit(&self) -> &Kit {
        Kit::of(&self.request)
    }

    /// Gives whose rights the stream is made for.
    pub fn actor(&self) -> &Actor {
        &self.viewer.actor
    }

    /// Gives the frame of the page, without what belongs to one session.
    pub fn shell(&self) -> &Shell {
        &self.shell
    }

    /// Gives the parameters of the stream.
    pub fn query(&self) -> Query {
        Query(self.address.query.clone())
    }

    /// The stream is theirs alone: nobody shares its rendering, and whoever makes it knows who looks.
    pub fn alone(self) -> Self {
        Self { is_alone: true, ..self }
    }

    /// Answers with a stream of what `look` sees every so often, with the time of the moment and the number after which
    /// log rows are wanted. `look` gets an actor who is nobody in particular, unless the stream is for one person alone.
    ///
    /// # Errors
    /// As [`open`].
    pub async fn follow(
        self,
        page: &'static str,
        every: Duration,
        look: impl Fn(&mut PgConnection, &Actor, Shell, u64) -> Result<Frame, LiveError> + Send + Sync + 'static,
    ) -> Result<HttpResponse, WebError> {
        let (clock, viewer) = (Arc::clone(&self.kit().clock), &self.viewer);
        let (of, actor) = match self.is_alone {
            true => (Some(viewer.person), viewer.actor.clone()),
            false => (None, viewer.actor.clone().unnamed()),
        };
        let shell = self.shell;
        let render = move |conn: &mut PgConnection, after: u64| {
            look(conn, &actor, Shell { now: clock.now(), ..shell.clone() }, after)
        };
        open(&self.request, &self.viewer, Show { page, every, of, render: Arc::new(render) }).await
    }
}
