//! What pages share that look at passwords: a bounded number at once, and the fresh proof before dangerous acts.

use std::sync::Arc;
use std::time::Duration;

use actix_session::Session;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::sign_in::{self, SignInError};
use crate::queue::access::session::SignedIn;
use crate::web::error::WebError;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::session;

/// The field of a form in which the password is given once more, as the confirm block names it.
pub const FIELD: &str = "password";
/// Most requests that look at passwords at once. Others wait without holding a database connection.
const AT_ONCE_MAX: usize = 4;
/// How long a request waits for its turn.
const TURN_WAIT_MAX: Duration = Duration::from_secs(5);

static TURNS: Semaphore = Semaphore::const_new(AT_ONCE_MAX);

/// Waits for a turn to look at a password. Keep the permit until the database has answered.
///
/// # Errors
/// [`WebError::TooMany`] when too many others wait.
pub async fn turn() -> Result<SemaphorePermit<'static>, WebError> {
    match timeout(TURN_WAIT_MAX, TURNS.acquire()).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) | Err(_) => Err(too_many(Duration::from_secs(5), "Too many people are signing in at this moment")),
    }
}

fn too_many(wait: Duration, what: &'static str) -> WebError {
    WebError::TooMany { wait, what }
}

/// Tells whether `who` may act dangerously now: the password was given within the last 15 min, or stands in the form and
/// is right. Notes at [`FIELD`] what is wrong else; the page then shows the form again.
///
/// # Errors
/// The database is away, or the session has ended.
pub async fn prove(kit: &Kit, held: &Session, who: &SignedIn, form: &mut Form) -> Result<bool, WebError> {
    if who.is_fresh(kit.clock.now()) {
        return Ok(true);
    }
    let typed = form.text(FIELD).to_owned();
    if typed.is_empty() {
        form.refuse(FIELD, "Enter your password");
        return Ok(false);
    }
    let key = session::key(held).ok_or(WebError::SignIn)?;
    let (actor, clock) = (who.actor.clone(), Arc::clone(&kit.clock));
    let _turn = turn().await?;
    match kit.db.run(move |conn| sign_in::prove(conn, &*clock, &actor, &key, &typed)).await {
        Ok(until) => {
            session::freshen(held, until)?;
            Ok(true)
        }
        Err(error) => {
            form.refuse(FIELD, problem(error)?);
            Ok(false)
        }
    }
}

/// Turns a refusal into words for the person who typed; anything else is an error of the request.
///
/// # Errors
/// The session has ended, the stored hash is broken, or the database is away.
pub fn problem(error: SignInError) -> Result<String, WebError> {
    match error {
        SignInError::Refused => Ok("That is not your password".into()),
        SignInError::Wait(left) => Ok(wait(left)),
        SignInError::Busy => Err(too_many(Duration::from_secs(5), "Too many people are signing in at this moment")),
        SignInError::NoSession => Err(WebError::SignIn),
        SignInError::Password(broken) => Err(WebError::fault(broken)),
        SignInError::Db(error) => Err(error.into()),
    }
}

/// Says how long to wait after too many wrong guesses.
pub fn wait(left: Duration) -> String {
    format!("Too many wrong passwords. Try again in {} s", left.as_secs() + 1)
}
