//! The rows of people.

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};

use super::service::{Filter, NewPerson, Person, Place};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement};
use crate::queue::access::email::Email;
use crate::queue::access::stored_role;
use crate::queue::actor::{PersonId, Scope};

#[derive(diesel::QueryableByName)]
struct PersonRow {
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
    #[diesel(sql_type = Bool)]
    has_password: bool,
    #[diesel(sql_type = Timestamptz)]
    created_at: Time,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    disabled_at: Option<Time>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_seen_at: Option<Time>,
}

impl TryFrom<PersonRow> for Person {
    type Error = DbError;
    fn try_from(row: PersonRow) -> Result<Self, DbError> {
        Ok(Self {
            id: row.id,
            email: row.email,
            name: row.name,
            role: stored_role(&row.role)?,
            scope: Scope { queues: row.scope_queues, tags: row.scope_tags },
            has_password: row.has_password,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
            last_seen_at: row.last_seen_at,
        })
    }
}

/// Lists those after a place in the order of addresses.
const AFTER: &str = "-- people::list_after
SELECT id, email, name, role, scope_queues, scope_tags, password_hash IS NOT NULL AS has_password, created_at,
    disabled_at, last_seen_at
FROM millrace.people
WHERE email > $1 AND ($2 = '' OR strpos(email, lower($2)) > 0 OR strpos(lower(name), lower($2)) > 0)
    AND ($3::text IS NULL OR role = $3) AND ($4 OR disabled_at IS NULL)
ORDER BY email LIMIT $5";

/// Lists those before a place, the nearest first.
const BEFORE: &str = "-- people::list_before
SELECT id, email, name, role, scope_queues, scope_tags, password_hash IS NOT NULL AS has_password, created_at,
    disabled_at, last_seen_at
FROM millrace.people
WHERE email < $1 AND ($2 = '' OR strpos(email, lower($2)) > 0 OR strpos(lower(name), lower($2)) > 0)
    AND ($3::text IS NULL OR role = $3) AND ($4 OR disabled_at IS NULL)
ORDER BY email DESC LIMIT $5";

/// Lists up to `most` people, going away from the place that the filter names.
pub(super) fn list(conn: &mut PgConnection, filter: &Filter, most: i64) -> Result<Vec<Person>, DbError> {
    let (sql, place) = match &filter.place {
        Place::Start => (AFTER, ""),
        Place::After(email) => (AFTER, email.as_str()),
        Place::Before(email) => (BEFORE, email.as_str()),
    };
    let rows: Vec<PersonRow> = statement(sql)
        .bind::<Text, _>(place)
        .bind::<Text, _>(filter.text.trim())
        .bind::<Nullable<Text>, _>(filter.role.map(|role| role.as_str()))
        .bind::<Bool, _>(filter.disabled)
        .bind::<BigInt, _>(most)
        .rows(conn)?;
    rows.into_iter().map(Person::try_from).collect()
}

pub(super) fn find(conn: &mut PgConnection, id: PersonId) -> Result<Option<Person>, DbError> {
    const SQL: &str = "-- people::find
SELECT id, email, name, role, scope_queues, scope_tags, password_hash IS NOT NULL AS has_password, created_at,
    disabled_at, last_seen_at
FROM millrace.people WHERE id = $1";
    statement(SQL).bind::<BigInt, _>(id).row::<PersonRow>(conn)?.map(Person::try_from).transpose()
}

pub(super) fn find_by_email(conn: &mut PgConnection, email: &Email) -> Result<Option<Person>, DbError> {
    const SQL: &str = "-- people::find_by_email
SELECT id, email, name, role, scope_queues, scope_tags, password_hash IS NOT NULL AS has_password, created_at,
    disabled_at, last_seen_at
FROM millrace.people WHERE email = $1";
    statement(SQL).bind::<Text, _>(email.as_str()).row::<PersonRow>(conn)?.map(Person::try_from).transpose()
}

pub(super) fn lock(tx: &mut Tx<'_>, id: PersonId) -> Result<Option<Person>, DbError> {
    const SQL: &str = "-- people::lock
SELECT id, email, name, role, scope_queues, scope_tags, password_hash IS NOT NULL AS has_password, created_at,
    disabled_at, last_seen_at
FROM millrace.people WHERE id = $1 FOR UPDATE";
    statement(SQL).bind::<BigInt, _>(id).row::<PersonRow>(tx)?.map(Person::try_from).transpose()
}

pub(super) fn insert(tx: &mut Tx<'_>, new: &NewPerson, hash: Option<&str>, now: Time) -> Result<Person, DbError> {
    const SQL: &str = "-- people::insert
INSERT INTO millrace.people (email, name, role, scope_queues, scope_tags, password_hash, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
RETURNING id, email, name, role, scope_queues, scope_tags, password_hash IS NOT NULL AS has_password, created_at,
    disabled_at, last_seen_at";
    let row: Option<PersonRow> = statement(SQL)
        .bind::<Text, _>(new.email.as_str())
        .bind::<Text, _>(&new.name)
        .bind::<Text, _>(new.role.as_str())
        .bind::<Array<Text>, _>(&new.scope.queues)
        .bind::<Array<Text>, _>(&new.scope.tags)
        .bind::<Nullable<Text>, _>(hash)
        .bind::<Timestamptz, _>(now)
        .row(tx)?;
    row.ok_or(DbError::Other(diesel::result::Error::NotFound))?.try_into()
}

/// Writes everything that can change but the password. The row is locked by the caller.
pub(super) fn update(tx: &mut Tx<'_>, person: &Person) -> Result<(), DbError> {
    const SQL: &str = "-- people::update
UPDATE millrace.people SET name = $1, role = $2, scope_queues = $3, scope_tags = $4, disabled_at = $5 WHERE id = $6";
    let changed = statement(SQL)
        .bind::<Text, _>(&person.name)
        .bind::<Text, _>(person.role.as_str())
        .bind::<Array<Text>, _>(&person.scope.queues)
        .bind::<Array<Text>, _>(&person.scope.tags)
        .bind::<Nullable<Timestamptz>, _>(person.disabled_at)
        .bind::<BigInt, _>(person.id)
        .run(tx)?;
    debug_assert_eq!(changed, 1);
    Ok(())
}

pub(super) fn set_password(tx: &mut Tx<'_>, id: PersonId, hash: &str) -> Result<(), DbError> {
    const SQL: &str = "-- people::set_password
UPDATE millrace.people SET password_hash = $1 WHERE id = $2";
    let changed = statement(SQL).bind::<Text, _>(hash).bind::<BigInt, _>(id).run(tx)?;
    debug_assert_eq!(changed, 1);
    Ok(())
}
