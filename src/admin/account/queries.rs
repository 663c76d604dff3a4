//! The parts of a person's row that concern signing in and how pages look.

use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz};

use super::super::people::service as people;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement};
use crate::base::text::TextError;
use crate::queue::access::email::Email;
use crate::queue::actor::PersonId;

/// What signing in looks at.
#[derive(Debug, Clone, PartialEq, Eq, diesel::QueryableByName)]
pub struct Login {
    /// Whose it is.
    #[diesel(sql_type = BigInt)]
    pub id: PersonId,
    /// Login name.
    #[diesel(sql_type = Text)]
    pub email: String,
    /// Present role.
    #[diesel(sql_type = Text)]
    pub role: String,
    /// argon2id in PHC form.
    #[diesel(sql_type = Nullable<Text>)]
    pub password_hash: Option<String>,
    /// Whether the person may sign in.
    #[diesel(sql_type = Bool)]
    pub enabled: bool,
}

pub(super) fn login(conn: &mut PgConnection, email: &Email) -> Result<Option<Login>, DbError> {
    const SQL: &str = "-- account::login
SELECT id, email, role, password_hash, disabled_at IS NULL AS enabled FROM millrace.people WHERE email = $1";
    statement(SQL).bind::<Text, _>(email.as_str()).row(conn)
}

pub(super) fn login_of(conn: &mut PgConnection, person: PersonId) -> Result<Option<Login>, DbError> {
    const SQL: &str = "-- account::login_of
SELECT id, email, role, password_hash, disabled_at IS NULL AS enabled FROM millrace.people WHERE id = $1";
    statement(SQL).bind::<BigInt, _>(person).row(conn)
}

pub(super) fn set_password(tx: &mut Tx<'_>, person: PersonId, hash: &str) -> Result<(), DbError> {
    const SQL: &str = "-- account::set_password
UPDATE millrace.people SET password_hash = $1 WHERE id = $2";
    statement(SQL).bind::<Text, _>(hash).bind::<BigInt, _>(person).run(tx)?;
    Ok(()) // 0 rows: the person was just removed, and with them the password
}

pub(super) fn note_seen(tx: &mut Tx<'_>, person: PersonId, now: Time) -> Result<(), DbError> {
    const SQL: &str = "-- account::note_seen
UPDATE millrace.people SET last_seen_at = $1 WHERE id = $2";
    statement(SQL).bind::<Timestamptz, _>(now).bind::<BigInt, _>(person).run(tx)?;
    Ok(())
}

/// One's own name and how one's pages look.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, diesel::QueryableByName)]
pub struct Profile {
    /// Shown name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// IANA time zone.
    #[diesel(sql_type = Text)]
    pub zone: String,
    /// `auto`, `light` or `dark`.
    #[diesel(sql_type = Text)]
    pub theme: String,
    /// `normal` or `compact`.
    #[diesel(sql_type = Text)]
    pub density: String,
    /// Whether single keys act on one's pages.
    #[diesel(sql_type = Bool)]
    pub shortcuts: bool,
    /// Whether screen readers read out values that change by themselves.
    #[diesel(sql_type = Bool)]
    pub announces: bool,
}

impl Profile {
    /// Checks every field.
    pub(super) fn check(&self) -> Result<(), TextError> {
        people::name(&self.name)?;
        people::zone(&self.zone)?;
        one_of("a theme", &self.theme, &["auto", "light", "dark"])?;
        one_of("a row height", &self.density, &["normal", "compact"])
    }
}

fn one_of(what: &str, text: &str, allowed: &[&str]) -> Result<(), TextError> {
    if allowed.contains(&text) { Ok(()) } else { Err(TextError(format!("{what} is one of {}", allowed.join(", ")))) }
}

pub(super) fn profile(conn: &mut PgConnection, person: PersonId) -> Result<Option<Profile>, DbError> {
    const SQL: &str = "-- account::profile
SELECT name, zone, theme, density, shortcuts, announces FROM millrace.people WHERE id = $1";
    statement(SQL).bind::<BigInt, _>(person).row(conn)
}

pub(super) fn set_profile(conn: &mut PgConnection, person: PersonId, profile: &Profile) -> Result<(), DbError> {
    const SQL: &str = "-- account::set_profile
UPDATE millrace.people SET name = $1, zone = $2, theme = $3, density = $4, shortcuts = $5, announces = $6 WHERE id = $7";
    statement(SQL)
        .bind::<Text, _>(profile.name.trim())
        .bind::<Text, _>(profile.zone.trim())
        .bind::<Text, _>(&profile.theme)
        .bind::<Text, _>(&profile.density)
        .bind::<Bool, _>(profile.shortcuts)
        .bind::<Bool, _>(profile.announces)
        .bind::<BigInt, _>(person)
        .run(conn)?;
    Ok(())
}
