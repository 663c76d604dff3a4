//! Browser sessions: actix-session over rows of Postgres, so that a session can be ended on every node at once.
//!
//! actix-session keeps a map of JSON texts. Some of its entries are columns of the row ([`OWN`]); the rest (CSRF token,
//! flash note) is the row's `state`. The cookie holds the encrypted key, the row only its SHA-256.
//!
//! ```text
//! sign-in  begin()   new key, new token, person, start     sudo  renew()   new key, same start, sudo_until
//! sign-out end()     row deleted, cookie removed           update of a row that is gone: never comes back
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use actix_session::SessionMiddleware;
use actix_session::config::{BrowserSession, TtlExtensionPolicy};
use actix_session::storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError};
use actix_web::cookie::SameSite;
use actix_web::cookie::time::Duration;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::blocking::Database;
use super::csrf;
use super::error::WebError;
use super::kit::Kit;
use super::parts::Notice;
use crate::base::clock::{Clock, Time};
use crate::base::db::DbError;
use crate::base::random;
use crate::queue::access::session as rows;
use crate::queue::access::{Hash, hash};
use crate::queue::actor::PersonId;

/// actix-session's map.
type State = HashMap<String, String>;

/// Entries of the map that are columns of the row, or facts about it that are never written.
const OWN: [&str; 7] = [PERSON, SINCE, SUDO, ADDRESS, AGENT, KEY, AWAY];
const PERSON: &str = "person";
const SINCE: &str = "since";
const SUDO: &str = "sudo";
const ADDRESS: &str = "address";
const AGENT: &str = "agent";
/// Hash of the session's key, in hexadecimal, so that the guard can ask whose it is.
const KEY: &str = "key";
/// The database could not be asked: the guard answers "unavailable" instead of "sign in".
const AWAY: &str = "away";
const TOKEN: &str = "csrf";
const FLASH: &str = "flash";

/// Name of the cookie over TLS; the prefix makes browsers insist on Secure, no Domain and the path `/`.
const COOKIE: &str = "__Host-millrace";
/// Name of the cookie over plain HTTP on the same machine, where the prefix is not allowed.
const COOKIE_LOOPBACK: &str = "millrace";

/// Makes the middleware. Wrap it around everything that has a session, outside of the guard.
pub fn middleware(kit: &Kit) -> SessionMiddleware<Store> {
    let store = Store { db: kit.db.clone(), clock: Arc::clone(&kit.clock) };
    let tls = kit.settings.is_tls();
    let lifecycle = BrowserSession::default().state_ttl_extension_policy(TtlExtensionPolicy::OnStateChanges);
    SessionMiddleware::builder(store, kit.settings.cookie_key.clone())
        .cookie_name(if tls { COOKIE } else { COOKIE_LOOPBACK }.to_owned())
        .cookie_secure(tls)
        .cookie_same_site(SameSite::Lax)
        .session_lifecycle(lifecycle)
        .build()
}

/// Keeps sessions as rows; see the module.
pub struct Store {
    db: Database,
    clock: Arc<dyn Clock>,
}

impl SessionStore for Store {
    /// When the database is away the session is neither lost nor empty: it is marked, and nothing is written back.
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        let (key, now) = (hash(key.as_ref()), self.clock.now());
        match self.db.run(move |conn| rows::find(conn, &key, now)).await {
            Ok(found) => Ok(found.map(|session| to_state(session, &key))),
            Err(error) => {
                tracing::warn!(%error, "a session could not be read");
                Ok(Some(State::from([(AWAY.to_owned(), "true".to_owned())])))
            }
        }
    }

    async fn save(&self, state: State, _: &Duration) -> Result<SessionKey, SaveError> {
        let (text, key) = new_key()?;
        let now = self.clock.now();
        let session = from_state(&state, now);
        let saved = self.db.run(move |conn| rows::insert(conn, &key, &session, now)).await;
        saved.map_err(|error: DbError| SaveError::Other(error.into()))?;
        Ok(text)
    }

    /// A session that was ended meanwhile stays ended: the new key in the cookie then leads to nothing.
    async fn update(&self, key: SessionKey, state: State, _: &Duration) -> Result<SessionKey, UpdateError> {
        let (hashed, kept) = (hash(key.as_ref()), kept(&state));
        let updated = self.db.run(move |conn| rows::set_state(conn, &hashed, &kept)).await;
        match updated.map_err(|error: DbError| UpdateError::Other(error.into()))? {
            true => Ok(key),
            false => Ok(new_key().map_err(|error| UpdateError::Other(error.into()))?.0),
        }
    }

    /// Never called: the row's own `seen_at` says how long a session lives (`OnStateChanges`).
    async fn update_ttl(&self, _: &SessionKey, _: &Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        let key = hash(key.as_ref());
        Ok(self.db.run(move |conn| rows::end(conn, &key)).await?)
    }
}

/// Makes a key of 256 random bits and its hash.
fn new_key() -> Result<(SessionKey, Hash), SaveError> {
    let text = URL_SAFE_NO_PAD.encode(random::secret_bytes::<32>());
    let key = hash(&text);
    let text = SessionKey::try_from(text).map_err(|error| SaveError::Other(anyhow::Error::new(error)))?;
    Ok((text, key))
}

