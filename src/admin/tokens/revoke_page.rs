//! `/tokens/{id}/revoke`: asked first.

use std::sync::Arc;

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::page::told;
use super::service::{self as tokens, Token};
use crate::base::text;
use crate::queue::access::session::SignedIn;
use crate::queue::access::token::TokenId;
use crate::queue::permission::Permission;
use crate::web::confirm::{Confirm, ConfirmPage};
use crate::web::error::WebError;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::parts::Notice;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};
use crate::web::{paths, respond};

pub(super) fn routes() -> Vec<Route> {
    let own = Access::Needs(Permission::OwnAccount);
    vec![Route::get(paths::TOKEN_REVOKE, own, ask), Route::post(paths::TOKEN_REVOKE, own, revoke)]
}

async fn find(kit: &Kit, who: &SignedIn, id: TokenId) -> Result<Token, WebError> {
    let actor = who.actor.clone();
    kit.db.run(move |conn| tokens::find(conn, &actor, id)).await.map_err(told)
}

fn page(shell: Shell, token: &Token, form: Form) -> ConfirmPage {
    let ask = Confirm {
        question: format!("Revoke the token {}?", token.name),
        effects: vec![
            format!("Whatever uses {}… is refused from now on. This cannot be taken back.", token.hint),
            format!("It belongs to {}.", token.email),
        ],
        tags: token.scopes.clone(),
        action: paths::token_revoke(token.id.0),
        verb: "Revoke the token".into(),
        keep: "Keep it".into(),
        back: paths::TOKENS.into(),
        harmful: true,
        form,
        ..Confirm::default()
    };
    ConfirmPage { shell: shell.titled(ask.question.clone(), Section::People).under("Tokens", paths::TOKENS), ask }
}

/// `GET /tokens/{id}/revoke`.
async fn ask(hx: Hx, kit: Data<Kit>, shell: Shell, who: SignedIn, id: Path<TokenId>) -> Result<HttpResponse, WebError> {
    let page = page(shell, &find(&kit, &who, *id).await?, Form::default());
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// `POST /tokens/{id}/revoke`.
async fn revoke(
    hx: Hx,
    kit: Data<Kit>,
    held: Session,
    who: SignedIn,
    id: Path<TokenId>,
    form: Form,
) -> Result<HttpResponse, WebError> {
    let reason = text::note(form.text("reason")).map_err(|error| WebError::Malformed(error.to_string()))?;
    let (clock, id) = (Arc::clone(&kit.clock), *id);
    let work = move |conn: &mut _| tokens::revoke(conn, &*clock, &who.actor, id, reason);
    let token = kit.db.run(work).await.map_err(told)?;
    respond::onward(&hx, &held, paths::TOKENS, &Notice::done(format!("The token {} is revoked.", token.name)))
}
