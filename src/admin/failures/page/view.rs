//! The address of a list: what is asked for, read leniently and written in one way.

use crate::admin::failures::{Cursor, Filter, Range, Sort};
use crate::queue::failures::GroupState;
use crate::web::form::Form;
use crate::web::paths;

/// Longest text of a filter, in characters.
const TEXT_CHARS_MAX: usize = 200;
/// The word for every state.
const ALL: &str = "all";

/// Every state.
pub const ALL_STATES: Tab = Tab::All;
/// What a list begins with.
pub const OPEN: Tab = Tab::Open;

/// What a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The states that are shown together.
    pub tab: Tab,
    /// Everything else that narrows or orders it; its states are those of the tab.
    pub filter: Filter,
    /// Parameters that mean nothing.
    pub unknown: Vec<String>,
}

/// States that are shown together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tab {
    /// What fails and nobody has put aside.
    #[default]
    Open,
    /// One state.
    Only(GroupState),
    /// Everything.
    All,
}

impl Tab {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "open" => Some(Self::Open),
            ALL => Some(Self::All),
            name => GroupState::parse(name).map(Self::Only),
        }
    }

    /// Gives its name in addresses; empty for the one that a list begins with.
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => "",
            Self::Only(state) => state.as_str(),
            Self::All => ALL,
        }
    }

    /// Gives its states; empty = all.
    pub fn states(self) -> Vec<GroupState> {
        match self {
            Self::Open => GroupState::ALL.into_iter().filter(|state| state.is_open()).collect(),
            Self::Only(state) => vec![state],
            Self::All => Vec::new(),
        }
    }
}

impl View {
    /// Reads the parameters of an address; what means nothing is kept in mind and ignored.
    pub fn read(query: &Form) -> Self {
        let mut view = Self::default();
        let text =
            |name: &str| query.text(name).trim().replace('\0', "").chars().take(TEXT_CHARS_MAX).collect::<String>();
        let mut known = |name: &str, is_known: bool| {
            if !is_known {
                view.unknown.push(format!("{name}={}", query.text(name)));
            }
        };
        let tab = Tab::parse(&text("state"));
        known("state", tab.is_some());
        let range = Range::parse(&text("range"));
        known("range", range.is_some() || text("range").is_empty());
        let sort = Sort::parse(&text("sort"));
        known("sort", sort.is_some() || text("sort").is_empty());
        let since = text("since").trim_start_matches('v').parse().ok().filter(|version| *version > 0);
        known("since", since.is_some() || text("since").is_empty());
        let cursor = ["after", "before"].into_iter().find_map(|name| Cursor::parse(&text(name), name == "before"));
        view.tab = tab.unwrap_or_default();
        view.filter = Filter {
            states: view.tab.states(),
            template: text("template"),
            queue: text("queue"),
            text: text("q"),
            since_version: since,
            range: range.unwrap_or_default(),
            sort: sort.unwrap_or_default(),
            cursor,
        };
        view
    }

    /// Shows other states, from the first row.
    #[must_use]
    pub fn of(&self, tab: Tab) -> Self {
        Self { tab, filter: Filter { states: tab.states(), cursor: None, ..self.filter.clone() }, unknown: Vec::new() }
    }

    /// Covers another time.
    #[must_use]
    pub fn over(&self, range: Range) -> Self {
        Self { filter: Filter { range, ..self.filter.clone() }, ..self.clone() }
    }

    /// Sorts otherwise, from the first row.
    #[must_use]
    pub fn by(&self, sort: Sort) -> Self {
        Self { filter: Filter { sort, cursor: None, ..self.filter.clone() }, ..self.clone() }
    }

    /// Drops every filter but the states.
    #[must_use]
    pub fn cleared(&self) -> Self {
        let filter = Filter { range: self.filter.range, sort: self.filter.sort, ..Filter::default() };
        Self { filter, ..self.clone() }.of(self.tab)
    }

    /// Gives the parameters in a fixed order, without those that say nothing.
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let filter = &self.filter;
        let unless_default = |text: &str, default: &str| if text == default { String::new() } else { text.to_owned() };
        vec![
            ("state", self.tab.as_str().to_owned()),
            ("template", filter.template.clone()),
            ("queue", filter.queue.clone()),
            ("since", filter.since_version.map(|version| version.to_string()).unwrap_or_default()),
            ("q", filter.text.clone()),
            ("range", unless_default(filter.range.as_str(), Range::default().as_str())),
            ("sort", unless_default(filter.sort.as_str(), Sort::default().as_str())),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect()
    }

    /// Writes the address, from the first row.
    pub fn href(&self) -> String {
        self.at(paths::FAILURES, &[])
    }

    /// Writes the address of `path` with more parameters.
    pub fn at(&self, path: &str, more: &[(&str, &str)]) -> String {
        let mine = self.parameters();
        let pairs: Vec<(&str, &str)> =
            mine.iter().map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied()).collect();
        paths::with_query(path, &pairs)
    }

    /// Gives the filters that narrow it: name, value, the address without it.
    pub fn chips(&self) -> Vec<(&'static str, String, String)> {
        let filter = &self.filter;
        let without = |change: &dyn Fn(&mut Filter)| {
            let mut filter = Filter { cursor: None, ..filter.clone() };
            change(&mut filter);
            Self { filter, ..self.clone() }.href()
        };
        let since = filter.since_version.map(|version| format!("v{version}")).unwrap_or_default();
        [
            ("template", filter.template.clone(), without(&|filter| filter.template.clear())),
            ("queue", filter.queue.clone(), without(&|filter| filter.queue.clear())),
            ("new since", since, without(&|filter| filter.since_version = None)),
            ("text", filter.text.clone(), without(&|filter| filter.text.clear())),
        ]
        .into_iter()
        .filter(|(_, value, _)| !value.is_empty())
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> View {
        View::read(&Form::parse(query.as_bytes()).expect("a query"))
    }

    #[test]
    fn equal_views_have_equal_addresses() {
        assert_eq!(read("").href(), "/failures");
        assert_eq!(
            read("range=7d&q=a+b&state=new&since=v8&sort=last&template=mail.send").href(),
            "/failures?state=new&template=mail.send&since=8&q=a%20b&range=7d"
        );
        assert_eq!(read("state=all").href(), "/failures?state=all");
        assert_eq!(read("state=new").of(Tab::Open).href(), "/failures");
    }

    #[test]
    fn what_means_nothing_is_named_and_ignored() {
        let view = read("state=bad&range=1y&sort=x&since=old&after=nothing");

        assert_eq!(view.unknown, ["state=bad", "range=1y", "sort=x", "since=old"]);
        assert_eq!(view.filter.states.len(), 4);
    }

    #[test]
    fn each_filter_can_be_taken_away() {
        let chips = read("template=a&queue=b&since=3&q=c").chips();

        assert_eq!(chips.len(), 4);
        assert_eq!(chips[0].2, "/failures?queue=b&since=3&q=c");
        assert_eq!(chips[2].1, "v3");
    }
}