fn to_state(session: rows::Session, key: &Hash) -> State {
    let mut state: State = match session.state {
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, value.to_string())).collect(),
        _ => State::new(),
    };
    let mut put = |name: &str, value: Value| state.insert(name.to_owned(), value.to_string());
    put(KEY, Value::String(key.iter().map(|byte| format!("{byte:02x}")).collect()));
    put(SINCE, Value::String(session.created_at.to_rfc3339()));
    if let Some(person) = session.person {
        put(PERSON, person.0.into());
    }
    if let Some(until) = session.sudo_until {
        put(SUDO, Value::String(until.to_rfc3339()));
    }
    for (name, text) in [(ADDRESS, session.address), (AGENT, session.agent)] {
        if let Some(text) = text {
            put(name, Value::String(text));
        }
    }
    state
}

fn from_state(state: &State, now: Time) -> rows::Session {
    let read = |name: &str| state.get(name).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let text = |name: &str| read(name).and_then(|value| value.as_str().map(str::to_owned));
    let time = |name: &str| text(name).and_then(|text| text.parse::<Time>().ok());
    rows::Session {
        person: read(PERSON).and_then(|value| value.as_i64()).map(PersonId),
        state: kept(state),
        created_at: time(SINCE).unwrap_or(now),
        sudo_until: time(SUDO),
        address: text(ADDRESS),
        agent: text(AGENT),
    }
}

/// Gives what is the row's `state`: everything but its columns.
fn kept(state: &State) -> Value {
    let others = state.iter().filter(|(name, _)| !OWN.contains(&name.as_str()));
    let fields = others.filter_map(|(name, text)| Some((name.clone(), serde_json::from_str(text).ok()?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

/// Tells whether the database could not be asked for this session.
pub(super) fn is_away(session: &actix_session::Session) -> bool {
    session.contains_key(AWAY)
}

/// Gives the hash of the session's key; `None` for a session that has no row yet.
pub fn key(session: &actix_session::Session) -> Option<Hash> {
    let text: String = session.get(KEY).ok()??;
    let byte = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
    let bytes: Vec<u8> = (0..32).map_while(byte).collect();
    bytes.try_into().ok()
}

/// Starts the session of somebody who has just proved who they are: new key, new token, nothing kept of what was before.
///
/// # Errors
/// [`WebError::Fault`] when a value cannot be kept.
pub fn begin(
    session: &actix_session::Session,
    person: PersonId,
    address: Option<String>,
    agent: Option<String>,
    now: Time,
) -> Result<(), WebError> {
    session.clear();
    session.insert(PERSON, person.0).map_err(WebError::fault)?;
    session.insert(SINCE, now.to_rfc3339()).map_err(WebError::fault)?;
    session.insert(TOKEN, csrf::token()).map_err(WebError::fault)?;
    for (name, text) in [(ADDRESS, address), (AGENT, agent)] {
        if let Some(text) = text {
            session.insert(name, text).map_err(WebError::fault)?;
        }
    }
    session.renew();
    Ok(())
}

/// Notes that the password was given again, under a new key: dangerous acts are allowed until `until`.
///
/// # Errors
/// [`WebError::Fault`] when a value cannot be kept.
pub fn freshen(session: &actix_session::Session, until: Time) -> Result<(), WebError> {
    session.insert(SUDO, until.to_rfc3339()).map_err(WebError::fault)?;
    session.renew();
    Ok(())
}

/// Gives the session a new key, as after a change of the own role or password.
pub fn renew(session: &actix_session::Session) {
    session.renew();
}

/// Ends the session: its row and its cookie.
pub fn end(session: &actix_session::Session) {
    session.purge();
}

/// Gives the session's CSRF token; empty for a session that has none because nobody is signed in.
pub fn token(session: &actix_session::Session) -> String {
    session.get(TOKEN).ok().flatten().unwrap_or_default()
}

/// Keeps a note for the next page.
///
/// # Errors
/// [`WebError::Fault`] when it cannot be kept.
pub fn flash(session: &actix_session::Session, notice: &Notice) -> Result<(), WebError> {
    session.insert(FLASH, notice).map_err(WebError::fault)
}

/// Takes the note that the last act left, if there is one. Pages call it once; it is gone afterwards.
pub fn take_flash(session: &actix_session::Session) -> Option<Notice> {
    if !session.contains_key(FLASH) {
        return None; // removing nothing would still write the row
    }
    session.remove_as(FLASH)?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        text.parse().expect("a time")
    }

    #[test]
    fn a_session_survives_its_way_through_the_map() {
        let session = rows::Session {
            person: Some(PersonId(7)),
            state: serde_json::json!({"csrf": "token", "flash": {"a": 1}}),
            created_at: time("2026-11-24T08:00:00Z"),
            sudo_until: Some(time("2026-11-24T08:15:00Z")),
            address: Some("203.0.113.9".into()),
            agent: None,
        };

        let state = to_state(session.clone(), &[0xab; 32]);

        assert_eq!(state.get(KEY), Some(&format!("\"{}\"", "ab".repeat(32))));
        assert_eq!(from_state(&state, time("2026-11-24T12:00:00Z")), session);
    }

    #[test]
    fn a_new_session_starts_now_and_keeps_no_column_in_its_state() {
        let state =
            State::from([(PERSON.into(), "7".into()), (AWAY.into(), "true".into()), (TOKEN.into(), "\"t\"".into())]);

        let session = from_state(&state, time("2026-11-24T12:00:00Z"));

        assert_eq!(session.created_at, time("2026-11-24T12:00:00Z"));
        assert_eq!(session.state, serde_json::json!({"csrf": "t"}));
    }

    #[test]
    fn keys_are_long_and_only_their_hash_is_told() {
        let (text, hashed) = new_key().expect("a key");

        assert_eq!(text.as_ref().len(), 43);
        assert_eq!(hash(text.as_ref()), hashed);
    }
}
