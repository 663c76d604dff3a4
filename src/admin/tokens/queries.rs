//! The rows of tokens.

use diesel::sql_types::{Array, BigInt, Bytea, Nullable, Text, Timestamptz};

use super::service::{NewToken, Token};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement};
use crate::queue::access::Hash;
use crate::queue::access::token::TokenId;
use crate::queue::actor::PersonId;

#[derive(diesel::QueryableByName)]
struct TokenRow {
    #[diesel(sql_type = BigInt)]
    id: TokenId,
    #[diesel(sql_type = BigInt)]
    person_id: PersonId,
    #[diesel(sql_type = Text)]
    email: String,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    hint: String,
    #[diesel(sql_type = Array<Text>)]
    scopes: Vec<String>,
    #[diesel(sql_type = Timestamptz)]
    created_at: Time,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    expires_at: Option<Time>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    revoked_at: Option<Time>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_used_at: Option<Time>,
}

impl From<TokenRow> for Token {
    fn from(row: TokenRow) -> Self {
        Self {
            id: row.id,
            person: row.person_id,
            email: row.email,
            name: row.name,
            hint: row.hint,
            scopes: row.scopes,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
        }
    }
}

#[derive(diesel::QueryableByName)]
struct IdRow {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Locks the owner, so that the number of their tokens stays true, and tells whether they may own one.
pub(super) fn lock_owner(tx: &mut Tx<'_>, owner: PersonId) -> Result<bool, DbError> {
    const SQL: &str = "-- tokens::lock_owner
SELECT id FROM millrace.people WHERE id = $1 AND disabled_at IS NULL FOR UPDATE";
    Ok(statement(SQL).bind::<BigInt, _>(owner).row::<IdRow>(tx)?.is_some())
}

pub(super) fn usable(tx: &mut Tx<'_>, owner: PersonId, now: Time) -> Result<i64, DbError> {
    const SQL: &str = "-- tokens::usable
SELECT count(*) AS id FROM millrace.tokens
WHERE person_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)";
    let row: Option<IdRow> = statement(SQL).bind::<BigInt, _>(owner).bind::<Timestamptz, _>(now).row(tx)?;
    Ok(row.map_or(0, |row| row.id))
}

pub(super) fn insert(
    tx: &mut Tx<'_>,
    owner: PersonId,
    new: &NewToken,
    (hash, hint): (&Hash, &str),
    now: Time,
) -> Result<TokenId, DbError> {
    const SQL: &str = "-- tokens::insert
INSERT INTO millrace.tokens (person_id, name, token_hash, hint, scopes, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id";
    let row: Option<IdRow> = statement(SQL)
        .bind::<BigInt, _>(owner)
        .bind::<Text, _>(new.name.trim())
        .bind::<Bytea, _>(hash.as_slice())
        .bind::<Text, _>(hint)
        .bind::<Array<Text>, _>(new.scopes.as_slice())
        .bind::<Timestamptz, _>(now)
        .bind::<Nullable<Timestamptz>, _>(new.expires_at)
        .row(tx)?;
    row.map(|row| TokenId(row.id)).ok_or(DbError::Other(diesel::result::Error::NotFound))
}

pub(super) fn find(conn: &mut PgConnection, id: TokenId) -> Result<Option<Token>, DbError> {
    const SQL: &str = "-- tokens::find
SELECT t.id, t.person_id, p.email, t.name, t.hint, t.scopes, t.created_at, t.expires_at, t.revoked_at, t.last_used_at
FROM millrace.tokens t JOIN millrace.people p ON p.id = t.person_id WHERE t.id = $1";
    Ok(statement(SQL).bind::<BigInt, _>(id).row::<TokenRow>(conn)?.map(Token::from))
}

pub(super) fn list(
    conn: &mut PgConnection,
    owner: Option<PersonId>,
    now: Time,
    most: i64,
) -> Result<Vec<Token>, DbError> {
    const SQL: &str = "-- tokens::list
SELECT t.id, t.person_id, p.email, t.name, t.hint, t.scopes, t.created_at, t.expires_at, t.revoked_at, t.last_used_at
FROM millrace.tokens t JOIN millrace.people p ON p.id = t.person_id
WHERE $1::bigint IS NULL OR t.person_id = $1
ORDER BY t.revoked_at IS NOT NULL OR (t.expires_at IS NOT NULL AND t.expires_at <= $2), t.id DESC LIMIT $3";
    let rows: Vec<TokenRow> = statement(SQL)
        .bind::<Nullable<BigInt>, _>(owner)
        .bind::<Timestamptz, _>(now)
        .bind::<BigInt, _>(most)
        .rows(conn)?;
    Ok(rows.into_iter().map(Token::from).collect())
}

pub(super) fn revoke(tx: &mut Tx<'_>, id: TokenId, now: Time) -> Result<bool, DbError> {
    const SQL: &str = "-- tokens::revoke
UPDATE millrace.tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
    let changed = statement(SQL).bind::<Timestamptz, _>(now).bind::<BigInt, _>(id).run(tx)?;
    Ok(changed == 1)
}

pub(super) fn first_admin(conn: &mut PgConnection) -> Result<Option<PersonId>, DbError> {
    const SQL: &str = "-- tokens::first_admin
SELECT id FROM millrace.people WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id LIMIT 1";
    Ok(statement(SQL).row::<IdRow>(conn)?.map(|row| PersonId(row.id)))
}
