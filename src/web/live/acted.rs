//! What people do to a thing is answered on the page on which they began: its list, or its own page.

use actix_session::Session;
use actix_web::HttpResponse;

use super::frame::Panel;
use super::page::{LivePage, told};
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::parts::Notice;
use crate::web::request::Hx;
use crate::web::respond::{self, partial};
use crate::web::shell::Shell;

/// Says in an address that an act was begun in the list.
pub const FROM_LIST: &str = "list";
/// Field and parameter that say it.
pub const FROM: &str = "from";

/// A live page on which people act.
pub trait ActedOn: LivePage {
    /// Gives the parts that an act may have changed.
    ///
    /// # Errors
    /// When a template fails.
    fn changed(&self) -> askama::Result<Vec<Panel>> {
        self.panels()
    }

    /// Answers an act on the page at the address `here`.
    ///
    /// # Errors
    /// When a template or the session fails.
    fn answer(&self, here: &str, (hx, session): (&Hx, &Session), notice: &Notice) -> Result<HttpResponse, WebError> {
        let parts = || Ok(self.changed()?.iter().map(|panel| partial(&panel.id, &panel.html)).collect());
        respond::acted(hx, session, here, notice, parts)
    }
}

/// A kind of thing on which people act: there is a list of all, and a page of each.
pub trait Kind {
    /// The page of all.
    type List: ActedOn<Asked = ()>;
    /// The page of one, found by its name.
    type One: ActedOn<Asked = String>;
    /// Address of the list.
    const LIST: &'static str;

    /// Gives the address of the one called `name`.
    fn one(name: &str) -> String;
}

/// Tells whether an act was begun in the list.
pub fn is_from_list(form: &Form) -> bool {
    form.text(FROM) == FROM_LIST
}

/// Gives the field that keeps in mind where an act was begun.
pub fn from(form: &Form) -> Vec<(String, String)> {
    if is_from_list(form) { vec![(FROM.into(), FROM_LIST.into())] } else { Vec::new() }
}

/// Gives where an act on the one called `name` leads back to.
pub fn back<K: Kind>(form: &Form, name: &str) -> String {
    if is_from_list(form) { K::LIST.into() } else { K::one(name) }
}

/// Answers an act on the one called `name` with what it changed on the page it was begun on, else with the way `back`.
///
/// # Errors
/// When the page cannot be read again.
pub async fn after<K: Kind>(
    kit: &Kit,
    asked: (&Hx, &Session),
    reader: (Actor, Shell),
    (name, back): (String, &str),
    notice: &Notice,
) -> Result<HttpResponse, WebError> {
    let page = asked.0.page().unwrap_or_default();
    let here = page.split('?').next().unwrap_or_default();
    if here == K::LIST {
        return read::<K::List>(kit, reader, ()).await?.answer(here, asked, notice);
    }
    if here == K::one(&name) {
        return read::<K::One>(kit, reader, name).await?.answer(here, asked, notice);
    }
    respond::onward(asked.0, asked.1, back, notice)
}

async fn read<P: LivePage>(kit: &Kit, (actor, shell): (Actor, Shell), asked: P::Asked) -> Result<P, WebError> {
    kit.db.run(move |conn| P::read(conn, &actor, shell, &asked)).await.map_err(told)
}
