//! What people and programs do with pools. Each act: permission, one transaction, the audit record inside it.

use diesel::sql_types::{Integer, Text};
use serde_json::{Value, json};

use super::holders::{self, Holder, NodeShare, User, Waiter};
use super::read::{self, POOLS_MAX, PoolRow};
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::text::{NAME_BYTES_MAX, PoolName, TextError, note};
use crate::queue::actor::{Actor, Forbidden, Scope};
use crate::queue::audit::{self, Change};
use crate::queue::limits::pool_changed;
use crate::queue::permission::Permission;
use crate::queue::template::AMOUNT_MAX as POOL_AMOUNT_MAX;

/// Most that a pool has.
pub const AMOUNT_MAX: i32 = POOL_AMOUNT_MAX as i32;
/// Longest unit, in characters.
pub const UNIT_CHARS_MAX: usize = 20;
/// Names that no pool can have: the console's own addresses stand where names do.
const RESERVED_NAMES: [&str; 1] = ["new"];
/// Templates that a refusal names.
const NAMED_MAX: usize = 5;

/// Why an act on a pool was refused.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// There is no such pool; or the actor's scope does not cover all queues, and a pool is everybody's.
    #[error("there is no pool {0:?}")]
    NotFound(String),
    /// A pool of this name exists already.
    #[error("there is a pool called {0:?} already")]
    NameTaken(String),
    /// The name is none that a pool can have.
    #[error("{0}")]
    BadName(String),
    /// The amount is missing or out of bounds.
    #[error("an amount goes from 0 to {AMOUNT_MAX}")]
    BadAmount,
    /// A new pool needs an amount.
    #[error("a new pool needs an amount")]
    NoAmount,
    /// The unit is too long or holds control characters.
    #[error("a unit has at most {UNIT_CHARS_MAX} characters, none of them a control character")]
    BadUnit,
    /// The description is too long or holds control characters.
    #[error("{0}")]
    BadDescription(String),
    /// Nothing was named that could change.
    #[error("name what to change: amount, unit or description")]
    Nothing,
    /// There are as many as there may be.
    #[error("there are {POOLS_MAX} pools, and no more are allowed")]
    TooMany,
    /// Somebody changed it since it was looked at.
    #[error("the pool {} was changed meanwhile", .0.name)]
    Stale(Box<PoolRow>),
    /// Jobs to come would reserve of it.
    #[error("the pool {pool} cannot be removed while {} {} of it: {}", told(templates), if templates.len() == 1 { "reserves" } else { "reserve" }, "change or archive them first")]
    InUse {
        /// Which.
        pool: String,
        /// The templates whose active versions reserve of it.
        templates: Vec<String>,
    },
    /// The actor lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The reason is too long or holds control characters.
    #[error(transparent)]
    BadNote(#[from] TextError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

fn told(templates: &[String]) -> String {
    let named = templates.iter().take(NAMED_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match templates.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// Lists pools by name.
///
/// # Errors
/// [`PoolError::Forbidden`], database failures.
pub fn list(conn: &mut PgConnection, actor: &Actor) -> Result<Vec<PoolRow>, PoolError> {
    actor.require(Permission::ReadPools)?;
    Ok(read::list(conn, None)?)
}

/// Reads one pool.
///
/// # Errors
/// [`PoolError::NotFound`], [`PoolError::Forbidden`].
pub fn find(conn: &mut PgConnection, actor: &Actor, name: &str) -> Result<PoolRow, PoolError> {
    actor.require(Permission::ReadPools)?;
    found(conn, name)
}

fn found(conn: &mut PgConnection, name: &str) -> Result<PoolRow, PoolError> {
    let missing = || PoolError::NotFound(name.chars().take(NAME_BYTES_MAX).collect());
    let name = PoolName::parse(name).map_err(|_| missing())?;
    read::list(conn, Some(name.as_str()))?.pop().ok_or_else(missing)
}

/// Who has to do with a pool; lists of at most 50.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parties {
    /// Nodes whose jobs have reserved of it, most first.
    pub nodes: Vec<NodeShare>,
    /// Running jobs in the actor's scope, those that took most first.
    pub holders: Vec<Holder>,
    /// Waiting jobs in the actor's scope, in the order in which they are let in.
    pub waiters: Vec<Waiter>,
    /// Templates in the actor's scope whose new jobs reserve of it.
    pub users: Vec<User>,
}

/// Reads who has to do with a pool.
///
/// # Errors
/// [`PoolError::Forbidden`], database failures.
pub fn parties(conn: &mut PgConnection, actor: &Actor, pool: &PoolRow) -> Result<Parties, PoolError> {
    actor.require(Permission::ReadPools)?;
    Ok(Parties {
        nodes: holders::nodes(conn, &pool.name)?,
        holders: holders::holders(conn, &actor.scope, &pool.name)?,
        waiters: holders::waiters(conn, &actor.scope, &pool.name)?,
        users: holders::users(conn, &actor.scope, Some(&pool.name))?.into_iter().map(|(_, user)| user).collect(),
    })
}

/// Reads the templates in the actor's scope whose new jobs reserve of pools, each with its pool.
///
/// # Errors
/// [`PoolError::Forbidden`], database failures.
pub fn users(conn: &mut PgConnection, actor: &Actor) -> Result<Vec<(String, User)>, PoolError> {
    actor.require(Permission::ReadPools)?;
    Ok(holders::users(conn, &actor.scope, None)?)
}

/// Tells whether the actor may act on pools: jobs of everybody's queues reserve of them, so whoever is limited to some may not.
pub fn may_act(actor: &Actor) -> bool {
    actor.may(Permission::RunPools) && actor.scope.is_everything()
}

/// What somebody wants of a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    /// What there is in all; needed for a new pool.
    pub amount: Option<i32>,
    /// What is counted.
    pub unit: Option<String>,
    /// What it stands for.
    pub description: Option<String>,
    /// The version that was seen: another is not overwritten, and 0 = it must be new. `None` = whatever it is.
    pub seen: Option<i32>,
}

/// Makes the pool called `name`, or changes it: the next decisions about jobs go by it, and what runs keeps what it has. Tells
/// whether it was made. Ring the nodes afterwards.
///
/// # Errors
/// [`PoolError`]; nothing is changed then.
pub fn set(conn: &mut PgConnection, actor: &Actor, name: &str, wanted: (&Wish, &str)) -> Result<bool, PoolError> {
    transaction(conn, "pools::set", |tx| set_in(tx, actor, name, wanted))
}

/// Does as [`set`] within the caller's transaction.
///
/// # Errors
/// [`PoolError`]; the transaction must not be committed then.
pub fn set_in(tx: &mut Tx<'_>, actor: &Actor, name: &str, (wish, reason): (&Wish, &str)) -> Result<bool, PoolError> {
    actor.require(Permission::RunPools)?;
    if !may_act(actor) {
        return Err(PoolError::NotFound(name.chars().take(NAME_BYTES_MAX).collect()));
    }
    let reason = note(reason)?;
    let name = checked_name(name)?;
    wish.check()?;
    lock(tx, name.as_str())?;
    let before = read::list(tx, Some(name.as_str()))?.pop();
    match (&before, wish.seen) {
        (Some(_), Some(0)) => return Err(PoolError::NameTaken(name.as_str().into())),
        (Some(pool), Some(seen)) if seen != pool.version => return Err(PoolError::Stale(Box::new(pool.clone()))),
        (None, Some(seen)) if seen != 0 => return Err(PoolError::NotFound(name.as_str().into())),
        _ => {}
    }
    let after = wish.over(before.as_ref())?;
    if before.as_ref().is_some_and(|pool| facts(pool) == after.facts()) {
        return Ok(false);
    }
    write(tx, name.as_str(), &after)?;
    pool_changed(tx, name.as_str(), Some(after.amount))?;
    let verb = if before.is_some() { "pool.change" } else { "pool.make" };
    let change = Change::new(verb, "pool", name.as_str()).because(reason);
    audit::record(tx, actor, change.from_to(before.as_ref().map(facts), Some(after.facts())))?;
    Ok(before.is_none())
}

fn checked_name(name: &str) -> Result<PoolName, PoolError> {
    if RESERVED_NAMES.contains(&name) {
        return Err(PoolError::BadName(format!("{name} is an address of the console, so no pool can have this name")));
    }
    PoolName::parse(name).map_err(|odd| PoolError::BadName(odd.to_string()))
}

/// What a pool becomes.
struct After {
    amount: i32,
    unit: String,
    description: String,
}

impl After {
    fn facts(&self) -> Value {
        json!({ "amount": self.amount, "unit": self.unit, "description": self.description })
    }
}

fn facts(pool: &PoolRow) -> Value {
    json!({ "amount": pool.amount, "unit": pool.unit, "description": pool.description })
}

impl Wish {
    fn check(&self) -> Result<(), PoolError> {
        if self.amount.is_some_and(|amount| !(0..=AMOUNT_MAX).contains(&amount)) {
            return Err(PoolError::BadAmount);
        }
        let odd = |unit: &String| unit.chars().count() > UNIT_CHARS_MAX || note(unit).is_err() || unit.contains('\n');
        if self.unit.as_ref().is_some_and(odd) {
            return Err(PoolError::BadUnit);
        }
        match self.description.as_deref().map(note) {
            Some(Err(odd)) => Err(PoolError::BadDescription(odd.to_string())),
            _ => Ok(()),
        }
    }

    fn over(&self, before: Option<&PoolRow>) -> Result<After, PoolError> {
        if before.is_some() && self.amount.is_none() && self.unit.is_none() && self.description.is_none() {
            return Err(PoolError::Nothing);
        }
        let text = |wish: &Option<String>, of: fn(&PoolRow) -> &str| match wish {
            Some(text) => text.trim().to_owned(),
            None => before.map(of).unwrap_or_default().to_owned(),
        };
        Ok(After {
            amount: self.amount.or(before.map(|pool| pool.amount)).ok_or(PoolError::NoAmount)?,
            unit: text(&self.unit, |pool| &pool.unit),
            description: text(&self.description, |pool| &pool.description),
        })
    }
}

/// Two acts on one pool follow one another, and no template that reserves of it is published meanwhile.
fn lock(tx: &mut Tx<'_>, name: &str) -> Result<(), DbError> {
    const SQL: &str = "-- admin::pools::lock
SELECT FROM millrace.pools WHERE name = $1 FOR UPDATE";
    statement(SQL).bind::<Text, _>(name).run(tx)?;
    Ok(())
}

fn write(tx: &mut Tx<'_>, name: &str, after: &After) -> Result<(), PoolError> {
    const SQL: &str = "-- admin::pools::write
INSERT INTO millrace.pools AS p (name, amount, unit, description) SELECT $1, $2, $3, $4
WHERE EXISTS (SELECT FROM millrace.pools WHERE name = $1) OR (SELECT count(*) FROM millrace.pools) < $5
ON CONFLICT (name) DO UPDATE SET amount = excluded.amount, unit = excluded.unit, description = excluded.description,
    updated_at = clock_timestamp(), version = p.version + 1";
    let rows = statement(SQL)
        .bind::<Text, _>(name)
        .bind::<Integer, _>(after.amount)
        .bind::<Text, _>(&after.unit)
        .bind::<Text, _>(&after.description)
        .bind::<diesel::sql_types::BigInt, _>(POOLS_MAX)
        .run(tx)?;
    if rows == 1 { Ok(()) } else { Err(PoolError::TooMany) }
}

/// Removes the pool called `name`. Jobs of older versions that wait for it go on: what is not there bounds nothing. What runs
/// goes on, too. Ring the nodes afterwards.
///
/// # Errors
/// [`PoolError::InUse`] while jobs to come would reserve of it; [`PoolError`].
pub fn remove(conn: &mut PgConnection, actor: &Actor, name: &str, reason: &str) -> Result<(), PoolError> {
    transaction(conn, "pools::remove", |tx| remove_in(tx, actor, name, reason))
}

/// Does as [`remove`] within the caller's transaction.
///
/// # Errors
/// [`PoolError`]; the transaction must not be committed then.
pub fn remove_in(tx: &mut Tx<'_>, actor: &Actor, name: &str, reason: &str) -> Result<(), PoolError> {
    const SQL: &str = "-- admin::pools::remove
DELETE FROM millrace.pools WHERE name = $1";
    actor.require(Permission::RunPools)?;
    let reason = note(reason)?;
    if let Ok(name) = PoolName::parse(name) {
        lock(tx, name.as_str())?;
    }
    let before = found(tx, name)?;
    if !may_act(actor) {
        return Err(PoolError::NotFound(before.name));
    }
    let users = holders::users(tx, &Scope::default(), Some(&before.name))?;
    if !users.is_empty() {
        let templates = users.into_iter().map(|(_, user)| user.template).collect();
        return Err(PoolError::InUse { pool: before.name, templates });
    }
    statement(SQL).bind::<Text, _>(before.name.as_str()).run(tx)?;
    pool_changed(tx, &before.name, None)?;
    let change = Change::new("pool.remove", "pool", &before.name).because(reason);
    Ok(audit::record(tx, actor, change.from_to(Some(facts(&before)), None))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_who_reserves() {
        let in_use = |templates: &[&str]| PoolError::InUse {
            pool: "db".into(),
            templates: templates.iter().map(|name| (*name).to_owned()).collect(),
        };

        assert_eq!(
            in_use(&["a.b"]).to_string(),
            "the pool db cannot be removed while a.b reserves of it: change or archive them first"
        );
        assert_eq!(
            in_use(&["a", "b", "c", "d", "e", "f", "g"]).to_string(),
            "the pool db cannot be removed while a, b, c, d, e and 2 more reserve of it: change or archive them first"
        );
    }

    #[test]
    fn a_wish_keeps_what_it_does_not_speak_of() {
        let wish = Wish { unit: Some(" MB ".into()), ..Wish::default() };

        assert!(matches!(wish.over(None), Err(PoolError::NoAmount)));
        let made = Wish { amount: Some(0), ..wish }.over(None).map(|after| after.facts());
        assert_eq!(made.ok(), Some(json!({ "amount": 0, "unit": "MB", "description": "" })));
        for bad in [-1, AMOUNT_MAX + 1] {
            assert!(matches!(Wish { amount: Some(bad), ..Wish::default() }.check(), Err(PoolError::BadAmount)));
        }
        let long = Wish { unit: Some("x".repeat(21)), ..Wish::default() };
        assert!(matches!(long.check(), Err(PoolError::BadUnit)));
    }
}
