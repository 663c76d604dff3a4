//! The audit trail of the demo's past: what staff did, in the order in which they did it.

use std::collections::BTreeMap;

use diesel::sql_types::{BigInt, Bool, Jsonb, Nullable, Text, Timestamptz};
use serde_json::Value;

use super::people::Person;
use crate::base::clock::Time;
use crate::base::db::{DbError, Tx, statement};

/// Address of the shop's office (RFC 5737).
const OFFICE: &str = "192.0.2.14";

/// Something that somebody did.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When.
    pub at: Time,
    email: String,
    act: &'static str,
    subject_kind: &'static str,
    subject: String,
    accepted: bool,
    reason: Option<String>,
    after: Option<Value>,
}

impl Entry {
    /// Begins an accepted act of a person.
    pub fn by(who: &Person, at: Time, act: &'static str, subject_kind: &'static str, subject: impl ToString) -> Self {
        Self::of(who.email(), at, act, (subject_kind, subject.to_string()))
    }

    /// Begins an accepted act of whoever has this login name.
    pub fn of(email: String, at: Time, act: &'static str, (subject_kind, subject): (&'static str, String)) -> Self {
        Self { at, email, act, subject_kind, subject, accepted: true, reason: None, after: None }
    }

    /// Adds the reason.
    #[must_use]
    pub fn because(self, reason: Option<String>) -> Self {
        Self { reason, ..self }
    }

    /// Adds what it led to.
    #[must_use]
    pub fn to(self, after: Value) -> Self {
        Self { after: Some(after), ..self }
    }

    /// Makes it a refused attempt, for this reason.
    #[must_use]
    pub fn refused(self, reason: &str) -> Self {
        Self { accepted: false, reason: Some(reason.to_owned()), ..self }
    }
}

/// Writes the trail in order of time. `people` gives the row id of each login name. Only a demo writes records of other moments
/// than the present one.
///
/// # Errors
/// Database failures.
pub fn write(tx: &mut Tx<'_>, people: &BTreeMap<String, i64>, mut entries: Vec<Entry>) -> Result<(), DbError> {
    const SQL: &str = "-- demo::trail::write
INSERT INTO millrace.audit (at, person_id, actor, via, address, act, subject_kind, subject, accepted, reason, after)
VALUES ($1, $2, $3, 'console', $4, $5, $6, $7, $8, $9, $10)";
    entries.sort_by_key(|entry| entry.at);
    for entry in entries {
        statement(SQL)
            .bind::<Timestamptz, _>(entry.at)
            .bind::<Nullable<BigInt>, _>(people.get(&entry.email))
            .bind::<Text, _>(&entry.email)
            .bind::<Text, _>(OFFICE)
            .bind::<Text, _>(entry.act)
            .bind::<Text, _>(entry.subject_kind)
            .bind::<Text, _>(entry.subject)
            .bind::<Bool, _>(entry.accepted)
            .bind::<Nullable<Text>, _>(entry.reason)
            .bind::<Nullable<Jsonb>, _>(entry.after)
            .run(tx)?;
    }
    Ok(())
}
