//! The limits of a queue: its share of the slots, how many of its jobs run at once, and how long they should wait at most.

use std::time::Duration;

use diesel::sql_types::{Integer, Nullable, Text};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::service::QueueError;
use crate::base::db::{DbError, Tx, statement};
use crate::queue::job::QueueId;
use crate::queue::limits::queue_limited;
use crate::queue::template::LIMIT_JOBS_MAX;

/// Largest weight of a queue; the smallest is 1.
pub const WEIGHT_MAX: i32 = 1_000;
/// Most jobs at once that a limit may name; the fewest are 1.
pub const JOBS_MAX: i32 = LIMIT_JOBS_MAX as i32;

/// Longest wait target in milliseconds: 7 days; the shortest is 1 ms.
pub const WAIT_TARGET_MS_MAX: i32 = 604_800_000;

/// The limits of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, diesel::QueryableByName)]
pub struct Limits {
    /// Its share of the slots when several queues have work, 1 to [`WEIGHT_MAX`].
    #[diesel(sql_type = Integer)]
    pub weight: i32,
    /// Most of its jobs that run at once on all nodes; absent = as many as there are slots.
    #[diesel(sql_type = Nullable<Integer>)]
    pub concurrency: Option<i32>,
    /// Most of its jobs that run at once on each node.
    #[diesel(sql_type = Nullable<Integer>)]
    pub concurrency_per_node: Option<i32>,
    /// How long its oldest job should wait for a slot at most, in milliseconds: it bounds nothing, people are told.
    #[diesel(sql_type = Nullable<Integer>)]
    pub wait_target_ms: Option<i32>,
}

impl Limits {
    /// Gives the wait target.
    pub fn wait_target(self) -> Option<Duration> {
        self.wait_target_ms.map(target)
    }

    /// Gives them as one word, by which a form remembers what it showed: `10,5,-,60000`.
    pub fn seal(self) -> String {
        let bound = |jobs: Option<i32>| jobs.map_or_else(|| "-".to_owned(), |jobs| jobs.to_string());
        let bounds = [self.concurrency, self.concurrency_per_node, self.wait_target_ms].map(bound);
        format!("{},{}", self.weight, bounds.join(","))
    }

    /// Reads what [`Self::seal`] gave; `None` for anything else.
    pub fn unseal(text: &str) -> Option<Self> {
        let bound = |text: &str| if text == "-" { Some(None) } else { text.parse().ok().map(Some) };
        let mut parts = text.splitn(4, ',');
        Some(Self {
            weight: parts.next()?.parse().ok()?,
            concurrency: bound(parts.next()?)?,
            concurrency_per_node: bound(parts.next()?)?,
            wait_target_ms: bound(parts.next()?)?,
        })
    }
}

/// Gives a stored wait target as a duration.
pub fn target(ms: i32) -> Duration {
    Duration::from_millis(u64::from(ms.unsigned_abs()))
}

/// What somebody wants of a queue's limits; `None` leaves a limit as it is, `Some(None)` takes it away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// Another weight.
    pub weight: Option<i32>,
    /// Another number of jobs at once on all nodes.
    pub concurrency: Option<Option<i32>>,
    /// Another number of jobs at once on each node.
    pub concurrency_per_node: Option<Option<i32>>,
    /// Another wait target in milliseconds.
    pub wait_target_ms: Option<Option<i32>>,
}

impl Wish {
    /// Gives what the limits become.
    ///
    /// # Errors
    /// [`QueueError::BadWeight`], [`QueueError::BadConcurrency`], [`QueueError::BadTarget`], [`QueueError::NoLimit`] when nothing is wanted.
    pub(super) fn over(&self, before: Limits) -> Result<Limits, QueueError> {
        if *self == Self::default() {
            return Err(QueueError::NoLimit);
        }
        if self.weight.is_some_and(|weight| !(1..=WEIGHT_MAX).contains(&weight)) {
            return Err(QueueError::BadWeight);
        }
        let bounds = [("concurrency", self.concurrency), ("concurrency_per_node", self.concurrency_per_node)];
        let bad = |jobs: Option<Option<i32>>| jobs.flatten().is_some_and(|jobs| !(1..=JOBS_MAX).contains(&jobs));
        if let Some((limit, _)) = bounds.into_iter().find(|(_, jobs)| bad(*jobs)) {
            return Err(QueueError::BadConcurrency(limit));
        }
        if self.wait_target_ms.flatten().is_some_and(|ms| !(1..=WAIT_TARGET_MS_MAX).contains(&ms)) {
            return Err(QueueError::BadTarget);
        }
        Ok(Limits {
            weight: self.weight.unwrap_or(before.weight),
            concurrency: self.concurrency.unwrap_or(before.concurrency),
            concurrency_per_node: self.concurrency_per_node.unwrap_or(before.concurrency_per_node),
            wait_target_ms: self.wait_target_ms.unwrap_or(before.wait_target_ms),
        })
    }
}

