//! What a list of jobs shows, read from its address and written back in one form: equal views have equal addresses.

use chrono_tz::Tz;

use super::place::Place;
use super::query::print::{Style, values};
use super::query::value::{Bound, Range};
use super::query::{Asker, Field, Part, Problem, Query, Term, Test, parameter, parse};
use super::{Cursor, JobFilter, PAGE_ROWS_MAX};
use crate::base::clock::Time;
use crate::queue::job::JobId;
use crate::queue::state::JobState;
use crate::web::paths;

mod shape;

pub use shape::{Column, Columns, Key, Order, Way};

/// Rows of a page when the address says nothing.
pub const ROWS_DEFAULT: u32 = 50;
/// Parameters that belong to the frame, not to the list.
const OF_FRAME: [&str; 2] = ["tz", "refresh"];
/// Most parameters kept that are not understood.
const STRANGERS_MAX: usize = 20;

/// A view of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListView {
    /// Which jobs.
    pub query: Query,
    /// What stands in the search box: words, and what has no parameter of its own.
    pub search: String,
    /// In which order.
    pub order: Order,
    /// What is shown of each.
    pub columns: Columns,
    /// The saved view that was opened, by its slug.
    pub saved: Option<String>,
    /// Where the page begins.
    pub cursor: Cursor,
    /// Rows of the page.
    pub rows_max: u32,
    /// What was not understood, as it is named to the person.
    pub unknown: Vec<Unknown>,
    /// Parameters that are kept as they are: those of the frame, and those not understood.
    kept: Vec<(String, String)>,
    /// The address holds typed fields that belong into parameters of their own.
    typed: bool,
}

/// A piece that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// As it stands in the address or the box.
    pub word: String,
    /// What is wrong, and what could stand there.
    pub message: String,
    /// Where it begins in the box: characters from 1; `None` for a parameter.
    pub column: Option<usize>,
}

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.column {
            Some(column) => write!(f, "{} (column {column}): {}", self.word, self.message),
            None => write!(f, "{}: {}", self.word, self.message),
        }
    }
}

impl From<Problem> for Unknown {
    fn from(problem: Problem) -> Self {
        Self { word: problem.typed, message: problem.message, column: Some(problem.column) }
    }
}

impl Default for ListView {
    fn default() -> Self {
        Self {
            query: Query::default(),
            search: String::new(),
            order: Order::default(),
            columns: Columns::default(),
            saved: None,
            cursor: Cursor::Newest,
            rows_max: ROWS_DEFAULT,
            unknown: Vec::new(),
            kept: Vec::new(),
            typed: false,
        }
    }
}

impl ListView {
    /// Reads a view from the parameters of an address. Nothing is refused.
    pub fn read(parameters: Vec<(String, String)>) -> Self {
        let mut view = Self::default();
        view.read_columns(&parameters);
        for (name, value) in parameters {
            view.take(name, value);
        }
        view.read_search();
        view
    }

    /// Boxes of a form send a parameter each, addresses hold one.
    fn read_columns(&mut self, parameters: &[(String, String)]) {
        let texts: Vec<&str> =
            parameters.iter().filter(|(name, _)| name == "cols").map(|(_, text)| text.as_str()).collect();
        let named = texts.iter().flat_map(|text| text.split(',')).filter_map(|name| Column::parse(name).ok());
        self.columns = Columns::of(named.collect());
        let are_known = texts.iter().flat_map(|text| text.split(',')).all(|name| Column::parse(name).is_ok());
        self.typed = texts.len() > 1 && are_known; // what is strange is kept beside them
    }

    fn take(&mut self, name: String, value: String) {
        match name.as_str() {
            _ if value.trim().is_empty() => {}
            "q" => self.search = value,
            "view" => self.saved = Some(value),
            "sort" => match Order::parse(&value) {
                Ok(order) => self.order = order,
                Err(message) => self.name_stranger(name, value, message),
            },
            "cols" => {
                if let Some(message) = value.split(',').find_map(|column| Column::parse(column).err()) {
                    self.name_stranger(name, value, message);
                }
            }
            "n" => self.take_number(name, value, |view, rows| view.rows_max = rows),
            "after" => self.take_number(name, value, |view, k| view.cursor = Cursor::After(k)),
            "before" => self.take_number(name, value, |view, k| view.cursor = Cursor::Before(k)),
            "place" => match Place::parse(&value) {
                Ok(place) => self.cursor = Cursor::At(place),
                Err(message) => self.name_stranger(name, value, message),
            },
            _ if OF_FRAME.contains(&name.as_str()) => self.kept.push((name, value)),
            _ => match parameter(&name, &value) {
                Ok(term) => self.query.add(Part::Term(term)),
                Err(message) => self.name_stranger(name, value, message),
            },
        }
    }

