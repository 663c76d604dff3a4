//! API tokens: `mr_`, 160 random bits, a checksum. Rows keep their SHA-256; the text is shown once.
//!
//! A token has its scopes *and* its owner's present rights: whoever is disabled or demoted takes their tokens along.

use chrono::TimeDelta;
use diesel::sql_types::{Array, BigInt, Bytea, Nullable, Text, Timestamptz};

use super::{hash, secret};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::{Actor, PersonId, Scope, Via};

crate::row_id!(
    /// A token's row.
    TokenId, i64, diesel::sql_types::BigInt
);

/// What every token begins with, so that scanners and people recognise one.
pub const PREFIX: &str = "mr_";
/// Characters of a token that are kept readable.
const HINT_CHARS: usize = 7;
/// Most scopes of one token.
pub const SCOPES_MAX: usize = 64;

/// The areas that a scope may name: the first words of the API's paths.
pub const AREAS: [&str; 26] = [
    "account",
    "advice",
    "analytics",
    "audit",
    "batches",
    "calendars",
    "counts",
    "events",
    "failures",
    "health",
    "jobs",
    "nodes",
    "operations",
    "packages",
    "people",
    "pools",
    "predict",
    "queues",
    "remote",
    "runs",
    "schedules",
    "secrets",
    "templates",
    "views",
    "webhooks",
    "workflows",
];

/// What a token may be used for: `all`, or `<area>:read` and `<area>:write`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

/// Why a list of scopes was refused; the sentence is fit for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopesError {
    /// No scope at all.
    #[error("a token needs at least one scope: all, or <area>:read and <area>:write")]
    None,
    /// More than [`SCOPES_MAX`].
    #[error("a token has at most {SCOPES_MAX} scopes")]
    TooMany,
    /// Not a scope.
    #[error("{0:?} is no scope: write all, or <area>:read or <area>:write with one of the areas {areas}", areas = AREAS.join(", "))]
    Unknown(String),
}

impl Scopes {
    /// Checks a list of scopes; sorts it and drops repetitions.
    ///
    /// # Errors
    /// [`ScopesError`] naming the first text that is no scope.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Self, ScopesError> {
        let mut scopes = Vec::new();
        for text in texts.into_iter().map(str::trim).filter(|text| !text.is_empty()) {
            if scopes.len() == SCOPES_MAX {
                return Err(ScopesError::TooMany);
            }
            if !is_scope(text) {
                return Err(ScopesError::Unknown(text.to_owned()));
            }
            scopes.push(text.to_owned());
        }
        scopes.sort();
        scopes.dedup();
        if scopes.is_empty() { Err(ScopesError::None) } else { Ok(Self(scopes)) }
    }

    /// Gives the scopes in alphabetical order.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// Tells whether `granted` allows everything that these scopes allow.
    pub fn are_within(&self, granted: &[String]) -> bool {
        let holds = |scope: &String| granted.contains(scope);
        let writes = |scope: &str| scope.split_once(':').map(|(area, _)| format!("{area}:write"));
        holds(&"all".to_owned()) || self.0.iter().all(|scope| holds(scope) || writes(scope).is_some_and(|w| holds(&w)))
    }
}

fn is_scope(text: &str) -> bool {
    text == "all"
        || text.split_once(':').is_some_and(|(area, act)| AREAS.contains(&area) && matches!(act, "read" | "write"))
}

/// Makes the text of a new token.
pub fn generate() -> String {
    let secret = secret::random_text();
    let check = secret::checksum(&secret);
    format!("{PREFIX}{secret}{check}")
}

/// Gives the first characters of a token, by which its owner recognises it.
pub fn hint(token: &str) -> String {
    token.chars().take(HINT_CHARS).collect()
}

/// Tells whether `text` may be a token at all: shape and checksum. Needs no database.
pub fn is_well_formed(text: &str) -> bool {
    let Some(body) = text.strip_prefix(PREFIX) else { return false };
    body.len() == secret::SECRET_CHARS + secret::CHECK_CHARS
        && secret::is_well_formed(body)
        && secret::checksum(&body[..secret::SECRET_CHARS]) == body[secret::SECRET_CHARS..]
}

#[derive(diesel::QueryableByName)]
struct HolderRow {
    #[diesel(sql_type = BigInt)]
    token_id: TokenId,
    #[diesel(sql_type = Text)]
    token_name: String,
    #[diesel(sql_type = Array<Text>)]
    scopes: Vec<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    last_used_at: Option<Time>,
    #[diesel(sql_type = BigInt)]
    person_id: PersonId,
    #[diesel(sql_type = Text)]
    email: String,
    #[diesel(sql_type = Text)]
    role: String,
    #[diesel(sql_type = Array<Text>)]
    scope_queues: Vec<String>,
    #[diesel(sql_type = Array<Text>)]
    scope_tags: Vec<String>,
}