impl Limits {
    /// Gives those that differ from `other`, for the audit trail.
    pub(super) fn beside(self, other: Self) -> Value {
        let members = [
            ("weight", self.weight != other.weight, json!(self.weight)),
            ("concurrency", self.concurrency != other.concurrency, json!(self.concurrency)),
            (
                "concurrency_per_node",
                self.concurrency_per_node != other.concurrency_per_node,
                json!(self.concurrency_per_node),
            ),
            ("wait_target_ms", self.wait_target_ms != other.wait_target_ms, json!(self.wait_target_ms)),
        ];
        let differing = members.into_iter().filter(|(_, differs, _)| *differs);
        Value::Object(differing.map(|(name, _, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
    }
}

#[derive(diesel::QueryableByName)]
struct Id {
    #[diesel(sql_type = Integer)]
    id: QueueId,
}

/// Writes the limits of the queue called `name`, whose row is locked, and lets in what has room now.
pub(super) fn write(tx: &mut Tx<'_>, name: &str, limits: Limits) -> Result<(), DbError> {
    const SQL: &str = "-- admin::queues::set_limits
UPDATE millrace.queues SET weight = $1, concurrency = $2, concurrency_per_node = $3, wait_target_ms = $4 WHERE name = $5 RETURNING id";
    let row: Option<Id> = statement(SQL)
        .bind::<Integer, _>(limits.weight)
        .bind::<Nullable<Integer>, _>(limits.concurrency)
        .bind::<Nullable<Integer>, _>(limits.concurrency_per_node)
        .bind::<Nullable<Integer>, _>(limits.wait_target_ms)
        .bind::<Text, _>(name)
        .row(tx)?;
    let queue = row.ok_or_else(|| DbError::Conflict(format!("the queue {name} is gone")))?.id;
    queue_limited(tx, queue, limits.concurrency)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: Limits =
        Limits { weight: 3, concurrency: Some(5), concurrency_per_node: None, wait_target_ms: Some(60_000) };

    #[test]
    fn a_wish_changes_what_it_speaks_of() {
        let wish = Wish { concurrency: Some(None), ..Wish::default() };

        assert_eq!(wish.over(BEFORE).unwrap(), Limits { concurrency: None, ..BEFORE });
        let after = wish.over(BEFORE).unwrap();
        assert_eq!(
            [BEFORE.beside(after), after.beside(BEFORE), BEFORE.beside(BEFORE)],
            [json!({ "concurrency": 5 }), json!({ "concurrency": null }), json!({})]
        );
        assert!(matches!(Wish::default().over(BEFORE), Err(QueueError::NoLimit)));
        for jobs in [0, -1, JOBS_MAX + 1] {
            let wish = Wish { concurrency_per_node: Some(Some(jobs)), ..Wish::default() };
            assert!(matches!(wish.over(BEFORE), Err(QueueError::BadConcurrency("concurrency_per_node"))), "{jobs}");
        }
        for (ms, allowed) in [(0, false), (1, true), (WAIT_TARGET_MS_MAX, true), (WAIT_TARGET_MS_MAX + 1, false)] {
            let wish = Wish { wait_target_ms: Some(Some(ms)), ..Wish::default() };
            assert_eq!(wish.over(BEFORE).is_ok(), allowed, "{ms}");
        }
        let untold = Wish { wait_target_ms: Some(None), ..Wish::default() }.over(BEFORE).unwrap();
        assert_eq!((untold.wait_target(), BEFORE.wait_target()), (None, Some(Duration::from_secs(60))));
    }

    #[test]
    fn a_form_remembers_what_it_showed() {
        assert_eq!(BEFORE.seal(), "3,5,-,60000");
        assert_eq!(Limits::unseal("3,5,-,60000"), Some(BEFORE));
        for bad in ["", "3", "3,5", "3,5,-", "3,5,-,x", "3,5,-,-,1"] {
            assert_eq!(Limits::unseal(bad), None, "{bad}");
        }
    }
}
