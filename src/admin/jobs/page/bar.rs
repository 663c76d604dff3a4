//! The bar over a list: state tabs, chips, and what can still be asked for.

use super::view::ListView;
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
    let chosen = |state: &JobState| view.filter.states.contains(state);
    let numbered =
        counted.filter(|_| view.filter.tags.is_empty() && view.filter.text.is_none() && view.filter.id.is_none());
    let tab = |state: JobState| {
        let tone = Tone::from(state);
        let tab = Tab::new(tone.word(), view.toggled(state).href(), chosen(&state)).toned(tone);
        numbered.map_or(tab.clone(), |counted| tab.counting(count(counted.filtered.in_state(state))))
    };
    let mut all = Tab::new("All", view.changed(|filter| filter.states.clear()).href(), view.filter.states.is_empty());
    all.count = numbered.map(|counted| count(counted.filtered.within([])).to_string()).unwrap_or_default();
    let (front, rest): (Vec<_>, Vec<_>) =
        ordered().into_iter().partition(|state| IN_FRONT.contains(state) || chosen(state));
    let more_count =
        numbered.filter(|_| !rest.is_empty()).map(|counted| count(counted.filtered.within(&rest)).to_string());
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

/// One part of the filter, with the way to take it off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chip {
    /// The field.
    pub field: &'static str,
    /// `is`, `is any of`, `are all of`.
    pub relation: &'static str,
    /// Values, those of states with their look.
    pub values: Vec<(Option<Tone>, String)>,
    /// The list without it.
    pub remove: String,
}

/// Makes the chips of `view`. The search text stands in its box and needs none.
pub fn chips(view: &ListView) -> Vec<Chip> {
    let filter = &view.filter;
    let states = filter.states.iter().map(|state| (Some(Tone::from(*state)), Tone::from(*state).word().to_owned()));
    let names = |names: &[String]| names.iter().map(|name| (None, name.clone())).collect::<Vec<_>>();
    let id = filter.id.filter(|id| view.search != id.to_string());
    let chips = [
        ("State", states.collect(), view.changed(|filter| filter.states.clear())),
        ("Queue", names(&filter.queues), view.changed(|filter| filter.queues.clear())),
        ("Template", names(&filter.templates), view.changed(|filter| filter.templates.clear())),
        ("Tag", names(&filter.tags), view.changed(|filter| filter.tags.clear())),
        (
            "Id",
            names(&id.map(|id| id.to_string()).into_iter().collect::<Vec<_>>()),
            view.changed(|filter| filter.id = None),
        ),
    ];
    let chip = |(field, values, without): (&'static str, Vec<_>, ListView)| Chip {
        field,
        relation: if values.len() == 1 {
            "is"
        } else if field == "Tag" {
            "are all of"
        } else {
            "is any of"
        },
        values,
        remove: without.href(),
    };
    chips.into_iter().filter(|(_, values, _)| !values.is_empty()).map(chip).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(parameters: &[(&str, &str)]) -> ListView {
        ListView::read(parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn tabs_toggle_and_a_rare_state_comes_to_the_front_when_chosen() {
        let tabs = tabs(&view(&[("state", "failed,expired")]), Some(&Counted::default()));

        let chosen: Vec<_> = tabs.front.iter().filter(|tab| tab.current).map(|tab| tab.label.as_str()).collect();
        assert_eq!(chosen, ["Failed", "Expired"]);
        assert_eq!(tabs.front[6].href, "/jobs?state=expired");
        assert_eq!(tabs.more.iter().map(|tab| tab.label.as_str()).collect::<Vec<_>>(), ["Blocked", "Cancelled"]);
        assert_eq!((tabs.front[0].count.as_str(), tabs.more_count.as_str()), ("0", "0"));
    }

    #[test]
    fn counts_that_would_not_fit_the_rows_are_left_out() {
        let tabs = tabs(&view(&[("tag", "vip")]), Some(&Counted::default()));

        assert!(tabs.front.iter().all(|tab| tab.count.is_empty()));
    }

    #[test]
    fn each_chip_takes_itself_off() {
        let chips = chips(&view(&[("state", "failed"), ("queue", "a,b"), ("tag", "x,y"), ("q", "word")]));

        let shown: Vec<_> = chips.iter().map(|chip| (chip.field, chip.relation, chip.remove.as_str())).collect();
        assert_eq!(
            shown,
            [
                ("State", "is", "/jobs?queue=a,b&tag=x,y&q=word"),
                ("Queue", "is any of", "/jobs?state=failed&tag=x,y&q=word"),
                ("Tag", "are all of", "/jobs?state=failed&queue=a,b&q=word"),
            ]
        );
    }
}