    fn take_number<T: std::str::FromStr>(&mut self, name: String, value: String, put: impl FnOnce(&mut Self, T)) {
        match value.parse() {
            Ok(number) => put(self, number),
            Err(_) => {
                let message = format!("{value:?} is no whole number");
                self.name_stranger(name, value, message);
            }
        }
        self.rows_max = self.rows_max.clamp(1, PAGE_ROWS_MAX);
    }

    fn name_stranger(&mut self, name: String, value: String, message: String) {
        if self.kept.len() < STRANGERS_MAX {
            self.unknown.push(Unknown { word: format!("{name}={value}"), message, column: None });
            self.kept.push((name, value));
        }
    }

    /// Takes the fields out of the search text; a lone number is a job's id.
    fn read_search(&mut self) {
        if let Some(id) = self.search.trim().parse().ok().filter(|id: &i64| *id > 0) {
            self.search = id.to_string();
            self.query.add(Part::Term(id_term(id)));
            return;
        }
        let parsed = parse(&self.search);
        self.typed |= !parsed.query.terms().is_empty();
        let rest = parsed.query.rest();
        for part in parsed.query.parts() {
            self.query.add(part.clone());
        }
        let strange = parsed.problems.iter().map(|problem| problem.typed.clone());
        let words = std::iter::once(box_text(&rest)).chain(strange);
        self.search = words.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        self.unknown.extend(parsed.problems.into_iter().map(Unknown::from));
    }

    /// Tells whether the address should be written anew, with what was typed as parameters.
    pub fn is_to_be_rewritten(&self) -> bool {
        self.typed
    }

    /// Gives the id that stands alone in the search box.
    pub fn searched_id(&self) -> Option<i64> {
        let id = self.search.parse().ok()?;
        self.query.terms().contains(&&id_term(id)).then_some(id)
    }

    /// Tells whether a term asks for exactly this job.
    pub fn is_id(&self, term: &Term, id: i64) -> bool {
        *term == id_term(id)
    }

    /// Gives the job whose number is all that is asked for.
    pub fn lone_id(&self) -> Option<JobId> {
        let id = self.searched_id()?;
        let is_alone = self.query.parts().len() == 1 && self.unknown.is_empty() && self.cursor == Cursor::Newest;
        is_alone.then_some(JobId(id))
    }

    /// Gives the filter for somebody who asks now, in a zone, and may (or may not) see what jobs work on.
    pub fn filter_for(&self, now: Time, zone: Tz, sees_payload: bool) -> JobFilter {
        JobFilter { query: self.query.clone(), asker: Asker { now, zone, sees_payload } }
    }

    /// Lists the states that are asked for by a term of their own; none = any.
    pub fn states(&self) -> Vec<JobState> {
        let terms = self.query.terms();
        let term = terms.iter().find(|term| term.field == Field::State && !term.is_excluded);
        let tests = term.map(|term| term.tests.as_slice()).unwrap_or_default();
        tests.iter().filter_map(|test| if let Test::State(state) = test { Some(*state) } else { None }).collect()
    }