/// Finds who holds the token `text`, with their rights as of now, and notes the use (at most once a minute).
///
/// `None`: not a token, unknown, revoked, expired, or its owner is disabled. The caller must not tell which.
///
/// # Errors
/// Database failures, and a role that this program does not know.
pub fn authenticate(conn: &mut PgConnection, text: &str, now: Time) -> Result<Option<Actor>, DbError> {
    const SQL: &str = "-- queue::access::token::authenticate
SELECT t.id AS token_id, t.name AS token_name, t.scopes, t.last_used_at, p.id AS person_id, p.email, p.role,
    p.scope_queues, p.scope_tags
FROM millrace.tokens t JOIN millrace.people p ON p.id = t.person_id
WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2)
    AND p.disabled_at IS NULL";
    if !is_well_formed(text) {
        return Ok(None);
    }
    let row: Option<HolderRow> =
        statement(SQL).bind::<Bytea, _>(hash(text).to_vec()).bind::<Timestamptz, _>(now).row(conn)?;
    let Some(row) = row else { return Ok(None) };
    if row.last_used_at.is_none_or(|last| now - last >= TimeDelta::minutes(1)) {
        touch(conn, row.token_id, now)?;
    }
    Ok(Some(Actor {
        person: Some(row.person_id),
        name: row.email,
        role: super::stored_role(&row.role)?,
        scope: Scope { queues: row.scope_queues, tags: row.scope_tags },
        via: Via::Token { id: row.token_id, name: row.token_name, scopes: row.scopes },
        address: None,
        request: None,
    }))
}

/// Gives the way in of a token by its row, for work that goes on after the request; `None` = it was revoked, has expired or is gone.
///
/// # Errors
/// Database failures.
pub fn held(conn: &mut PgConnection, id: TokenId, now: Time) -> Result<Option<Via>, DbError> {
    const SQL: &str = "-- queue::access::token::held
SELECT t.name, t.scopes FROM millrace.tokens t
WHERE t.id = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > $2)";
    let rows: Vec<(String, Vec<String>)> =
        statement(SQL)
            .bind::<BigInt, _>(id)
            .bind::<Timestamptz, _>(now)
            .tuples::<(Text, Array<Text>), (String, Vec<String>)>(conn)?;
    Ok(rows.into_iter().next().map(|(name, scopes)| Via::Token { id, name, scopes }))
}

fn touch(conn: &mut PgConnection, id: TokenId, now: Time) -> Result<(), DbError> {
    const SQL: &str = "-- queue::access::token::touch
UPDATE millrace.tokens SET last_used_at = $1 WHERE id = $2";
    statement(SQL).bind::<Timestamptz, _>(now).bind::<BigInt, _>(id).run(conn)?;
    Ok(()) // 0 rows: the owner was just removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::permission::Permission;

    fn scopes(texts: &[&str]) -> Result<Scopes, ScopesError> {
        Scopes::parse(texts.iter().copied())
    }

    #[test]
    fn a_token_has_the_documented_shape() {
        let token = generate();

        assert!(is_well_formed(&token), "{token}");
        assert_eq!(token.len(), 41);
        assert_eq!(hint(&token).len(), 7);
    }

    #[test]
    fn a_mistyped_token_is_noticed_without_the_database() {
        let token = generate();
        let other = if token.ends_with('0') { '1' } else { '0' };
        let mistyped = format!("{}{other}", &token[..40]);

        for bad in
            [mistyped.as_str(), "", "mr_", &token[..40], &token.to_uppercase(), "mr_ü", &token.replace("mr_", "xx_")]
        {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }

    #[test]
    fn scopes_name_known_areas() {
        assert_eq!(scopes(&["jobs:write", " jobs:read", "jobs:read"]).unwrap().as_slice(), ["jobs:read", "jobs:write"]);
        assert_eq!(scopes(&[""]), Err(ScopesError::None));
        for bad in ["job:read", "jobs", "jobs:delete", "ALL", "jobs:read:write"] {
            assert_eq!(scopes(&[bad]), Err(ScopesError::Unknown(bad.into())), "{bad}");
        }
        assert_eq!(Scopes::parse(std::iter::repeat_n("all", 65)), Err(ScopesError::TooMany));
    }

    #[test]
    fn every_permission_has_an_area_that_a_token_can_name() {
        for permission in Permission::ALL {
            assert!(AREAS.contains(&permission.token_scope().0), "{permission:?}");
        }
    }

    #[test]
    fn scopes_can_be_handed_on_but_not_widened() {
        let granted = vec!["jobs:write".to_owned(), "queues:read".to_owned()];

        assert!(scopes(&["jobs:read", "queues:read"]).unwrap().are_within(&granted));
        assert!(!scopes(&["queues:write"]).unwrap().are_within(&granted));
        assert!(!scopes(&["all"]).unwrap().are_within(&granted));
        assert!(scopes(&["audit:read"]).unwrap().are_within(&["all".to_owned()]));
    }
}
