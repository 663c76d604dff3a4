//! The bar over a list: state tabs, chips, and what can still be asked for.

use super::view::ListView;
use crate::admin::jobs::query::print::{Style, values};
use crate::admin::jobs::query::{Field, Term, Test};
use crate::admin::jobs::tally::Counted;
use crate::queue::state::JobState;
use crate::web::format::count;
use crate::web::parts::Tab;
use crate::web::tone::Tone;

/// States that have a tab of their own; the others stand under "More" while they are not chosen.
const IN_FRONT: [JobState; 7] = [
    JobState::Scheduled,
    JobState::Ready,
    JobState::Running,
    JobState::Retrying,
    JobState::Succeeded,
    JobState::Failed,
    JobState::Held,
];

/// The tabs of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tabs {
    /// Those that are always seen, and the chosen ones.
    pub front: Vec<Tab>,
    /// The others.
    pub more: Vec<Tab>,
    /// How many jobs are behind "More"; empty when not known.
    pub more_count: String,
}

/// Makes the tabs of `view`. Tabs toggle and combine; counts hold for its queues and templates.
pub fn tabs(view: &ListView, counted: Option<&Counted>) -> Tabs {
    let states = view.states();
    let chosen = |state: &JobState| states.contains(state);
    let numbered = counted.and_then(|counted| counted.filtered.as_ref());
    let tab = |state: JobState| {
        let tone = Tone::from(state);
        let tab = Tab::new(tone.word(), view.toggled(state).href(), chosen(&state)).toned(tone);
        numbered.map_or(tab.clone(), |tally| tab.counting(count(tally.in_state(state))))
    };
    let mut all = Tab::new("All", view.of_all_states().href(), states.is_empty());
    all.count = numbered.map(|tally| count(tally.within([])).to_string()).unwrap_or_default();
    let (front, rest): (Vec<_>, Vec<_>) =
        ordered().into_iter().partition(|state| IN_FRONT.contains(state) || chosen(state));
    let more_count = numbered.filter(|_| !rest.is_empty()).map(|tally| count(tally.within(&rest)).to_string());
    Tabs {
        front: std::iter::once(all).chain(front.into_iter().map(tab)).collect(),
        more: rest.into_iter().map(tab).collect(),
        more_count: more_count.unwrap_or_default(),
    }
}

/// The states in the order of a job's life, the rare ones last.
fn ordered() -> Vec<JobState> {
    IN_FRONT.into_iter().chain(JobState::ALL.into_iter().filter(|state| !IN_FRONT.contains(state))).collect()
}

/// One part of the query, with the way to take it off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chip {
    /// The field.
    pub field: String,
    /// `is`, `is any of`, `is none of`, `has`.
    pub relation: &'static str,
    /// Values, those of states with their look.
    pub values: Vec<(Option<Tone>, String)>,
    /// The list without it.
    pub remove: String,
}

impl Chip {
    /// Writes it in a sentence: `State is Failed`.
    pub fn text(&self) -> String {
        let values: Vec<&str> = self.values.iter().map(|(_, value)| value.as_str()).collect();
        format!("{} {} {}", self.field, self.relation, values.join(", "))
    }
}

/// Makes the chips of `view`. What stands in the search box needs none.
pub fn chips(view: &ListView) -> Vec<Chip> {
    let searched = view.searched_id();
    let is_searched = |term: &&Term| searched.is_some_and(|id| view.is_id(term, id));
    view.query.terms().into_iter().filter(|term| !is_searched(term)).map(|term| chip(view, term)).collect()
}

fn chip(view: &ListView, term: &Term) -> Chip {
    let values: Vec<_> = term.tests.iter().map(|test| value(term, test)).collect();
    let is_words = term.tests.iter().all(|test| matches!(test, Test::Has(_)));
    let relation = match (values.len(), term.is_excluded) {
        (_, false) if is_words => "has",
        (_, true) if is_words => "has not",
        (1, false) => "is",
        (1, true) => "is not",
        (_, false) => "is any of",
        (_, true) => "is none of",
    };
    Chip { field: label(&term.field), relation, values, remove: view.without(term).href() }
}

fn value(term: &Term, test: &Test) -> (Option<Tone>, String) {
    match test {
        Test::State(state) => (Some(Tone::from(*state)), Tone::from(*state).word().to_owned()),
        Test::Is(text) | Test::Has(text) => (None, text.clone()),
        other => (None, values(&Term::of(term.field.clone(), vec![other.clone()]), Style::Typed)),
    }
}

/// The name of a field at the beginning of a chip.
fn label(field: &Field) -> String {
    let name = field.name();
    if matches!(field, Field::Arg(_)) {
        return name;
    }
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::jobs::tally::Tally;

    fn view(parameters: &[(&str, &str)]) -> ListView {
        ListView::read(parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    fn counted(filtered: Option<Tally>) -> Counted {
        Counted { filtered, ..Counted::default() }
    }

    #[test]
    fn tabs_toggle_and_a_rare_state_comes_to_the_front_when_chosen() {
        let tabs = tabs(&view(&[("state", "failed,expired")]), Some(&counted(Some(Tally::default()))));

        let chosen: Vec<_> = tabs.front.iter().filter(|tab| tab.current).map(|tab| tab.label.as_str()).collect();
        assert_eq!(chosen, ["Failed", "Expired"]);
        assert_eq!(tabs.front[6].href, "/jobs?state=expired");
        assert_eq!(tabs.more.iter().map(|tab| tab.label.as_str()).collect::<Vec<_>>(), ["Blocked", "Cancelled"]);
        assert_eq!((tabs.front[0].count.as_str(), tabs.more_count.as_str()), ("0", "0"));
    }

    #[test]
    fn counts_that_would_not_fit_the_rows_are_left_out() {
        let tabs = tabs(&view(&[("tag", "vip")]), Some(&counted(None)));

        assert!(tabs.front.iter().all(|tab| tab.count.is_empty()));
    }

    #[test]
    fn each_chip_takes_itself_off() {
        let chips =
            chips(&view(&[("q", "word"), ("state", "failed"), ("queue", "a,b"), ("tag", "-x"), ("attempt", "gt:2")]));

        let shown: Vec<_> = chips.iter().map(|chip| (chip.text(), chip.remove.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("State is Failed".into(), "/jobs?queue=a,b&tag=-x&attempt=gt%3A2&q=word"),
                ("Queue is any of a, b".into(), "/jobs?state=failed&tag=-x&attempt=gt%3A2&q=word"),
                ("Tag is not x".into(), "/jobs?state=failed&queue=a,b&attempt=gt%3A2&q=word"),
                ("Attempt is >2".into(), "/jobs?state=failed&queue=a,b&tag=-x&q=word"),
            ]
        );
    }
}
