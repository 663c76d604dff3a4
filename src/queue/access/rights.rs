//! What the holders of many sessions may do, asked at once for the streams that they hold open.

use std::collections::HashMap;

use diesel::sql_types::{Array, Bytea, Integer, Text, Timestamptz};

use super::session::{oldest_request, oldest_start};
use super::{Hash, stored_role};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::permission::Role;

/// What the holder of a session may do.
#[derive(Debug, Clone, PartialEq)]
pub struct Rights {
    /// Role as of now.
    pub role: Role,
    /// Scope as of now.
    pub scope: Scope,
}

/// A session that may still be used.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// What its holder may do.
    pub rights: Rights,
    /// Their unread messages; at most 100 are counted.
    pub unread: u32,
}

#[derive(diesel::QueryableByName)]
struct RightsRow {
    #[diesel(sql_type = Bytea)]
    key_hash: Vec<u8>,
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Array<Text>)]
    scope_queues: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    scope_tags: Vec<String>,
    #[diesel(sql_type = Integer)]
    unread: i32,
}

/// Finds those sessions among `keys` that may still be used, with what their holders may do, and notes nothing, like [`super::session::peek`].
///
/// # Errors
/// Database failures, and a role that this program does not know.
pub fn of_sessions(conn: &mut PgConnection, keys: &[Hash], now: Time) -> Result<HashMap<Vec<u8>, Held>, DbError> {
    const SQL: &str = "-- queue::access::rights::of_sessions
SELECT s.key_hash, p.role, p.scope_queues, p.scope_tags,
    (SELECT count(*) FROM (SELECT FROM millrace.notifications n WHERE n.person_id = p.id AND n.read_at IS NULL LIMIT 100) AS few)::integer AS unread
FROM millrace.sessions s JOIN millrace.people p ON p.id = s.person_id
WHERE s.key_hash = ANY($1) AND s.created_at > $2 AND s.seen_at > $3 AND p.disabled_at IS NULL";
    let rows: Vec<RightsRow> = statement(SQL)
        .bind::<Array<Bytea>, _>(keys.iter().map(|key| key.as_slice()).collect::<Vec<_>>())
        .bind::<Timestamptz, _>(oldest_start(now))
        .bind::<Timestamptz, _>(oldest_request(now))
        .rows(conn)?;
    let held = |row: RightsRow| {
        let scope = Scope { queues: row.scope_queues, tags: row.scope_tags };
        let rights = Rights { role: stored_role(&row.role)?, scope };
        Ok((row.key_hash, Held { rights, unread: row.unread.unsigned_abs() }))
    };
    rows.into_iter().map(held).collect()
}
