//! `/views/{slug}/pin` and `/views/{slug}/delete`.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::{home, told};
use crate::admin::views::SavedView;
use crate::admin::views::service::{self, ViewError, may_change};
use crate::queue::actor::Actor;
use crate::web::confirm::{Confirm, ConfirmPage};
use crate::web::error::WebError;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::parts::Notice;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::shell::Shell;
use crate::web::{paths, respond};

/// `POST /views/{slug}/pin`: above one's own list with `pinned=yes`, away from there else.
pub async fn pin(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    actor: Actor,
    form: Form,
    slug: Path<String>,
) -> Result<HttpResponse, WebError> {
    let slug = slug.into_inner();
    let wanted = form.is("pinned", "yes");
    let act = if wanted { service::pin } else { service::unpin };
    let view = kit.db.run(move |conn| act(conn, &actor, &slug)).await.map_err(told)?;
    let notice = match wanted {
        true => Notice::done(format!("{} stands above your list now.", view.name)),
        false => Notice::done(format!("{} does not stand above your list any more.", view.name)),
    };
    let back = match form.text("back") {
        "" => paths::VIEWS,
        back => paths::own(back),
    };
    respond::onward(&hx, &session, back, &notice)
}

/// The question about `view`.
fn question(view: &SavedView, form: Form) -> Confirm {
    let who = match view.is_shared() {
        true => {
            format!("Shared with: {}. It disappears for them too.", view.visibility().words(view.role()).to_lowercase())
        }
        false => "Nobody else sees it.".into(),
    };
    Confirm {
        question: format!("Delete the view {}?", view.name),
        effects: vec![who, "No job is touched. Links to the view lead nowhere afterwards.".into()],
        action: paths::view_delete(&view.slug),
        verb: "Delete the view".into(),
        keep: "Keep it".into(),
        back: paths::VIEWS.into(),
        harmful: true,
        form,
        ..Confirm::default()
    }
}

/// `GET /views/{slug}/delete`: what would happen.
pub async fn ask_delete(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    slug: Path<String>,
) -> Result<HttpResponse, WebError> {
    let asker = actor.clone();
    let view = kit.db.run(move |conn| service::find(conn, &asker, &slug)).await.map_err(told)?;
    if !may_change(&actor, &view) {
        return Err(told(ViewError::NotYours { name: view.name, owner: view.owner }));
    }
    let ask = question(&view, Form::default());
    let shell = shell.titled(ask.question.clone(), Section::Jobs).under("Saved views", paths::VIEWS);
    let page = ConfirmPage { shell, ask };
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// `POST /views/{slug}/delete`.
pub async fn delete(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    actor: Actor,
    slug: Path<String>,
) -> Result<HttpResponse, WebError> {
    let slug = slug.into_inner();
    let view = kit.db.run(move |conn| service::remove(conn, &actor, &slug)).await.map_err(told)?;
    let notice = Notice::done(format!("The view {} is deleted.", view.name));
    respond::onward(&hx, &session, home(&view.page).unwrap_or(paths::VIEWS), &notice)
}
