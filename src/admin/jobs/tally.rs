//! How many jobs are in each state, as far as that is known without looking at jobs.

use std::collections::BTreeMap;

use super::JobFilter;
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::Scope;
use crate::queue::counts::{self, Count};
use crate::queue::state::JobState;

/// Jobs by state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<JobState, i64>);

impl Tally {
    /// Adds up what `keep` wants.
    fn of(counts: &[Count], keep: impl Fn(&Count) -> bool) -> Self {
        let mut tally = BTreeMap::new();
        for count in counts.iter().filter(|count| keep(count)) {
            *tally.entry(count.state).or_default() += count.jobs;
        }
        Self(tally)
    }

    /// Gives the jobs in one state.
    pub fn in_state(&self, state: JobState) -> i64 {
        self.0.get(&state).copied().unwrap_or(0)
    }

    /// Gives the jobs in any of these states; all of them when none is named.
    pub fn within<'s>(&self, states: impl IntoIterator<Item = &'s JobState>) -> i64 {
        let mut named = states.into_iter().peekable();
        match named.peek() {
            None => self.0.values().sum(),
            Some(_) => named.map(|state| self.in_state(*state)).sum(),
        }
    }
}

/// Counts for a list: of the whole scope, and of the queues and templates that are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Everything that may be seen.
    pub all: Tally,
    /// What the queues and templates hold that are asked for; `None` when more is asked than counts can tell.
    pub filtered: Option<Tally>,
    /// Queues that hold jobs that may be seen, by name.
    pub queues: Vec<String>,
}

/// Counts for a list with `filter`; `None` when the scope goes by tags, which no count knows.
///
/// # Errors
/// Database failures.
pub fn counted(conn: &mut PgConnection, scope: &Scope, filter: &JobFilter) -> Result<Option<Counted>, DbError> {
    if !scope.tags.is_empty() {
        return Ok(None);
    }
    let counts = counts::read(conn)?;
    let seen = |count: &Count| scope.covers(&count.queue, &[]);
    let one_of = |list: &[String], name: &String| list.is_empty() || list.contains(name);
    let filtered = filter.counted().map(|asked| {
        let meant = |count: &Count| {
            seen(count) && one_of(&asked.queues, &count.queue) && one_of(&asked.templates, &count.template)
        };
        Tally::of(&counts, meant)
    });
    let mut queues: Vec<String> = counts.iter().filter(|count| seen(count)).map(|count| count.queue.clone()).collect();
    queues.dedup(); // they are read in the order of names
    Ok(Some(Counted { all: Tally::of(&counts, seen), filtered, queues }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_add_up() {
        let count = |queue: &str, state, jobs| Count { queue: queue.into(), template: "t".into(), state, jobs };
        let counts = [
            count("mail", JobState::Ready, 3),
            count("mail", JobState::Failed, 2),
            count("other", JobState::Ready, 10),
        ];

        let mail = Tally::of(&counts, |count| count.queue == "mail");

        assert_eq!(mail.within([]), 5);
        assert_eq!(mail.within(&[JobState::Ready, JobState::Held]), 3);
        assert_eq!(mail.in_state(JobState::Held), 0);
    }
}
