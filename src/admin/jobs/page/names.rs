//! People are called by their names on pages; jobs keep the address that they sign in with.

use super::story::Story;
use crate::admin::jobs::view::{Column, Columns};
use crate::admin::jobs::{JobRow, Reason};
use crate::admin::templates::Authors;
use crate::base::db::{DbError, PgConnection};

/// Stands before the signature in the error of a job that somebody cancelled.
const CANCELLED_BY: &str = "cancelled by ";

/// Calls everybody in `story` by name.
///
/// # Errors
/// Database failures.
pub fn in_story(conn: &mut PgConnection, story: &mut Story) -> Result<(), DbError> {
    let signatures: Vec<String> =
        signed(story).into_iter().flat_map(|text| signature(text)).map(String::from).collect();
    let authors = authors(conn, signatures.iter().map(String::as_str))?;
    for text in signed(story) {
        call(text, &authors);
    }
    Ok(())
}

/// Calls whoever cancelled one of these jobs by name, and whoever enqueued one where that is shown.
///
/// # Errors
/// Database failures.
pub fn in_rows(conn: &mut PgConnection, rows: &mut [JobRow], columns: &Columns) -> Result<(), DbError> {
    let texts = rows.iter_mut().flat_map(|row| {
        let error = row.error.as_mut().filter(|error| error.starts_with(CANCELLED_BY));
        [error, row.enqueued_by.as_mut().filter(|_| columns.has(Column::By))]
    });
    let mut errors: Vec<&mut String> = texts.flatten().collect();
    let signatures: Vec<String> = errors.iter().flat_map(|text| signature(text)).map(String::from).collect();
    let authors = authors(conn, signatures.iter().map(String::as_str))?;
    errors.iter_mut().for_each(|text| call(text, &authors));
    Ok(())
}

/// Every text that is a signature, or an error that may hold one.
fn signed(story: &mut Story) -> Vec<&mut String> {
    let job = &mut story.job;
    let of_job = [Some(&mut job.enqueued_by), job.parked_by.as_mut(), job.cancel_by.as_mut(), job.error.as_mut()];
    let held = story.explanation.reasons.iter_mut().filter_map(|reason| match reason {
        Reason::Held { by, .. } => Some(by),
        _ => None, // the others are read with names
    });
    let children = story.children.iter_mut().map(|child| &mut child.enqueued_by);
    let attempts = story.attempts.iter_mut().filter_map(|attempt| attempt.error.as_mut());
    of_job.into_iter().flatten().chain(held).chain(children).chain(attempts).collect()
}

/// Programs and millrace itself have no address, so that most pages ask for nobody.
fn authors<'s>(conn: &mut PgConnection, signatures: impl Iterator<Item = &'s str>) -> Result<Authors, DbError> {
    let people: Vec<&str> = signatures.filter(|signature| signature.contains('@')).collect();
    if people.is_empty() { Ok(Authors::default()) } else { Authors::read(conn, people) }
}

/// The signature in a text: all of it, or what follows "cancelled by" up to the reason.
fn signature(text: &str) -> Option<&str> {
    match text.strip_prefix(CANCELLED_BY) {
        Some(rest) => rest.split(": ").next(),
        None => Some(text).filter(|text| !text.contains('\n')),
    }
}

fn call(text: &mut String, authors: &Authors) {
    let Some(signature) = signature(text) else { return };
    let called = authors.called(signature);
    if called != signature {
        *text = text.replacen(signature, &called, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_found_in_the_error_of_a_cancelled_job() {
        for (text, found) in [
            ("ada@example.org (token ci)", Some("ada@example.org (token ci)")),
            ("cancelled by ada@example.org", Some("ada@example.org")),
            ("cancelled by ada@example.org: not needed: at all", Some("ada@example.org")),
            ("HTTP 503\nfrom ada@example.org", None),
        ] {
            assert_eq!(signature(text), found, "{text}");
        }
    }
}
