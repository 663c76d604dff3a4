//! `/account/security`: one's own password and sessions.

use std::sync::Arc;

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::page::{tabs, told};
use super::service::{self as account, AccountError};
use super::{device, fresh_page};
use crate::queue::access::Hash;
use crate::queue::access::session::{Listed, SignedIn};
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form::{Form, sentence};
use crate::web::format::Stamp;
use crate::web::kit::Kit;
use crate::web::parts::{Notice, Tab};
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};
use crate::web::{paths, respond, session};

/// The routes of password and sessions.
pub fn routes() -> Vec<Route> {
    let own = Access::Needs(Permission::OwnAccount);
    vec![
        Route::get(paths::ACCOUNT_SECURITY, own, show),
        Route::post(paths::ACCOUNT_SECURITY, own, change_password),
        Route::post(paths::ACCOUNT_SESSIONS, own, end_sessions),
    ]
}

/// One session as the list shows it.
struct SessionRow {
    /// Names the session in forms.
    id: String,
    device: String,
    address: String,
    since: Stamp,
    seen: Stamp,
    current: bool,
}

#[derive(Template)]
#[template(path = "account/security.html")]
struct SecurityPage {
    shell: Shell,
    tabs: Vec<Tab>,
    email: String,
    form: Form,
    sessions: Vec<SessionRow>,
}

fn row(shell: &Shell, listed: Listed, current: Option<&Hash>) -> SessionRow {
    SessionRow {
        id: listed.key_hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        device: device::name(listed.agent.as_deref().unwrap_or_default()),
        address: listed.address.unwrap_or_else(|| "unknown address".into()),
        since: shell.stamp(listed.created_at),
        seen: shell.stamp(listed.seen_at),
        current: current.is_some_and(|key| key.as_slice() == listed.key_hash),
    }
}

async fn page(kit: &Kit, held: &Session, who: &SignedIn, shell: Shell, form: Form) -> Result<SecurityPage, WebError> {
    let (actor, clock, key) = (who.actor.clone(), Arc::clone(&kit.clock), session::key(held));
    let listed = kit.db.run(move |conn| account::sessions(conn, &*clock, &actor)).await.map_err(told)?;
    let shell = shell.titled("Password and sessions", Section::Elsewhere).under("Account", paths::ACCOUNT);
    let sessions = listed.into_iter().map(|listed| row(&shell, listed, key.as_ref())).collect();
    Ok(SecurityPage { shell, tabs: tabs(paths::ACCOUNT_SECURITY), email: who.email.clone(), form, sessions })
}

/// `GET /account/security`.
async fn show(hx: Hx, kit: Data<Kit>, held: Session, who: SignedIn, shell: Shell) -> Result<HttpResponse, WebError> {
    respond::page(&hx, &page(&kit, &held, &who, shell, Form::default()).await?, &[])
}

/// `POST /account/security`: a new password; the session goes on under a new key, all others end.
async fn change_password(
    hx: Hx,
    kit: Data<Kit>,
    held: Session,
    who: SignedIn,
    shell: Shell,
    mut form: Form,
) -> Result<HttpResponse, WebError> {
    let (present, new) = (form.text("present").to_owned(), form.text("new").to_owned());
    let (actor, clock, key) = (who.actor.clone(), Arc::clone(&kit.clock), session::key(&held));
    let changed = {
        let _turn = fresh_page::turn().await?;
        let work = move |conn: &mut _| account::change_password(conn, &*clock, &actor, (&present, &new), key.as_ref());
        kit.db.run(work).await
    };
    match changed {
        Ok(()) => {
            session::renew(&held);
            let notice = Notice::done("Your password was changed.").saying("Your other sessions have ended.");
            return respond::onward(&hx, &held, paths::ACCOUNT_SECURITY, &notice);
        }
        Err(AccountError::Weak(error)) => form.refuse("new", sentence(&error.to_string())),
        Err(AccountError::SignIn(error)) => form.refuse("present", fresh_page::problem(error)?),
        Err(error) => return Err(told(error)),
    }
    respond::refused(&hx, &page(&kit, &held, &who, shell, form).await?, &[])
}

/// `POST /account/security/sessions`: ends one session (`session=`), or with `others=all` every other one.
async fn end_sessions(
    hx: Hx,
    kit: Data<Kit>,
    held: Session,
    who: SignedIn,
    form: Form,
) -> Result<HttpResponse, WebError> {
    let own = session::key(&held).ok_or(WebError::SignIn)?;
    if form.is("others", "all") {
        let ended = kit.db.run(move |conn| account::end_other_sessions(conn, &who.actor, &own)).await.map_err(told)?;
        let notice = Notice::done(match ended {
            1 => "1 other session was ended.".to_owned(),
            many => format!("{many} other sessions were ended."),
        });
        return respond::onward(&hx, &held, paths::ACCOUNT_SECURITY, &notice);
    }
    let key = key(form.text("session")).ok_or(WebError::NotFound)?;
    kit.db.run(move |conn| account::end_session(conn, &who.actor, &key)).await.map_err(told)?;
    if key == own {
        session::end(&held);
        return Ok(respond::see_other(paths::SIGN_IN));
    }
    respond::onward(&hx, &held, paths::ACCOUNT_SECURITY, &Notice::done("The session was ended."))
}

/// Reads a session's name: the hash of its key in hexadecimal.
fn key(text: &str) -> Option<Hash> {
    let byte = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
    let bytes: Vec<u8> = (0..32).map_while(byte).collect();
    bytes.try_into().ok().filter(|_| text.len() == 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_by_the_hash_of_its_key() {
        assert_eq!(key(&"ab".repeat(32)), Some([0xab; 32]));
        for bad in ["", "ab", &"ab".repeat(33), &"xy".repeat(32), &"ü".repeat(32)] {
            assert_eq!(key(bad), None, "{bad}");
        }
    }
}
