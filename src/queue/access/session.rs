//! Browser sessions: rows that say who the holder of a cookie is, and since when.
//!
//! A session ends 30 min after its last request and 12 h after its start, by deleting its row at sign-out, and on every
//! node at once when its person is disabled or gets another password. The key itself is only in the cookie.

use chrono::TimeDelta;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

use super::Hash;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::{Actor, PersonId, Scope, Via};

/// How long a session lives without a request.
pub const IDLE_MINUTES_MAX: i64 = 30;
/// How long a session lives at most.
pub const AGE_HOURS_MAX: i64 = 12;
/// How long a fresh sign-in counts as fresh.
pub const SUDO_MINUTES: i64 = 15;
/// Most sessions that one person's list shows.
pub const LIST_MAX: i64 = 100;
/// Most dead sessions that one sweep removes.
pub const SWEEP_MAX: i64 = 1_000;
/// Unread messages are counted up to this number.
pub const UNREAD_MAX: i64 = 100;
/// Longest user agent that is kept, in characters.
pub const AGENT_CHARS_MAX: usize = 200;

/// What a session says about its holder. The web kit carries it over to the new key when it renews one.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Whose it is; `None` before sign-in.
    pub person: Option<PersonId>,
    /// What the web kit keeps: CSRF token, flash note. A JSON object.
    pub state: Value,
    /// When the holder signed in (before that: when the session began).
    pub created_at: Time,
    /// Dangerous acts need no new password until then.
    pub sudo_until: Option<Time>,
    /// Address of the browser at sign-in.
    pub address: Option<String>,
    /// User agent at sign-in.
    pub agent: Option<String>,
}

impl Session {
    /// Makes a session of nobody yet, beginning at `now`.
    pub fn anonymous(state: Value, now: Time) -> Self {
        Self { person: None, state, created_at: now, sudo_until: None, address: None, agent: None }
    }
}

/// Keeps a new session under the hash of its key.
///
/// # Errors
/// [`DbError::Constraint`] `sessions_person` when the person is gone; other database failures.
pub fn insert(conn: &mut PgConnection, key: &Hash, session: &Session, now: Time) -> Result<(), DbError> {
    const SQL: &str = "-- queue::access::session::insert
INSERT INTO millrace.sessions (key_hash, person_id, state, created_at, seen_at, sudo_until, address, agent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let agent = session.agent.as_deref().map(shortened);
    statement(SQL)
        .bind::<Bytea, _>(key.as_slice())
        .bind::<Nullable<BigInt>, _>(session.person)
        .bind::<Jsonb, _>(&session.state)
        .bind::<Timestamptz, _>(session.created_at)
        .bind::<Timestamptz, _>(now)
        .bind::<Nullable<Timestamptz>, _>(session.sudo_until)
        .bind::<Nullable<Text>, _>(session.address.as_deref())
        .bind::<Nullable<Text>, _>(agent)
        .run(conn)?;
    Ok(())
}

fn shortened(agent: &str) -> String {
    agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS_MAX).collect()
}

#[derive(diesel::QueryableByName)]
struct SessionRow {
    #[diesel(sql_type = Nullable<BigInt>)]
    person_id: Option<PersonId>,
    #[diesel(sql_type = Jsonb)]
    state: Value,
    #[diesel(sql_type = Timestamptz)]
    created_at: Time,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    sudo_until: Option<Time>,
    #[diesel(sql_type = Nullable<Text>)]
    address: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    agent: Option<String>,
}

/// Finds the session of a key, if it may still be used.
///
/// # Errors
/// Database failures.
pub fn find(conn: &mut PgConnection, key: &Hash, now: Time) -> Result<Option<Session>, DbError> {
    const SQL: &str = "-- queue::access::session::find
SELECT person_id, state, created_at, sudo_until, address, agent FROM millrace.sessions
WHERE key_hash = $1 AND created_at > $2 AND seen_at > $3";
    let row: Option<SessionRow> = statement(SQL)
        .bind::<Bytea, _>(key.as_slice())
        .bind::<Timestamptz, _>(oldest_start(now))
        .bind::<Timestamptz, _>(oldest_request(now))
        .row(conn)?;
    Ok(row.map(|row| Session {
        person: row.person_id,
        state: row.state,
        created_at: row.created_at,
        sudo_until: row.sudo_until,
        address: row.address,
        agent: row.agent,
    }))
}

/// Replaces what the web kit keeps, and tells whether the session still exists: one that was ended must not come back.
///
/// # Errors
/// Database failures.
pub fn set_state(conn: &mut PgConnection, key: &Hash, state: &Value) -> Result<bool, DbError> {
    const SQL: &str = "-- queue::access::session::set_state
UPDATE millrace.sessions SET state = $1 WHERE key_hash = $2";
    let changed = statement(SQL).bind::<Jsonb, _>(state).bind::<Bytea, _>(key.as_slice()).run(conn)?;
    Ok(changed == 1)
}

