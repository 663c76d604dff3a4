//! What an explanation names that its reader may not see: other jobs are told of, but not by their numbers.

use std::collections::BTreeSet;

use super::explain::{Explanation, PoolWait, Reason};
use super::{ROWS_MAX, rows_of};
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::Scope;
use crate::queue::job::JobId;

impl Explanation {
    /// Gives it to somebody with this scope: of jobs outside of it stays that they are there, and in which state.
    ///
    /// # Errors
    /// Database failures.
    pub fn within(self, conn: &mut PgConnection, scope: &Scope) -> Result<Self, DbError> {
        let named: BTreeSet<i64> = self.reasons.iter().flat_map(named).collect();
        if scope.is_everything() || named.is_empty() {
            return Ok(self);
        }
        let named: Vec<JobId> = named.into_iter().take(ROWS_MAX).map(JobId).collect();
        let seen: BTreeSet<i64> = rows_of(conn, scope, &named)?.iter().map(|row| row.id.0).collect();
        let reasons = self.reasons.into_iter().map(|reason| naming(reason, &seen)).collect();
        Ok(Self { reasons, ..self })
    }
}

/// The jobs that a reason names.
fn named(reason: &Reason) -> Vec<i64> {
    match reason {
        Reason::Turn { holder, .. } => holder.iter().copied().collect(),
        Reason::Limit { holders, .. } | Reason::Pool(PoolWait { holders, .. }) => holders.clone(),
        Reason::NotDue { .. }
        | Reason::Debounced { .. }
        | Reason::Backoff { .. }
        | Reason::Held { .. }
        | Reason::Blocked
        | Reason::QueuePaused { .. }
        | Reason::NodeDrained { .. }
        | Reason::NoNode
        | Reason::NoNodeWith { .. }
        | Reason::SlotsBusy { .. }
        | Reason::RateLimit { .. }
        | Reason::InLine { .. } => Vec::new(),
    }
}

/// The reason with no job but these.
fn naming(mut reason: Reason, seen: &BTreeSet<i64>) -> Reason {
    match &mut reason {
        Reason::Turn { holder, .. } => *holder = holder.filter(|job| seen.contains(job)),
        Reason::Limit { holders, .. } | Reason::Pool(PoolWait { holders, .. }) => {
            holders.retain(|job| seen.contains(job));
        }
        _ => {} // names none
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_that_are_not_seen_lose_their_numbers_and_nothing_else() {
        let turn =
            |holder| Reason::Turn { key: "acme".into(), holder, holder_state: Some("running".into()), position: 2 };
        let limit = |holders: &[i64]| Reason::Limit {
            of: "queue",
            key: None,
            jobs_max: 2,
            holders: holders.into(),
            position: 1,
        };
        let seen = BTreeSet::from([8]);

        assert_eq!([naming(turn(Some(7)), &seen), naming(turn(Some(8)), &seen)], [turn(None), turn(Some(8))]);
        assert_eq!(naming(limit(&[7, 8, 9]), &seen), limit(&[8]));
        assert_eq!(
            [named(&limit(&[7, 8])), named(&turn(Some(7))), named(&Reason::Blocked)],
            [vec![7, 8], vec![7], vec![]]
        );
    }
}
