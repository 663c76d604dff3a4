//! Which jobs are meant, and what can be known of that without looking at each.

use std::collections::BTreeSet;

use super::query::value::{Range, Test};
use super::query::{Asker, Field, Part, Query, Term};
use crate::queue::actor::Scope;
use crate::queue::state::JobState;

/// A query as somebody asks it.
#[derive(Debug, Clone)]
pub struct JobFilter {
    /// What is asked.
    pub query: Query,
    /// Who asks.
    pub asker: Asker,
}

impl JobFilter {
    /// The terms that must hold, and are not excluded.
    fn wanted(&self) -> impl Iterator<Item = &Term> {
        self.query.parts().iter().filter_map(|part| match part {
            Part::Term(term) if !term.is_excluded => Some(term),
            Part::Term(_) | Part::Any(_) | Part::Not(_) => None,
        })
    }

    /// Tells whether rows have to be looked at beyond their state and id.
    pub fn needs_look(&self, scope: &Scope) -> bool {
        let by_place = |part: &Part| matches!(part, Part::Term(term) if matches!(term.field, Field::State | Field::Id));
        !self.query.parts().iter().all(by_place) || !scope.is_everything()
    }

    /// Gives the states in which the jobs can be; all when none is asked for.
    pub fn states(&self) -> BTreeSet<JobState> {
        let of = |term: &Term| -> BTreeSet<JobState> {
            let state = |test: &Test| if let Test::State(state) = test { Some(*state) } else { None };
            term.tests.iter().filter_map(state).collect()
        };
        let mut states: BTreeSet<JobState> = JobState::ALL.into();
        for part in self.query.parts() {
            match part {
                Part::Term(term) if term.field == Field::State && term.is_excluded => states = &states - &of(term),
                Part::Term(term) if term.field == Field::State => states = &states & &of(term),
                Part::Term(_) | Part::Any(_) | Part::Not(_) => {}
            }
        }
        states
    }

    /// Gives the states in which jobs can stand that match: those asked for, and of these the ones that can have what is asked.
    pub fn places(&self) -> BTreeSet<JobState> {
        let of = |can: &dyn Fn(JobState) -> bool| JobState::ALL.into_iter().filter(|state| can(*state)).collect();
        self.wanted().fold(self.states(), |states, term| match term.field {
            Field::Node | Field::Run => &states & &of(&|state| state == JobState::Running || state.is_terminal()),
            Field::Wait => &states & &of(&|state| state == JobState::Ready || state.is_terminal()),
            Field::Due => {
                &states & &of(&|state| !state.is_terminal() && !matches!(state, JobState::Ready | JobState::Running))
            }
            _ => states,
        })
    }

    /// Tells whether nearly every job may have to be looked into: those that have succeeded and those that wait in line are many, the
    /// others few.
    pub(super) fn are_many(&self) -> bool {
        let places = self.places();
        places.contains(&JobState::Succeeded) || places.contains(&JobState::Ready)
    }

    /// Gives the lowest and the highest id that the jobs can have.
    pub fn ids(&self) -> (i64, i64) {
        let ends = |range: &Range<i64>| {
            let from = range.from.map_or(1, |from| from.value.saturating_add(i64::from(!from.is_within)));
            (from, range.to.map_or(i64::MAX, |to| to.value.saturating_sub(i64::from(!to.is_within))))
        };
        let mut all = (1, i64::MAX);
        for term in self.wanted().filter(|term| term.field == Field::Id) {
            let ranges = term
                .tests
                .iter()
                .filter_map(|test| if let Test::Number(range) = test { Some(ends(range)) } else { None });
            let widest = ranges.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1))).unwrap_or(all);
            all = (all.0.max(widest.0), all.1.min(widest.1));
        }
        all
    }

    /// Gives the queues and templates of which all jobs in the wanted states are meant (empty = any); `None` when counts by these
    /// cannot tell how many.
    pub fn counted(&self) -> Option<Counted> {
        let mut counted = Counted::default();
        for part in self.query.parts() {
            let Part::Term(Term { field, is_excluded: false, tests }) = part else { return None };
            let names: Option<Vec<String>> =
                tests.iter().map(|test| if let Test::Is(name) = test { Some(name.clone()) } else { None }).collect();
            match field {
                Field::State => {}
                Field::Queue => counted.queues = names?,
                Field::Template => counted.templates = names?,
                _ => return None,
            }
        }
        Some(counted)
    }
}