    /// Gives the parameters in their order, defaults left out.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let searched = self.searched_id().map(id_term);
        let terms = self.query.terms().into_iter().filter(|term| Some(*term) != searched.as_ref());
        let mut all: Vec<(String, String)> = terms.map(written).collect();
        let rows = (self.rows_max != ROWS_DEFAULT).then_some(self.rows_max);
        all.push(("q".to_owned(), self.search.clone()));
        all.push(("sort".to_owned(), self.order.text()));
        all.push(("cols".to_owned(), self.columns.text()));
        all.push(("n".to_owned(), rows.map(|rows| rows.to_string()).unwrap_or_default()));
        match self.cursor {
            Cursor::Newest => {}
            Cursor::After(k) => all.push(("after".to_owned(), k.to_string())),
            Cursor::Before(k) => all.push(("before".to_owned(), k.to_string())),
            Cursor::At(place) => all.push(("place".to_owned(), place.text())),
        }
        all.push(("view".to_owned(), self.saved.clone().unwrap_or_default()));
        all.retain(|(_, value)| !value.is_empty());
        all.extend(self.kept.iter().cloned());
        all
    }

    /// Gives the address of this view.
    pub fn href(&self) -> String {
        address(paths::JOBS, &self.parameters())
    }

    /// Gives the view of another query, from its newest row.
    pub fn asking(&self, query: Query) -> Self {
        Self { cursor: Cursor::Newest, query, ..self.clone() }
    }

    /// Gives the view without `term`.
    pub fn without(&self, term: &Term) -> Self {
        self.asking(self.query.without(term))
    }

    /// Gives the view of all states.
    pub fn of_all_states(&self) -> Self {
        self.asking(self.query.without_field(&Field::State))
    }

    /// Gives the view with `state` added or taken away.
    pub fn toggled(&self, state: JobState) -> Self {
        let mut states = self.states();
        match states.iter().position(|known| *known == state) {
            Some(at) => drop(states.remove(at)),
            None => states.push(state),
        }
        let mut query = self.query.without_field(&Field::State);
        if !states.is_empty() {
            states.sort_unstable();
            query.add(Part::Term(Term::of(Field::State, states.into_iter().map(Test::State).collect())));
        }
        self.asking(query)
    }

    /// Gives the view without what stands in the search box.
    pub fn without_search(&self) -> Self {
        let query = match self.searched_id() {
            Some(id) => self.query.without(&id_term(id)),
            None => {
                let mut query = Query::default();
                self.query.terms().into_iter().for_each(|term| query.add(Part::Term(term.clone())));
                query
            }
        };
        Self { search: String::new(), ..self.asking(query) }
    }

    /// Gives the view that shows everything, in the same shape.
    pub fn cleared(&self) -> Self {
        let kept = self.kept.iter().filter(|(name, _)| OF_FRAME.contains(&name.as_str())).cloned().collect();
        let (order, columns, rows_max) = (self.order, self.columns.clone(), self.rows_max);
        Self { order, columns, rows_max, kept, ..Self::default() }
    }

    /// Gives the view in another order, from its beginning.
    pub fn ordered(&self, order: Order) -> Self {
        Self { order, cursor: Cursor::Newest, ..self.clone() }
    }

    /// Lists what was not understood in the box, each with where it stands there: characters from 0.
    pub fn marks(&self) -> Vec<(usize, &Unknown)> {
        let strange: Vec<&Unknown> = self.unknown.iter().filter(|one| one.column.is_some()).collect();
        let length = |one: &Unknown| one.word.chars().count() + usize::from(!one.word.is_empty());
        let mut at = (self.search.chars().count() + 1).saturating_sub(strange.iter().map(|one| length(one)).sum());
        let place = |one| {
            let here = at;
            at += length(one);
            (here, one)
        };
        strange.into_iter().map(place).collect()
    }

    /// Gives the view with other columns.
    pub fn with_columns(&self, columns: Columns) -> Self {
        Self { columns, ..self.clone() }
    }

    /// Gives the view with fixed times in the place of those that move with the clock; `None` when it has none.
    pub fn exact(&self, now: Time, zone: Tz) -> Option<Self> {
        let query = self.query.fixed(now, zone)?;
        Some(Self { query, saved: None, ..self.clone() })
    }

    /// Gives what a saved view keeps of it: the parameters without the place in the list and without the view's name.
    pub fn kept_address(&self) -> String {
        let view = Self { saved: None, ..self.at(Cursor::Newest) };
        let mut parameters = view.parameters();
        parameters.retain(|(name, _)| name != "refresh");
        address("", &parameters).trim_start_matches('?').to_owned()
    }

    /// Names something that was not understood and is no part of the query.
    pub fn name_unknown(&mut self, word: String, message: String) {
        self.unknown.push(Unknown { word, message, column: None });
    }

    /// Gives another page of the same view.
    pub fn at(&self, cursor: Cursor) -> Self {
        Self { cursor, ..self.clone() }
    }

    /// Gives the view with another number of rows, from its newest.
    pub fn of_rows(&self, rows_max: u32) -> Self {
        Self { rows_max, cursor: Cursor::Newest, ..self.clone() }
    }
}

fn id_term(id: i64) -> Term {
    let end = Some(Bound { value: id, is_within: true });
    Term::of(Field::Id, vec![Test::Number(Range { from: end, to: end })])
}

/// Writes what stands in the box so that it is read as the same again: a number alone would be a job's.
fn box_text(rest: &Query) -> String {
    let text = rest.to_string();
    if text.parse::<i64>().is_ok() { format!("\"{text}\"") } else { text }
}

/// Writes a term as a parameter: a minus before its values excludes.
fn written(term: &Term) -> (String, String) {
    let sign = if term.is_excluded { "-" } else { "" };
    (term.field.name(), format!("{sign}{}", values(term, Style::Address)))
}

/// Writes a query whose values may be lists: commas between them stay readable.
pub fn address(path: &str, parameters: &[(String, String)]) -> String {
    let pair = |(name, value): &(String, String)| {
        let value = match name.as_str() {
            "q" => paths::encode(value),
            _ => value.split(',').map(paths::encode).collect::<Vec<_>>().join(","),
        };
        format!("{}={value}", paths::encode(name))
    };
    let query = parameters.iter().map(pair).collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests;
