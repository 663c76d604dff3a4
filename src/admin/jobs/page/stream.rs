//! The stream of the list: values change in place, and what would move rows is counted until somebody asks for it.

use std::collections::BTreeSet;
use std::time::Duration;

use actix_web::HttpResponse;

use super::found::Found;
use super::list::ListPage;
use super::names;
use super::row::Row;
use super::view::{ListView, address};
use crate::admin::jobs::{Cursor, rows_of};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::web::error::WebError;
use crate::web::live::{Frame, Listener, LiveError, panels};
use crate::web::paths;
use crate::web::shell::Shell;

/// Query parameter of the stream with the rows that the page shows.
const ROWS: &str = "rows";

/// The stream knows which rows the page shows: a job that leaves the view is followed to where it went.
pub(super) fn stream_address(view: &ListView, found: &Found) -> String {
    let ids: Vec<String> = found.page.rows.iter().map(|row| row.id.to_string()).collect();
    let mut parameters = view.parameters();
    parameters.retain(|(name, _)| !["after", "before", "place", "refresh"].contains(&name.as_str()));
    if view.cursor != Cursor::Newest {
        parameters.push(("first".into(), "no".into()));
    }
    parameters.push((ROWS.into(), ids.join(".")));
    address(&paths::live("jobs"), &parameters)
}

/// `GET /live/jobs`: counts, the cells of the rows that are shown, and how many rows would move.
pub async fn stream(listener: Listener) -> Result<HttpResponse, WebError> {
    let shown = Shown::read(listener.query().0.into_fields());
    let look = move |conn: &mut PgConnection, actor: &Actor, shell: Shell, _: u64| shown.frame(conn, actor, shell);
    listener.follow("jobs", Duration::from_secs(2), look).await
}

/// What a page shows that listens.
struct Shown {
    view: ListView,
    rows: Vec<JobId>,
    /// It begins at the newest row, so that new ones are news.
    first: bool,
}

impl Shown {
    fn read(mut parameters: Vec<(String, String)>) -> Self {
        let of = |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let rows = of(ROWS).unwrap_or_default();
        let first = of("first").is_none();
        parameters.retain(|(name, _)| name != ROWS && name != "first");
        let rows = rows.split('.').filter_map(|id| id.parse().ok().map(JobId)).take(crate::admin::jobs::ROWS_MAX);
        Self { rows: rows.collect(), first, view: ListView::read(parameters) }
    }

    fn frame(&self, conn: &mut PgConnection, actor: &Actor, shell: Shell) -> Result<Frame, LiveError> {
        let found = Found::read(conn, actor, &shell, &self.view)?;
        let mut present = rows_of(conn, &actor.scope, &self.rows)?;
        names::in_rows(conn, &mut present, &self.view.columns)?;
        let changed = if self.first { self.changed(&found) } else { 0 };
        let mut page = ListPage::new(actor, shell, self.view.clone(), found);
        page.changed = changed;
        let mut panels = panels(&[
            ("panel-facts", &page.as_facts()),
            ("panel-tabs", &page.as_tabs()),
            ("panel-news", &page.as_news()),
        ])?;
        for row in &present {
            panels.extend(Row::new(row, &self.view.columns, actor, &page.shell).panels()?);
        }
        Ok(Frame { panels, tail: None })
    }

    /// Counts the rows that came and those that went.
    fn changed(&self, found: &Found) -> usize {
        let shown: BTreeSet<i64> = self.rows.iter().map(|job| job.0).collect();
        let now: BTreeSet<i64> = found.page.rows.iter().map(|row| row.id.0).collect();
        let came = now.difference(&shown).count();
        let went = shown.difference(&now).count().saturating_sub(came); // pushed off the end by those that came
        came + went + self.moved(found)
    }

    /// Counts the rows that stand elsewhere among those that stayed: none in the order of numbers, which never change.
    fn moved(&self, found: &Found) -> usize {
        let now: Vec<JobId> = found.page.rows.iter().map(|row| row.id).filter(|id| self.rows.contains(id)).collect();
        let shown = self.rows.iter().filter(|id| now.contains(id));
        shown.zip(&now).filter(|(shown, now)| shown != now).count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::sample::row;
    use super::*;
    use crate::admin::jobs::{JobPage, JobRow};
    use crate::queue::state::JobState;

    fn found(ids: &[i64]) -> Found {
        let rows = ids.iter().map(|id| JobRow { id: JobId(*id), ..row(JobState::Ready) }).collect();
        let page = JobPage { rows, newer: None, older: None, edge: None, looks: 1 };
        Found { page, within: None, from_oldest: false, steps: [None; 2], counted: None, hints: Vec::new() }
    }

    #[test]
    fn rows_that_came_went_and_moved_are_counted_once() {
        let shown = |ids: &str| Shown::read(vec![("rows".into(), ids.into())]);

        assert_eq!(shown("3.2.1").changed(&found(&[3, 2, 1])), 0);
        assert_eq!(shown("3.2.1").changed(&found(&[4, 3, 2])), 1);
        assert_eq!(shown("3.2.1").changed(&found(&[3, 1])), 1);
        assert_eq!(shown("").changed(&found(&[1, 2])), 2);
        assert_eq!(shown("3.2.1").changed(&found(&[2, 3, 1])), 2, "two changed places");
    }
}