/// Lets the holder act dangerously until `until`, and tells whether the session still exists.
///
/// # Errors
/// Database failures.
pub fn set_sudo(conn: &mut PgConnection, key: &Hash, until: Time) -> Result<bool, DbError> {
    const SQL: &str = "-- queue::access::session::set_sudo
UPDATE millrace.sessions SET sudo_until = $1 WHERE key_hash = $2";
    let changed = statement(SQL).bind::<Timestamptz, _>(until).bind::<Bytea, _>(key.as_slice()).run(conn)?;
    Ok(changed == 1)
}

/// Ends one session. One that has ended already is no error.
///
/// # Errors
/// Database failures.
pub fn end(conn: &mut PgConnection, key: &Hash) -> Result<(), DbError> {
    const SQL: &str = "-- queue::access::session::end
DELETE FROM millrace.sessions WHERE key_hash = $1";
    statement(SQL).bind::<Bytea, _>(key.as_slice()).run(conn)?;
    Ok(()) // 0 rows: somebody else ended it
}

/// Ends one session of `person`, and tells whether there was one.
///
/// # Errors
/// Database failures.
pub fn end_own(conn: &mut PgConnection, person: PersonId, key: &Hash) -> Result<bool, DbError> {
    const SQL: &str = "-- queue::access::session::end_own
DELETE FROM millrace.sessions WHERE person_id = $1 AND key_hash = $2";
    let ended = statement(SQL).bind::<BigInt, _>(person).bind::<Bytea, _>(key.as_slice()).run(conn)?;
    Ok(ended == 1)
}

/// Ends every session of `person` but `except`, on every node, and tells how many there were.
///
/// # Errors
/// Database failures.
pub fn end_all(conn: &mut PgConnection, person: PersonId, except: Option<&Hash>) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::access::session::end_all
DELETE FROM millrace.sessions WHERE person_id = $1 AND key_hash IS DISTINCT FROM $2";
    statement(SQL).bind::<BigInt, _>(person).bind::<Nullable<Bytea>, _>(except.map(Hash::as_slice)).run(conn)
}

/// Removes up to [`SWEEP_MAX`] sessions whose time is over, and tells how many.
///
/// # Errors
/// Database failures.
pub fn sweep(conn: &mut PgConnection, now: Time) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::access::session::sweep
DELETE FROM millrace.sessions WHERE key_hash IN (
    SELECT key_hash FROM millrace.sessions WHERE seen_at <= $1 OR created_at <= $2 ORDER BY seen_at LIMIT $3
    FOR UPDATE SKIP LOCKED)";
    statement(SQL)
        .bind::<Timestamptz, _>(oldest_request(now))
        .bind::<Timestamptz, _>(oldest_start(now))
        .bind::<BigInt, _>(SWEEP_MAX)
        .run(conn)
}

pub(super) fn oldest_start(now: Time) -> Time {
    now - TimeDelta::hours(AGE_HOURS_MAX)
}

pub(super) fn oldest_request(now: Time) -> Time {
    now - TimeDelta::minutes(IDLE_MINUTES_MAX)
}

/// Somebody who is signed in, with what their pages need to know.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedIn {
    /// Who acts, with role and scope as of now. The web kit adds address and request id.
    pub actor: Actor,
    /// Whose row it is.
    pub person: PersonId,
    /// Shown name.
    pub name: String,
    /// Login name.
    pub email: String,
    /// IANA time zone of their pages.
    pub zone: String,
    /// `auto`, `light` or `dark`.
    pub theme: String,
    /// `normal` or `compact`.
    pub density: String,
    /// Whether single keys act.
    pub shortcuts: bool,
    /// Whether values that change by themselves are read out.
    pub announces: bool,
    /// Messages in their inbox that they have not read, at most [`UNREAD_MAX`].
    pub unread: i64,
    /// Dangerous acts need no new password until then.
    pub sudo_until: Option<Time>,
}

impl SignedIn {
    /// Tells whether dangerous acts need no new password at `now`.
    pub fn is_fresh(&self, now: Time) -> bool {
        self.sudo_until.is_some_and(|until| until > now)
    }
}

#[derive(diesel::QueryableByName)]
struct SignedInRow {
    #[diesel(sql_type = BigInt)]
    id: PersonId,
    #[diesel(sql_type = Text)]
    email: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Array<Text>)]
    scope_queues: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    scope_tags: Vec<String>,
    #[diesel(sql_type = Text)]
    zone: String,
    #[diesel(sql_type = Text)]
    theme: String,
    #[diesel(sql_type = Text)]
    density: String,
    #[diesel(sql_type = Bool)]
    shortcuts: bool,
    #[diesel(sql_type = Bool)]
    announces: bool,
    #[diesel(sql_type = BigInt)]
    unread: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    sudo_until: Option<Time>,
    #[diesel(sql_type = Timestamptz)]
    seen_at: Time,
}

