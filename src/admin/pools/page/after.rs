//! The answer to an act: the changed parts of the page it was begun on, or the way back there.

use actix_session::Session;
use actix_web::HttpResponse;

use super::list::ListPage;
use super::row::FROM_LIST;
use super::show::ShowPage;
use super::told;
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// Where an act on the pool called `name` leads back to.
pub fn back(form: &Form, name: &str) -> String {
    if form.text("from") == FROM_LIST { paths::POOLS.into() } else { paths::pool(name) }
}

/// Answers a change of the pool called `name` with what it changed.
///
/// # Errors
/// When the page cannot be read again.
pub async fn answer(
    kit: &Kit,
    (hx, session): (&Hx, &Session),
    (actor, shell): (Actor, Shell),
    (name, back): (String, &str),
    notice: &Notice,
) -> Result<HttpResponse, WebError> {
    let page = hx.page().unwrap_or_default();
    let here = page.split('?').next().unwrap_or_default();
    if here == paths::POOLS {
        let page = kit.db.run(move |conn| ListPage::read(conn, &actor, shell)).await.map_err(told)?;
        return page.answer(hx, session, notice);
    }
    if here == paths::pool(&name) {
        let page = kit.db.run(move |conn| ShowPage::read(conn, &actor, shell, &name)).await.map_err(told)?;
        return page.answer(hx, session, notice);
    }
    respond::onward(hx, session, back, notice)
}
