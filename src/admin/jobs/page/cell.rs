//! One cell of a list: a template of its own, so that each can be sent alone, whichever columns somebody chose.

use askama::Template;
use askama::filters::HtmlSafe;

use super::row::{activity, label, percent};
use crate::admin::jobs::JobRow;
use crate::admin::jobs::view::Column;
use crate::queue::job::JobId;
use crate::web::format::{self, Stamp};
use crate::web::paths;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// Labels that a cell shows.
const TAGS_MAX: usize = 3;

/// A cell.
#[derive(Template)]
#[template(path = "jobs/cell.html")]
pub struct Cell {
    id: JobId,
    column: Column,
    holds: Holds,
}

/// What stands in a cell.
enum Holds {
    State { tone: Tone, label: String, percent: Option<u8> },
    Link { href: String, text: String, is_code: bool },
    Text(String),
    Attempt { number: i16, most: i32 },
    Moment { words: String, stamp: Stamp },
    Tags { tags: Vec<String>, more: usize },
    Nothing,
}

/// Escapes everything itself: it is one of our templates.
impl HtmlSafe for Cell {}

impl Cell {
    /// Shows what `row` has in `column`.
    pub fn new(column: Column, row: &JobRow, shell: &Shell) -> Self {
        Self { id: row.id, column, holds: Holds::of(column, row, shell) }
    }

    /// Gives the id of the element that holds it.
    pub fn id(&self) -> String {
        format!("job-{}-{}", self.id, self.column.name())
    }

    /// Gives the heading of its column.
    pub fn heading(&self) -> &'static str {
        self.column.heading()
    }

    /// The class of its `<td>`: numbers stand at the right, and small screens show what was chosen on purpose.
    pub fn class(&self) -> String {
        let side = if self.column.is_number() { "n" } else { "nb" };
        format!("{side} c-{}", self.column.name())
    }
}

impl Holds {
    fn of(column: Column, row: &JobRow, shell: &Shell) -> Self {
        let state = row.state();
        let length = |ms: Option<i64>| ms.map_or(Self::Nothing, |ms| Self::Text(format::duration_ms(ms.max(0))));
        let moment = |at| {
            let at: Option<crate::base::clock::Time> = at;
            at.map_or(Self::Nothing, |at| Self::Moment {
                words: format::relative(at, shell.now),
                stamp: shell.stamp(at),
            })
        };
        match column {
            Column::State => {
                Self::State { tone: state.into(), label: label(state, row.run_at, shell.now), percent: percent(row) }
            }
            Column::Queue => Self::Link { href: paths::queue(&row.queue), text: row.queue.clone(), is_code: false },
            Column::Node => row.node.as_ref().map_or(Self::Nothing, |node| Self::Link {
                href: paths::node(node),
                text: node.clone(),
                is_code: true,
            }),
            Column::Priority => Self::Text(row.priority.to_string()),
            Column::Attempt => Self::Attempt { number: row.attempt, most: row.max_attempts.max(row.attempt.into()) },
            Column::Wait => length(row.wait_ms),
            Column::Run => length(row.run_ms),
            Column::Created => moment(row.created_at),
            Column::Due => moment(row.run_at),
            Column::Version => row.version.map_or(Self::Nothing, |version| Self::Text(format!("v{version}"))),
            Column::By => row.enqueued_by.clone().map_or(Self::Nothing, Self::Text),
            Column::Activity => Self::Moment { words: activity(state, row.at, shell.now), stamp: shell.stamp(row.at) },
            Column::Tags => match row.tags.as_deref().unwrap_or_default() {
                [] => Self::Nothing,
                tags => Self::Tags {
                    tags: tags.iter().take(TAGS_MAX).cloned().collect(),
                    more: tags.len().saturating_sub(TAGS_MAX),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::sample::row;
    use super::*;
    use crate::queue::state::JobState;
    use crate::web::shell::sample::shell;

    fn shown(column: Column, row: &JobRow) -> String {
        Cell::new(column, row, &shell()).to_string()
    }

    #[test]
    fn every_column_shows_something_of_a_job_and_a_dash_where_there_is_nothing() {
        let full = JobRow { wait_ms: Some(-3), run_ms: Some(2_400), ..row(JobState::Running) };
        for (column, words) in [
            (Column::State, "Running"),
            (Column::Queue, "/queues/mail.transactional"),
            (Column::Priority, "2"),
            (Column::Attempt, "3 / 8"),
            (Column::Node, "/nodes/fra-02"),
            (Column::Wait, "0 ms"),
            (Column::Run, "2.4 s"),
            (Column::Created, "datetime="),
            (Column::Due, "in 4 s"),
            (Column::Tags, "vip"),
            (Column::Version, "v3"),
            (Column::By, "api"),
            (Column::Activity, "started 52 s ago"),
        ] {
            let html = shown(column, &full);
            assert!(html.contains(words), "{column:?}: {html}");
        }
        assert!(shown(Column::Attempt, &full).contains("attempt 3 of 8"), "small screens say it in words");
        let first = JobRow { attempt: 1, ..row(JobState::Running) };
        assert!(!shown(Column::Attempt, &first).contains("attempt 1"), "the first try is nothing to tell");
        let none = JobRow { node: None, wait_ms: None, tags: None, version: None, ..row(JobState::Ready) };
        for column in [Column::Node, Column::Wait, Column::Tags, Column::Version] {
            assert!(shown(column, &none).contains("–"), "{column:?}");
        }
    }
}
