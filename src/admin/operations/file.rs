//! Jobs written down: the file that an export makes.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::bulk::Format;
use crate::admin::jobs::service::visible_error;
use crate::admin::jobs::{Detail, json as told_as, service::visible_args};
use crate::base::clock::Time;
use crate::base::db::DbError;
use crate::queue::actor::Actor;

/// The heading of a table.
const COLUMNS: [&str; 18] = [
    "id",
    "state",
    "template",
    "version",
    "queue",
    "priority",
    "attempt",
    "max_attempts",
    "created_at",
    "run_at",
    "started_at",
    "finished_at",
    "node",
    "enqueued_by",
    "tags",
    "error",
    "args",
    "parent",
];
/// Largest inflated chunk, in bytes.
const CHUNK_BYTES_MAX: u64 = 256 * 1024 * 1024;

fn unwritten(error: impl std::fmt::Display) -> DbError {
    DbError::Corrupt(format!("a file could not be written: {error}"))
}

/// Writes jobs as `actor` may see them, deflated; `is_first` = with the heading of a table.
///
/// # Errors
/// [`DbError::Corrupt`] when they cannot be written.
pub fn lines(format: Format, actor: &Actor, jobs: &[Detail], is_first: bool) -> Result<Vec<u8>, DbError> {
    let plain = match format {
        Format::Csv => table(actor, jobs, is_first)?,
        Format::JsonLines => {
            let lines: Vec<String> = jobs.iter().map(|job| told_as::in_list(actor, job).to_string() + "\n").collect();
            lines.concat().into_bytes()
        }
    };
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::fast());
    deflated.write_all(&plain).map_err(unwritten)?;
    deflated.finish().map_err(unwritten)
}

/// Gives the text of a deflated chunk.
///
/// # Errors
/// [`DbError::Corrupt`].
pub fn inflated(body: &[u8]) -> Result<Vec<u8>, DbError> {
    let mut text = Vec::new();
    DeflateDecoder::new(body).take(CHUNK_BYTES_MAX).read_to_end(&mut text).map_err(unwritten)?;
    Ok(text)
}

fn table(actor: &Actor, jobs: &[Detail], is_first: bool) -> Result<Vec<u8>, DbError> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    if is_first {
        csv.write_record(COLUMNS).map_err(unwritten)?;
    }
    for job in jobs {
        csv.write_record(row(actor, job)).map_err(unwritten)?;
    }
    csv.into_inner().map_err(unwritten)
}

fn row(actor: &Actor, job: &Detail) -> [String; COLUMNS.len()] {
    let at = |time: Option<Time>| time.map(|time| time.to_rfc3339()).unwrap_or_default();
    let number = |number: Option<i64>| number.map(|number| number.to_string()).unwrap_or_default();
    [
        job.id.to_string(),
        job.state().to_string(),
        harmless(&job.template),
        job.version.to_string(),
        harmless(&job.queue),
        job.priority.to_string(),
        job.attempt.to_string(),
        job.most_attempts().to_string(),
        at(Some(job.created_at)),
        at(job.run_at.or(job.asked_for)),
        at(job.started_at),
        at(job.finished_at),
        harmless(job.node.as_deref().unwrap_or_default()),
        harmless(&job.enqueued_by),
        harmless(&job.tags.join(" ")),
        harmless(job.error.as_deref().map(|error| visible_error(actor, error)).unwrap_or_default()),
        visible_args(actor, job).to_string(),
        number(job.parent.map(|parent| parent.0)),
    ]
}

/// A cell that spreadsheets do not take for a formula (OWASP, "CSV injection").
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::jobs::sample::job;
    use crate::queue::permission::Role;
    use crate::queue::state::JobState;

    fn written(format: Format, role: Role) -> String {
        let mut failed = job(JobState::Failed);
        failed.error = Some("=HYPERLINK(\"evil\")\nat x, y".into());
        let actor = Actor { role, ..Actor::system("test") };
        let body = lines(format, &actor, &[failed, job(JobState::Ready)], true).expect("written");
        String::from_utf8(inflated(&body).expect("inflated")).expect("a text")
    }

    #[test]
    fn a_table_has_a_heading_and_no_formulas() {
        let text = written(Format::Csv, Role::Admin);
        let mut table = csv::Reader::from_reader(text.as_bytes());

        assert_eq!(table.headers().expect("a heading").iter().collect::<Vec<_>>(), COLUMNS);
        let rows: Vec<csv::StringRecord> = table.records().map(|row| row.expect("a row")).collect();
        assert_eq!((rows.len(), &rows[0][15]), (2, "'=HYPERLINK(\"evil\")\nat x, y"));
        assert_eq!(&rows[0][1], "failed");
    }

    #[test]
    fn lines_are_what_the_api_says_and_hide_what_it_hides() {
        let lines = written(Format::JsonLines, Role::Viewer);

        let first: serde_json::Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("json");
        assert_eq!((lines.lines().count(), &first["state"]), (2, &"failed".into()));
        assert!(!lines.contains("HYPERLINK"), "{lines}");
        assert!(!written(Format::Csv, Role::Viewer).contains("HYPERLINK"));
    }
}