/// Finds who holds a session key, with their rights as of now, and notes the request (at most once a minute).
///
/// `None`: no such session, its time is over, nobody has signed in with it, or the person is disabled.
///
/// # Errors
/// Database failures, and a role that this program does not know.
pub fn actor(conn: &mut PgConnection, key: &Hash, now: Time) -> Result<Option<SignedIn>, DbError> {
    let Some(row) = look(conn, key, now)? else { return Ok(None) };
    if now - row.seen_at >= TimeDelta::minutes(1) {
        touch(conn, key, row.id, now)?;
    }
    signed_in(row).map(Some)
}

/// Finds who holds a session key like [`actor`], but notes nothing: a stream that is held open is not use.
///
/// # Errors
/// Database failures, and a role that this program does not know.
pub fn peek(conn: &mut PgConnection, key: &Hash, now: Time) -> Result<Option<SignedIn>, DbError> {
    look(conn, key, now)?.map(signed_in).transpose()
}

fn look(conn: &mut PgConnection, key: &Hash, now: Time) -> Result<Option<SignedInRow>, DbError> {
    const SQL: &str = "-- queue::access::session::look
SELECT p.id, p.email, p.name, p.role, p.scope_queues, p.scope_tags, p.zone, p.theme, p.density, p.shortcuts, p.announces,
    (SELECT count(*) FROM (SELECT FROM millrace.notifications n WHERE n.person_id = p.id AND n.read_at IS NULL LIMIT $1) AS few) AS unread,
    s.sudo_until, s.seen_at
FROM millrace.sessions s JOIN millrace.people p ON p.id = s.person_id
WHERE s.key_hash = $2 AND s.created_at > $3 AND s.seen_at > $4 AND p.disabled_at IS NULL";
    statement(SQL)
        .bind::<BigInt, _>(UNREAD_MAX)
        .bind::<Bytea, _>(key.as_slice())
        .bind::<Timestamptz, _>(oldest_start(now))
        .bind::<Timestamptz, _>(oldest_request(now))
        .row(conn)
}

fn touch(conn: &mut PgConnection, key: &Hash, person: PersonId, now: Time) -> Result<(), DbError> {
    const SQL: &str = "-- queue::access::session::touch
WITH seen AS (UPDATE millrace.sessions SET seen_at = $1 WHERE key_hash = $2)
UPDATE millrace.people SET last_seen_at = $1 WHERE id = $3";
    statement(SQL).bind::<Timestamptz, _>(now).bind::<Bytea, _>(key.as_slice()).bind::<BigInt, _>(person).run(conn)?;
    Ok(())
}

fn signed_in(row: SignedInRow) -> Result<SignedIn, DbError> {
    let actor = Actor {
        person: Some(row.id),
        name: row.email.clone(),
        role: super::stored_role(&row.role)?,
        scope: Scope { queues: row.scope_queues, tags: row.scope_tags },
        via: Via::Console,
        address: None,
        request: None,
    };
    Ok(SignedIn {
        actor,
        person: row.id,
        name: row.name,
        email: row.email,
        zone: row.zone,
        theme: row.theme,
        density: row.density,
        shortcuts: row.shortcuts,
        announces: row.announces,
        unread: row.unread,
        sudo_until: row.sudo_until,
    })
}

/// One line of a person's list of sessions.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub struct Listed {
    /// The hash of its key: names the session without giving it away.
    #[diesel(sql_type = Bytea)]
    pub key_hash: Vec<u8>,
    /// When the person signed in.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: Time,
    /// Last request, to the minute.
    #[diesel(sql_type = Timestamptz)]
    pub seen_at: Time,
    /// Address of the browser at sign-in.
    #[diesel(sql_type = Nullable<Text>)]
    pub address: Option<String>,
    /// User agent at sign-in.
    #[diesel(sql_type = Nullable<Text>)]
    pub agent: Option<String>,
}

/// Lists up to [`LIST_MAX`] sessions of `person` that may still be used, the last used first.
///
/// # Errors
/// Database failures.
pub fn of_person(conn: &mut PgConnection, person: PersonId, now: Time) -> Result<Vec<Listed>, DbError> {
    const SQL: &str = "-- queue::access::session::of_person
SELECT key_hash, created_at, seen_at, address, agent FROM millrace.sessions
WHERE person_id = $1 AND created_at > $2 AND seen_at > $3 ORDER BY seen_at DESC, key_hash LIMIT $4";
    statement(SQL)
        .bind::<BigInt, _>(person)
        .bind::<Timestamptz, _>(oldest_start(now))
        .bind::<Timestamptz, _>(oldest_request(now))
        .bind::<BigInt, _>(LIST_MAX)
        .rows(conn)
}
