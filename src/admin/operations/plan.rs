//! What an operation is to do, to which jobs.

use chrono_tz::Tz;

use super::Bulk;
use crate::admin::jobs::JobFilter;
use crate::admin::jobs::query::{Asker, Field, Part, Query, Term, Test};
use crate::queue::job::JobId;
use crate::queue::state::JobState;

/// Most jobs that can be named one by one.
pub const IDS_MAX: usize = 1_000;

/// Which jobs.
#[derive(Debug, Clone, PartialEq)]
pub enum Which {
    /// Those that match when it comes to them.
    Query(Query),
    /// These, at most [`IDS_MAX`].
    Ids(Vec<JobId>),
}

/// What an operation is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// To each job.
    pub act: Bulk,
    /// Which.
    pub which: Which,
    /// The zone in which days and times of the query are meant.
    pub zone: Tz,
    /// Most jobs per second; `None` = as fast as it goes.
    pub rate_per_s: Option<i32>,
    /// Why, in the words of whoever starts it.
    pub reason: String,
}

/// Gives the filter of the jobs that match `query` and allow `act`; `None` when there can be none.
pub fn filter(query: &Query, act: &Bulk, asker: Asker) -> Option<JobFilter> {
    let asked = JobFilter { query: query.clone(), asker };
    let states: Vec<JobState> = asked.states().intersection(&act.states()).copied().collect();
    if states.is_empty() {
        return None;
    }
    let mut query = query.without_field(&Field::State);
    query.add(Part::Term(Term::of(Field::State, states.into_iter().map(Test::State).collect())));
    Some(JobFilter { query, asker })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::jobs::query::parse;

    fn states(query: &str, act: Bulk) -> Option<Vec<JobState>> {
        let asker = Asker { now: crate::base::clock::Time::default(), zone: chrono_tz::UTC, sees_payload: true };
        filter(&parse(query).query, &act, asker).map(|filter| filter.states().into_iter().collect())
    }

    #[test]
    fn only_jobs_that_allow_the_act_are_meant() {
        use JobState::{Cancelled, Expired, Failed, Held, Retrying, Scheduled};

        assert_eq!(states("", Bulk::Retry), Some(vec![Scheduled, Retrying, Failed, Cancelled, Expired]));
        assert_eq!(states("state:failed,running queue:mail", Bulk::Retry), Some(vec![Failed]));
        assert_eq!(states("-state:failed", Bulk::Discard), Some(vec![Expired]));
        assert_eq!(states("state:succeeded", Bulk::Cancel), None);
        assert_eq!(states("tag:x", Bulk::Release), Some(vec![Held]));
    }
}
