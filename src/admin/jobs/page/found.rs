//! What a list shows, read in one go: the rows, the counts, and for an empty list what would fill it.

use super::names;
use super::view::{ListView, Order};
use crate::admin::jobs::list::LOOKS_MAX;
use crate::admin::jobs::place::Place;
use crate::admin::jobs::sorted::{Sorted, Within, sorted};
use crate::admin::jobs::tally::{Counted, counted};
use crate::admin::jobs::{Cursor, JobFilter, JobPage, list, service};
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::Actor;
use crate::web::shell::Shell;

/// Most parts that are left out in turn.
const HINTS_MAX: usize = 5;
/// Rows that are counted when a part of the filter is left out.
const HINT_ROWS_MAX: u32 = 50;

/// A list as it was read.
#[derive(Debug, Clone)]
pub struct Found {
    /// The rows.
    pub page: JobPage,
    /// What the order holds for, when it is not the whole list.
    pub within: Option<Within>,
    /// The pages before and behind in an order that no index holds.
    pub steps: [Option<Place>; 2],
    /// It was looked from the oldest on.
    pub from_oldest: bool,
    /// Jobs by state, as far as known.
    pub counted: Option<Counted>,
    /// For an empty list: each part of the filter with what comes back without it.
    pub hints: Vec<Hint>,
}

/// A part of the filter whose removal brings rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The part, in the middle of a sentence.
    pub part: String,
    /// How many rows then: `are 12 jobs`, `are 50 jobs or more`.
    pub rows: (&'static str, String),
    /// The list without it.
    pub href: String,
}

impl Found {
    /// Reads what `view` shows to `actor`.
    ///
    /// # Errors
    /// Database failures.
    pub fn read(conn: &mut PgConnection, actor: &Actor, shell: &Shell, view: &ListView) -> Result<Self, DbError> {
        let filter = filter(actor, shell, view);
        let Sorted { mut page, within, steps } = look(conn, actor, &filter, view)?;
        names::in_rows(conn, &mut page.rows, &view.columns)?;
        let counted = counted(conn, &actor.scope, &filter)?;
        let empty = page.rows.is_empty() && page.edge.is_none();
        let hints = if empty { hints(conn, actor, shell, view)? } else { Vec::new() };
        let from_oldest = view.order == Order::Oldest;
        Ok(Self { page, within, steps, from_oldest, counted, hints })
    }

    /// Gives how many jobs the view means; `None` when only a look could tell.
    pub fn total(&self, view: &ListView) -> Option<i64> {
        let tally = self.counted.as_ref().and_then(|counted| counted.filtered.as_ref())?;
        Some(tally.within(&view.states()))
    }

    /// Tells how far a look reached that found less than a page; empty when it saw everything.
    pub fn looked(&self) -> String {
        let end = if self.from_oldest { "up" } else { "down" };
        self.page.edge.map(|edge| format!("Looked at jobs {end} to number {edge}.")).unwrap_or_default()
    }
}

/// Reads a page. What is rare is looked for behind the many that do not match, so that a first look at others' jobs is not the end.
fn look(conn: &mut PgConnection, actor: &Actor, filter: &JobFilter, view: &ListView) -> Result<Sorted, DbError> {
    let mut found = sorted(conn, &actor.scope, filter, (view.order, view.cursor), view.rows_max)?;
    let mut looks = found.page.looks;
    while looks < LOOKS_MAX && found.page.rows.is_empty() {
        let Some(edge) = found.page.edge else { break };
        found = sorted(conn, &actor.scope, filter, (view.order, view.cursor.on_from(edge)), view.rows_max)?;
        looks += found.page.looks;
        if view.cursor == Cursor::Newest {
            found.page.newer = None; // there was nothing on the way
        }
    }
    Ok(found)
}

/// The view as `actor` asks for it now, in the zone of the page.
fn filter(actor: &Actor, shell: &Shell, view: &ListView) -> JobFilter {
    view.filter_for(shell.now, shell.zone, service::sees_payload(actor))
}

fn hints(conn: &mut PgConnection, actor: &Actor, shell: &Shell, view: &ListView) -> Result<Vec<Hint>, DbError> {
    let mut hints = Vec::new();
    for (part, without) in parts(view) {
        let filter = filter(actor, shell, &without);
        let page = list(conn, &actor.scope, &filter, Cursor::Newest, HINT_ROWS_MAX)?;
        let more = page.older.is_some() || page.edge.is_some();
        if !page.rows.is_empty() {
            hints.push(Hint { part, rows: rows(page.rows.len(), more), href: without.href() });
        }
    }
    Ok(hints)
}

fn rows(number: usize, more: bool) -> (&'static str, String) {
    match (number, more) {
        (1, false) => ("is", "1 job".into()),
        (number, false) => ("are", format!("{number} jobs")),
        (number, true) => ("are", format!("{number} jobs or more")),
    }
}

/// Each part of the query, with the view that lacks it.
fn parts(view: &ListView) -> Vec<(String, ListView)> {
    let searched = view.searched_id();
    let terms = view.query.terms().into_iter().filter(|term| searched.is_none_or(|id| !view.is_id(term, id)));
    let mut parts: Vec<(String, ListView)> = terms.map(|term| (term.to_string(), view.without(term))).collect();
    if !view.search.is_empty() {
        parts.push((format!("the search “{}”", view.search), view.without_search()));
    }
    if view.cursor != Cursor::Newest {
        parts.push(("the place in the list".into(), view.at(Cursor::Newest)));
    }
    parts.truncate(HINTS_MAX);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_a_filter_can_be_left_out_alone() {
        let parameters = [("state", "failed"), ("queue", "mail"), ("tag", "vip"), ("q", "late")];
        let view = ListView::read(parameters.map(|(name, value)| (name.into(), value.into())).into());

        let parts: Vec<_> = parts(&view).into_iter().map(|(part, view)| (part, view.href())).collect();

        assert_eq!(parts[0], ("state:failed".into(), "/jobs?queue=mail&tag=vip&q=late".into()));
        assert_eq!(parts[3], ("the search “late”".into(), "/jobs?state=failed&queue=mail&tag=vip".into()));
    }

    #[test]
    fn what_comes_back_is_counted_in_words() {
        assert_eq!(rows(1, false), ("is", "1 job".into()));
        assert_eq!(rows(10, false), ("are", "10 jobs".into()));
        assert_eq!(rows(50, true), ("are", "50 jobs or more".into()));
    }
}
