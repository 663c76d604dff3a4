//! Between which bounds the number of a node's slots is: as its own setting says, or as people want.

use std::fmt::{self, Display, Formatter};

use diesel::sql_types::{Integer, Nullable, Text};
use serde_json::{Value, json};

use super::service::{self, NodeError};
use super::{NodeRow, read};
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::text::note;
use crate::queue::actor::Actor;
use crate::queue::audit::{self, Change};
use crate::queue::permission::Permission;

/// Fewest and most worker threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Fewest.
    pub min: i32,
    /// Most.
    pub max: i32,
}

impl Bounds {
    fn of(min: Option<i32>, max: Option<i32>) -> Option<Self> {
        Some(Self { min: min?, max: max? })
    }

    /// Gives them in words: `2 to 32`, or `8` when their number is fixed.
    pub fn words(self) -> String {
        if self.min == self.max { self.max.to_string() } else { format!("{} to {}", self.min, self.max) }
    }
}

/// `2..32`, as the setting is written.
impl Display for Bounds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.min, self.max)
    }
}

impl NodeRow {
    /// The bounds of the node's own setting, if it has told them.
    pub fn own_bounds(&self) -> Option<Bounds> {
        Bounds::of(self.slots_min, self.slots_max)
    }

    /// The bounds that people set, if they did.
    pub fn wanted_bounds(&self) -> Option<Bounds> {
        Bounds::of(self.wanted_slots_min, self.wanted_slots_max)
    }

    /// The bounds in force.
    pub fn bounds(&self) -> Option<Bounds> {
        self.wanted_bounds().or(self.own_bounds())
    }
}

/// Gives the node called `name` other bounds for its slots, or with `None` those of its own setting; it obeys with its next
/// heartbeat, also after it starts again.
///
/// # Errors
/// [`NodeError`]; nothing is changed then.
pub fn bound(
    conn: &mut PgConnection,
    actor: &Actor,
    name: &str,
    wanted: (Option<Bounds>, &str),
) -> Result<NodeRow, NodeError> {
    transaction(conn, "nodes::bound", |tx| bound_in(tx, actor, name, wanted))
}

/// Does as [`bound`] within the caller's transaction; bounds that are so already leave no record.
///
/// # Errors
/// [`NodeError`]; the transaction must not be committed then.
pub fn bound_in(
    tx: &mut Tx<'_>,
    actor: &Actor,
    name: &str,
    (wanted, reason): (Option<Bounds>, &str),
) -> Result<NodeRow, NodeError> {
    actor.require(Permission::BoundNodes)?;
    let reason = note(reason)?;
    lock(tx, name)?;
    let before = service::found(tx, name)?;
    if !service::may_bound(actor) {
        return Err(NodeError::NotFound(before.name));
    }
    check(&before, wanted)?;
    if before.wanted_bounds() == wanted {
        return Ok(before);
    }
    write(tx, &before.name, wanted, &actor.signature())?;
    let change = Change::new("node.slots", "node", &before.name).because(reason);
    audit::record(tx, actor, change.from_to(Some(told(before.wanted_bounds())), Some(told(wanted))))?;
    read::show(tx, &before.name)?.ok_or(NodeError::NotFound(before.name))
}

/// Refuses bounds that the node cannot have.
pub(super) fn check(node: &NodeRow, wanted: Option<Bounds>) -> Result<(), NodeError> {
    let name = || node.name.clone();
    let Some(wanted) = wanted else {
        return node.wanted_bounds().map(|_| ()).ok_or_else(|| NodeError::NotBounded(name()));
    };
    let ceiling = node.slots_ceiling.ok_or_else(|| NodeError::NoCeiling(name()))?;
    if wanted.max > ceiling {
        return Err(NodeError::BeyondCeiling { node: name(), ceiling });
    }
    if wanted.min < 1 || wanted.min > wanted.max {
        return Err(NodeError::BadBounds);
    }
    Ok(())
}

/// Nulls = as the node's own setting says.
fn told(bounds: Option<Bounds>) -> Value {
    json!({ "min": bounds.map(|bounds| bounds.min), "max": bounds.map(|bounds| bounds.max) })
}

/// Two acts on one node follow one another; 0 rows = there is no such node, which the reader tells.
fn lock(tx: &mut Tx<'_>, name: &str) -> Result<(), DbError> {
    const SQL: &str = "-- admin::nodes::lock
SELECT FROM millrace.nodes WHERE name = $1 FOR NO KEY UPDATE";
    statement(SQL).bind::<Text, _>(name.replace('\0', "")).run(tx)?;
    Ok(())
}

fn write(tx: &mut Tx<'_>, name: &str, bounds: Option<Bounds>, by: &str) -> Result<(), DbError> {
    const SQL: &str = "-- admin::nodes::set_bounds
UPDATE millrace.nodes SET wanted_slots_min = $1, wanted_slots_max = $2, wanted_slots_by = $3,
    wanted_slots_at = CASE WHEN $1 IS NOT NULL THEN clock_timestamp() END WHERE name = $4";
    let rows = statement(SQL)
        .bind::<Nullable<Integer>, _>(bounds.map(|bounds| bounds.min))
        .bind::<Nullable<Integer>, _>(bounds.map(|bounds| bounds.max))
        .bind::<Nullable<Text>, _>(bounds.map(|_| by))
        .bind::<Text, _>(name)
        .run(tx)?;
    if rows == 1 { Ok(()) } else { Err(DbError::Conflict(format!("the node {name} is gone"))) }
}

#[cfg(test)]
mod tests {
    use super::super::read::sample::node;
    use super::*;

    #[test]
    fn what_a_node_has_no_room_for_is_refused_with_the_room_it_has() {
        let wish = |min, max| check(&node(), Some(Bounds { min, max })).map_err(|error| error.to_string());

        assert_eq!(wish(1, 128), Ok(()));
        let beyond = "the node fra-01 has room for at most 128 slots: start it with a higher MILLRACE_SLOTS for more";
        assert_eq!(wish(2, 129), Err(beyond.to_owned()));
        for (min, max) in [(0, 4), (5, 4), (-1, -1)] {
            assert!(wish(min, max).is_err_and(|told| told.contains("1 or more")), "{min}..{max}");
        }
        let silent = NodeRow { slots_ceiling: None, ..node() };
        assert!(matches!(check(&silent, Some(Bounds { min: 1, max: 1 })), Err(NodeError::NoCeiling(_))));
        assert!(matches!(check(&node(), None), Err(NodeError::NotBounded(_))));
    }
}
