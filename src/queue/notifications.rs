//! What people were told. Whatever ends while somebody is elsewhere is told with [`tell`]; the web kit keeps toasts with it too.

use diesel::sql_types::{BigInt, Bool, Double, Nullable, Text};

use super::actor::PersonId;
use crate::base::db::{DbError, PgConnection, statement};

/// Most messages that are kept of one person.
pub const KEPT_MAX: i64 = 500;
/// How long a message is kept.
pub const KEPT_DAYS: f64 = 30.0;
/// Most messages that one run of [`forget_old`] removes.
pub const FORGET_MAX: i64 = 1_000;
const TITLE_CHARS_MAX: usize = 300;
const BODY_CHARS_MAX: usize = 1_000;
const WORD_CHARS_MAX: usize = 60;
const PATH_BYTES_MAX: usize = 2_000;

/// Whether it is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Something was done.
    Done,
    /// Neither good nor bad.
    Info,
    /// Done, but not wholly.
    Warning,
    /// Refused, or failed.
    Failed,
}

impl Tone {
    const ALL: [Self; 4] = [Self::Done, Self::Info, Self::Warning, Self::Failed];

    /// Gives its name in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }

    /// Reads its name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tone| tone.as_str() == text)
    }
}

/// Something to tell somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Whether it is good news.
    pub tone: Tone,
    /// What happened, with its full stop.
    pub title: String,
    /// What follows from it; empty for nothing.
    pub body: String,
    /// The way on or back: a word and a path of the console. Anything else than such a path is left out.
    pub link: Option<(String, String)>,
    /// Whether the person has seen it already, as a toast for example.
    pub is_read: bool,
}

impl Message {
    /// Makes an unread message of a title alone.
    pub fn new(tone: Tone, title: impl Into<String>) -> Self {
        Self { tone, title: title.into(), body: String::new(), link: None, is_read: false }
    }

    /// Adds what follows from it.
    pub fn saying(self, body: impl Into<String>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Adds the way on or back.
    pub fn linking(self, word: impl Into<String>, path: impl Into<String>) -> Self {
        Self { link: Some((word.into(), path.into())), ..self }
    }
}

/// Tells `person` something; within the transaction of what it is about, if `conn` is in one. What is too long is cut, and of the
/// person's messages the oldest go beyond [`KEPT_MAX`].
///
/// # Errors
/// [`DbError::Constraint`] `notifications_person` when the person is gone; other database failures.
pub fn tell(conn: &mut PgConnection, person: PersonId, message: &Message) -> Result<(), DbError> {
    const SQL: &str = "-- queue::notifications::tell
WITH told AS (
    INSERT INTO millrace.notifications (person_id, tone, title, body, link_word, link_path, read_at)
    VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $7 THEN clock_timestamp() END)
)
DELETE FROM millrace.notifications WHERE person_id = $1
    AND id <= (SELECT id FROM millrace.notifications WHERE person_id = $1 ORDER BY id DESC OFFSET $8 LIMIT 1)";
    let link = message.link.as_ref().filter(|(word, path)| !word.is_empty() && is_own(path));
    statement(SQL)
        .bind::<BigInt, _>(person)
        .bind::<Text, _>(message.tone.as_str())
        .bind::<Text, _>(cut(&message.title, TITLE_CHARS_MAX))
        .bind::<Text, _>(cut(&message.body, BODY_CHARS_MAX))
        .bind::<Nullable<Text>, _>(link.map(|(word, _)| cut(word, WORD_CHARS_MAX)))
        .bind::<Nullable<Text>, _>(link.map(|(_, path)| path.as_str()))
        .bind::<Bool, _>(message.is_read)
        .bind::<BigInt, _>(KEPT_MAX - 1) // the new one is not seen yet
        .run(conn)?;
    Ok(())
}

fn is_own(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains('\0') && path.len() <= PATH_BYTES_MAX
}

/// Cuts a text at a number of characters.
fn cut(text: &str, chars_max: usize) -> String {
    let text: String = text.chars().filter(|c| *c != '\0').collect();
    match text.chars().count() {
        count if count > chars_max => text.chars().take(chars_max - 1).chain(['…']).collect(),
        _ => text,
    }
}

/// Removes up to [`FORGET_MAX`] messages that are older than [`KEPT_DAYS`], and tells how many. A duty.
///
/// # Errors
/// Database failures.
pub fn forget_old(conn: &mut PgConnection) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::notifications::forget_old
DELETE FROM millrace.notifications WHERE id IN (
    SELECT id FROM millrace.notifications WHERE at < (SELECT clock_timestamp()) - $1 * interval '1 day' ORDER BY at, id LIMIT $2)";
    statement(SQL).bind::<Double, _>(KEPT_DAYS).bind::<BigInt, _>(FORGET_MAX).run(conn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_the_console_are_linked_to() {
        assert!(is_own("/jobs/7?a=b"));
        for path in ["", "jobs", "//evil.example", "https://evil.example", "/\0"] {
            assert!(!is_own(path), "{path:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_with_a_sign() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("äb\0c", 3), "äbc");
    }

    #[test]
    fn tones_round_trip() {
        assert!(Tone::ALL.into_iter().all(|tone| Tone::parse(tone.as_str()) == Some(tone)));
    }
}
