//! Which node may run a job: one whose labels hold all that the job's template requires.
//!
//! Jobs that require nothing meet none of this. The others stand in the lines as all jobs do; a node that takes one and may
//! not run it puts it into a lane of its queue and its requirements (a row of `gated`), from which only nodes that hold them
//! take. So whatever way a job comes back (retried, let in, swept, due), it comes to the right nodes.

use std::collections::BTreeMap;

use diesel::sql_types::{BigInt, Text};

use super::job::QueueId;
use crate::base::db::{DbError, PgConnection, statement};

/// Labels of a node, or those that a template requires.
pub type Labels = BTreeMap<String, String>;

/// Most labels that a template may require.
pub const REQUIRES_MAX: usize = 8;
/// Longest list of required labels, in characters, as a lane's key holds it.
pub const REQUIRES_CHARS_MAX: usize = 200;
/// Most lanes that a node looks at at once; the next look goes on behind them.
const LANES_MAX: i64 = 500;

/// Where the next look at lanes begins.
#[derive(Debug, Default)]
pub struct Cursor(String);

/// Tells whether a node with `labels` may run what requires `requires`.
pub fn fits(labels: &Labels, requires: &Labels) -> bool {
    requires.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// Writes labels as one text: `gpu=1,zone=a`.
pub fn written(labels: &Labels) -> String {
    labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}

/// Gives the lane of a queue's jobs with these requirements.
pub fn lane(queue: QueueId, requires: &Labels) -> String {
    format!("x{}:{}", queue.0, written(requires))
}

/// Reads what [`lane`] gave; `None` for other lanes.
pub fn read_lane(lane: &str) -> Option<(QueueId, Labels)> {
    let (queue, requires) = lane.strip_prefix('x')?.split_once(':')?;
    let label = |item: &str| item.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    Some((QueueId(queue.parse().ok()?), requires.split(',').map(label).collect::<Option<Labels>>()?))
}

/// Reads the lanes in which jobs wait for a node that a node with `labels` is. At most 500 are looked at; when there are more,
/// the next look goes on behind them.
///
/// # Errors
/// Database failures.
pub fn waiting(
    conn: &mut PgConnection,
    labels: &Labels,
    cursor: &mut Cursor,
) -> Result<Vec<(QueueId, String)>, DbError> {
    const SQL: &str = "-- queue::fit::waiting
WITH RECURSIVE lane(key) AS (
    (SELECT lane FROM millrace.gated WHERE lane > $1 AND lane > 'x' AND lane < 'y' ORDER BY lane LIMIT 1)
    UNION ALL
    SELECT (SELECT g.lane FROM millrace.gated g WHERE g.lane > lane.key AND g.lane < 'y' ORDER BY g.lane LIMIT 1) FROM lane WHERE lane.key IS NOT NULL
)
SELECT key FROM lane WHERE key IS NOT NULL LIMIT $2";
    let lanes: Vec<String> =
        statement(SQL).bind::<Text, _>(cursor.0.as_str()).bind::<BigInt, _>(LANES_MAX).tuples::<Text, String>(conn)?;
    let is_cut = lanes.len() >= LANES_MAX as usize;
    cursor.0 = lanes.last().filter(|_| is_cut).cloned().unwrap_or_default();
    let ours = |lane: String| {
        let (queue, requires) = read_lane(&lane)?;
        fits(labels, &requires).then_some((queue, lane))
    };
    Ok(lanes.into_iter().filter_map(ours).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(text: &[(&str, &str)]) -> Labels {
        text.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_node_fits_when_it_holds_all_that_is_required() {
        let node = labels(&[("gpu", "1"), ("zone", "a")]);

        assert!(fits(&node, &Labels::new()) && fits(&node, &labels(&[("gpu", "1")])));
        assert!(!fits(&node, &labels(&[("gpu", "2")])) && !fits(&node, &labels(&[("gpu", "1"), ("ssd", "")])));
        assert!(!fits(&Labels::new(), &labels(&[("ssd", "")])));
    }

    proptest! {
        #[test]
        fn a_lane_tells_its_queue_and_requirements(
            queue in 1_i32..1_000, requires in proptest::collection::btree_map("[a-z0-9][a-z0-9._-]{0,8}", "[^,]{0,8}", 1..5),
        ) {
            prop_assert_eq!(read_lane(&lane(QueueId(queue), &requires)), Some((QueueId(queue), requires)));
        }
    }

    #[test]
    fn other_lanes_are_none_of_these() {
        assert_eq!([read_lane("t7"), read_lane("k7:[1]"), read_lane("x7")], [None, None, None]);
    }
}