/// Tells whether a field is about what jobs work on: an argument, the words of a failure, or words that may stand in either.
pub fn is_of_payload(field: &Field) -> bool {
    matches!(field, Field::Arg(_) | Field::Error | Field::Text)
}

/// Tells whether a query asks about what jobs work on, so that its words may be what some people may not see.
pub fn asks_payload(query: &Query) -> bool {
    query.parts().iter().any(|part| match part {
        Part::Term(term) => is_of_payload(&term.field),
        Part::Any(choices) => choices.iter().any(asks_payload),
        Part::Not(query) => asks_payload(query),
    })
}

/// What counts go by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// One of these queues; empty = any.
    pub queues: Vec<String>,
    /// One of these templates; empty = any.
    pub templates: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::super::query::parse;
    use super::*;

    fn filter(text: &str) -> JobFilter {
        let now = "2026-11-24T12:00:00Z".parse().expect("a time");
        let asker = Asker { now, zone: chrono_tz::UTC, sees_payload: true };
        JobFilter { query: parse(text).query, asker }
    }

    #[test]
    fn where_jobs_can_be_follows_from_what_is_asked() {
        assert_eq!(filter("state:failed,held tag:x").states(), [JobState::Held, JobState::Failed].into());
        assert_eq!(filter("state:failed -state:failed").states(), [].into());
        assert_eq!(filter("-state:succeeded").states().len(), JobState::ALL.len() - 1);
        assert_eq!(filter("state:failed OR tag:x").states().len(), JobState::ALL.len());
        assert_eq!(filter("id:7").ids(), (7, 7));
        assert_eq!(filter("id:>7 id:<=20,15").ids(), (8, 20));
        assert_eq!(filter("-id:7").ids(), (1, i64::MAX));
    }

    #[test]
    fn jobs_stand_where_they_can_have_what_is_asked() {
        let waiting = [JobState::Blocked, JobState::Scheduled, JobState::Held, JobState::Retrying];
        let ended = [JobState::Succeeded, JobState::Failed, JobState::Cancelled, JobState::Expired];
        let with = |state: JobState| ended.into_iter().chain([state]).collect();

        assert_eq!(filter("node:a").places(), with(JobState::Running));
        assert_eq!(filter("run:>5s tag:x").places(), with(JobState::Running));
        assert_eq!(filter("wait:>5m").places(), with(JobState::Ready));
        assert_eq!(filter("due:<+1h").places(), waiting.into());
        assert_eq!(filter("node:a state:ready").places(), [].into());
        assert_eq!(filter("node:a OR tag:x").places().len(), JobState::ALL.len());
        assert_eq!(filter("-node:a error:x").places().len(), JobState::ALL.len());
    }

    #[test]
    fn what_counts_can_tell_is_known() {
        let names = |queues: &[&str], templates: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            Some(Counted { queues: owned(queues), templates: owned(templates) })
        };

        assert_eq!(filter("").counted(), names(&[], &[]));
        assert_eq!(filter("state:failed queue:a,b template:t").counted(), names(&["a", "b"], &["t"]));
        for text in ["queue:a*", "-queue:a", "tag:x", "state:failed OR state:held", "word", "id:7"] {
            assert_eq!(filter(text).counted(), None, "{text}");
        }
    }

    #[test]
    fn what_asks_about_payloads_is_known_wherever_it_stands() {
        for text in ["arg.to:a@b", "error:refused", "order", "state:failed (queue:a OR -(tag:x arg.n:>4))"] {
            assert!(asks_payload(&filter(text).query), "{text}");
        }
        for text in ["", "state:failed -tag:x", "(queue:a OR template:t.*) id:7 created:-24h"] {
            assert!(!asks_payload(&filter(text).query), "{text}");
        }
    }

    #[test]
    fn states_and_ids_alone_need_no_look_at_rows() {
        let everything = Scope::default();

        assert!(!filter("state:failed id:>7").needs_look(&everything));
        assert!(filter("queue:mail").needs_look(&everything) && filter("a OR b").needs_look(&everything));
    }
}
