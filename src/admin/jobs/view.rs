//! What a list of jobs shows, read from its address and written back in one form: equal views have equal addresses.

use crate::admin::jobs::query::typed;
use crate::admin::jobs::{Cursor, JobFilter, PAGE_ROWS_MAX};
use crate::queue::job::JobId;
use crate::queue::state::JobState;
use crate::web::paths;

/// Rows of a page when the address says nothing.
pub const ROWS_DEFAULT: u32 = 50;
/// Parameters that belong to the frame, not to the list.
const OF_FRAME: [&str; 2] = ["tz", "refresh"];
/// Most parameters kept that are not understood.
const STRANGERS_MAX: usize = 20;

/// A view of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListView {
    /// Which jobs.
    pub filter: JobFilter,
    /// What stands in the search box.
    pub search: String,
    /// Where the page begins.
    pub cursor: Cursor,
    /// Rows of the page.
    pub rows_max: u32,
    /// What was not understood, as it is named to the person.
    pub unknown: Vec<String>,
    /// Parameters that are kept as they are: those of the frame, and those not understood.
    kept: Vec<(String, String)>,
    /// The address holds typed fields that belong into parameters of their own.
    typed: bool,
}

impl Default for ListView {
    fn default() -> Self {
        Self {
            filter: JobFilter::default(),
            search: String::new(),
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
        for (name, value) in parameters {
            view.take(name, value);
        }
        view.read_search();
        view
    }

    fn take(&mut self, name: String, value: String) {
        match name.as_str() {
            _ if value.trim().is_empty() => {}
            "q" => self.search = value,
            "n" => self.take_number(name, value, |view, rows| view.rows_max = rows),
            "after" => self.take_number(name, value, |view, k| view.cursor = Cursor::After(k)),
            "before" => self.take_number(name, value, |view, k| view.cursor = Cursor::Before(k)),
            _ if OF_FRAME.contains(&name.as_str()) => self.kept.push((name, value)),
            _ => {
                for one in value.split(',').filter(|one| !one.is_empty()) {
                    if !self.filter.add(&name, one) {
                        self.name_stranger(&name, one);
                    }
                }
            }
        }
    }

    fn take_number<T: std::str::FromStr>(&mut self, name: String, value: String, put: impl FnOnce(&mut Self, T)) {
        match value.parse() {
            Ok(number) => put(self, number),
            Err(_) => self.name_stranger(&name, &value),
        }
        self.rows_max = self.rows_max.clamp(1, PAGE_ROWS_MAX);
    }

    fn name_stranger(&mut self, name: &str, value: &str) {
        if self.kept.len() < STRANGERS_MAX {
            let fields = ["state", "id", "n", "after", "before"];
            self.unknown.push(if fields.contains(&name) { format!("{name}={value}") } else { name.to_owned() });
            self.kept.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Takes the fields out of the search text; a lone number is a job's id.
    fn read_search(&mut self) {
        let typed = typed(&self.search);
        self.typed = typed.filter != JobFilter::default();
        self.filter.states.extend(&typed.filter.states);
        let lists = [("queue", typed.filter.queues), ("template", typed.filter.templates), ("tag", typed.filter.tags)];
        for (name, values) in lists {
            for value in values {
                self.filter.add(name, &value);
            }
        }
        self.filter.id = self.filter.id.or(typed.filter.id);
        let is_quoted = self.search.contains('"');
        self.search = search(&typed.text, is_quoted, &typed.unknown);
        self.unknown.extend(typed.unknown);
        match typed.text.parse::<i64>().ok().filter(|id| *id > 0 && !is_quoted) {
            Some(id) => self.filter.id = Some(id),
            None => self.filter.text = Some(typed.text).filter(|text| !text.is_empty()),
        }
    }

    /// Tells whether the address should be written anew, with what was typed as parameters.
    pub fn is_to_be_rewritten(&self) -> bool {
        self.typed
    }

    /// Gives the job whose number is all that is asked for.
    pub fn lone_id(&self) -> Option<JobId> {
        let id = self.filter.id.filter(|id| self.search == id.to_string())?;
        let rest = self.changed(|filter| filter.id = None);
        (rest.filter.is_everything() && self.unknown.is_empty() && self.cursor == Cursor::Newest).then_some(JobId(id))
    }

    /// Gives the filter for somebody who may (or may not) see arguments.
    pub fn filter_for(&self, sees_args: bool) -> JobFilter {
        JobFilter { names_only: !sees_args, ..self.filter.clone() }
    }

    /// Gives the parameters in their order, defaults left out.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let states: Vec<&str> = JobState::ALL
            .iter()
            .filter(|state| self.filter.states.contains(state))
            .map(|state| state.as_str())
            .collect();
        let id = self.filter.id.filter(|id| self.search != id.to_string());
        let rows = (self.rows_max != ROWS_DEFAULT).then_some(self.rows_max);
        let mut all = vec![
            ("state".to_owned(), states.join(",")),
            ("queue".to_owned(), self.filter.queues.join(",")),
            ("template".to_owned(), self.filter.templates.join(",")),
            ("tag".to_owned(), self.filter.tags.join(",")),
            ("id".to_owned(), id.map(|id| id.to_string()).unwrap_or_default()),
            ("q".to_owned(), self.search.clone()),
            ("n".to_owned(), rows.map(|rows| rows.to_string()).unwrap_or_default()),
        ];
        match self.cursor {
            Cursor::Newest => {}
            Cursor::After(k) => all.push(("after".to_owned(), k.to_string())),
            Cursor::Before(k) => all.push(("before".to_owned(), k.to_string())),
        }
        all.retain(|(_, value)| !value.is_empty());
        all.extend(self.kept.iter().cloned());
        all
    }

    /// Gives the address of this view.
    pub fn href(&self) -> String {
        address(paths::JOBS, &self.parameters())
    }

    /// Gives the view from its newest row, changed by `change`.
    pub fn changed(&self, change: impl FnOnce(&mut JobFilter)) -> Self {
        let mut view = Self { cursor: Cursor::Newest, ..self.clone() };
        change(&mut view.filter);
        view
    }

    /// Gives the view with `state` added or taken away.
    pub fn toggled(&self, state: JobState) -> Self {
        self.changed(|filter| {
            if !filter.states.remove(&state) {
                filter.states.insert(state);
            }
        })
    }

    /// Gives the view without a search text.
    pub fn without_search(&self) -> Self {
        let view = self.changed(|filter| (filter.text, filter.id) = (None, None));
        Self { search: String::new(), ..view }
    }

    /// Gives the view that shows everything, with as many rows.
    pub fn cleared(&self) -> Self {
        let kept = self.kept.iter().filter(|(name, _)| OF_FRAME.contains(&name.as_str())).cloned().collect();
        Self { rows_max: self.rows_max, kept, ..Self::default() }
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

/// Writes words back so that they are read as words again.
fn search(text: &str, is_quoted: bool, unknown: &[String]) -> String {
    let again = typed(text);
    let is_same = again.text == text && again.unknown.is_empty() && again.filter == JobFilter::default();
    let plain = is_same && !(is_quoted && text.parse::<i64>().is_ok()); // a quoted number is text, not a job's id
    let text = if plain { text.to_owned() } else { format!("\"{text}\"") };
    std::iter::once(text).chain(unknown.iter().cloned()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Writes a query whose values may be lists: commas between them stay readable.
pub fn address(path: &str, parameters: &[(String, String)]) -> String {
    let pair = |(name, value): &(String, String)| {
        let list = ["state", "queue", "template", "tag"].contains(&name.as_str());
        let value = match list {
            true => value.split(',').map(paths::encode).collect::<Vec<_>>().join(","),
            false => paths::encode(value),
        };
        format!("{}={value}", paths::encode(name))
    };
    let query = parameters.iter().map(pair).collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(query: &str) -> ListView {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        ListView::read(pairs.map(|(name, value)| (name.into(), value.into())).collect())
    }

    #[test]
    fn equal_views_have_equal_addresses() {
        let one = view("n=50&q=nordwind&queue=mail&state=failed,retrying");
        let other = view("state=retrying&state=failed&queue=mail&q=nordwind");

        assert_eq!(one.href(), "/jobs?state=retrying,failed&queue=mail&q=nordwind");
        assert_eq!(one.href(), other.href());
        assert_eq!(ListView::default().href(), "/jobs");
    }

    #[test]
    fn what_is_typed_moves_into_parameters() {
        let view = view("q=state:failed tag:vip late order&queue=mail");

        assert!(view.is_to_be_rewritten());
        assert_eq!(view.href(), "/jobs?state=failed&queue=mail&tag=vip&q=late%20order");
    }

    #[test]
    fn what_is_not_understood_is_kept_and_named() {
        let view = view("quue=mail&state=broken,failed&q=error:x word&n=many");

        assert_eq!(view.unknown, ["quue", "state=broken", "n=many", "error:x"]);
        assert_eq!(view.href(), "/jobs?state=failed&q=word%20error%3Ax&quue=mail&state=broken&n=many");
        assert!(!view.is_to_be_rewritten());
        assert_eq!(view.filter.text.as_deref(), Some("word"));
    }

    #[test]
    fn a_lone_number_is_an_id_and_quoted_text_stays_text() {
        assert_eq!(view("q=48213907").filter.id, Some(48_213_907));
        assert_eq!(view("q=48213907").href(), "/jobs?q=48213907");
        assert_eq!(view("id=7").href(), "/jobs?id=7");

        let quoted = view("q=\"state:failed now\"");
        assert_eq!(quoted.filter.text.as_deref(), Some("state:failed now"));
        assert_eq!(quoted.search, "\"state:failed now\"");
        assert_eq!(ListView::read(quoted.parameters()), quoted);
    }

    #[test]
    fn only_a_number_alone_means_a_job_and_nothing_else() {
        assert_eq!(view("q=27").lone_id(), Some(JobId(27)));
        assert_eq!(view("q=27&tz=Europe/Rome").lone_id(), Some(JobId(27)));
        for more in ["id=27", "q=\"27\"", "q=27&state=failed", "q=27&after=9", "q=27 late", "q=27&quue=x", "q=late"] {
            assert_eq!(view(more).lone_id(), None, "{more}");
        }
    }

    #[test]
    fn changing_the_filter_goes_back_to_the_newest_rows() {
        let view = view("state=failed&after=99&n=100&tz=Europe/Rome");

        assert_eq!(view.href(), "/jobs?state=failed&n=100&after=99&tz=Europe%2FRome");
        assert_eq!(view.toggled(JobState::Failed).href(), "/jobs?n=100&tz=Europe%2FRome");
        assert_eq!(view.toggled(JobState::Held).href(), "/jobs?state=held,failed&n=100&tz=Europe%2FRome");
        assert_eq!(view.cleared().href(), "/jobs?n=100&tz=Europe%2FRome");
        assert_eq!(view.at(Cursor::Before(5)).href(), "/jobs?state=failed&n=100&before=5&tz=Europe%2FRome");
        assert_eq!(view.of_rows(50).href(), "/jobs?state=failed&tz=Europe%2FRome");
    }

    proptest::proptest! {
        #[test]
        fn an_address_is_read_back_as_the_same_view(search in ".{0,60}", queue in "[a-z]{0,5}", after in proptest::option::of(0i64..)) {
            let mut given = vec![("q".to_owned(), search), ("queue".to_owned(), queue)];
            given.extend(after.map(|k| ("after".to_owned(), k.to_string())));
            let view = ListView { typed: false, ..ListView::read(given) };

            let again = ListView::read(view.parameters());

            proptest::prop_assert_eq!(again.parameters(), view.parameters());
            proptest::prop_assert!(!again.is_to_be_rewritten());
        }
    }
}
