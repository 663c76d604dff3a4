//! One pool as it stands, for a row of the list and for the head of its own page.

use crate::admin::pools::{PoolRow, User};
use crate::web::charts::{Fill, fill};
use crate::web::format::{self, Count, grouped};
use crate::web::live;
use crate::web::paths;
use crate::web::tone::Tone;

/// Templates that are named in a row.
const NAMED_MAX: usize = 3;

/// A pool.
pub struct Row {
    pub name: String,
    pub href: String,
    pub description: String,
    /// Amounts with their unit.
    pub amount: String,
    pub used: String,
    pub free: String,
    /// What is kept for jobs that begin soon; empty for nothing.
    pub kept: String,
    /// How much of it is taken: `3,072 of 4,096 MB`.
    pub taken: String,
    pub bar: Fill,
    /// How it stands: its colour and word.
    pub tone: Tone,
    pub word: &'static str,
    pub waiting: Count,
    pub none_waits: bool,
    /// Waiting jobs that need more than it has; empty when none does.
    pub too_large: String,
    /// Templates that reserve of it, the first of them.
    pub users: Vec<UserLine>,
    pub more_users: usize,
    /// The viewer may change and remove it.
    pub may_act: bool,
}

/// A template whose jobs reserve of the pool.
pub struct UserLine {
    pub name: String,
    pub href: String,
    /// What each of its jobs reserves.
    pub amount: String,
}

impl Row {
    /// Shows `pool` with the templates that reserve of it; all of them when `whole`.
    pub fn new(pool: &PoolRow, users: &[User], may_act: bool, whole: bool) -> Self {
        let with_unit = |number: i32| with_unit(number, &pool.unit);
        let named = if whole { users.len() } else { NAMED_MAX };
        let line = |user: &User| UserLine {
            name: user.template.clone(),
            href: paths::template(&user.template),
            amount: with_unit(user.amount),
        };
        let taken = format!("{} of {}", grouped(pool.used.unsigned_abs().into()), with_unit(pool.amount));
        let (used, kept) = (u64::from(pool.used.unsigned_abs()), u64::from(pool.kept.unsigned_abs()));
        let (tone, word) = standing(pool);
        Self {
            href: paths::pool(&pool.name),
            description: pool.description.clone(),
            amount: with_unit(pool.amount),
            used: with_unit(pool.used),
            free: with_unit(pool.free()),
            kept: if pool.kept > 0 { with_unit(pool.kept) } else { String::new() },
            bar: fill(used + kept, pool.amount.unsigned_abs().into(), format!("{taken} reserved")),
            taken,
            tone,
            word,
            waiting: format::count(pool.waiting),
            none_waits: pool.waiting == 0,
            too_large: too_large(pool.too_large),
            users: users.iter().take(named).map(line).collect(),
            more_users: users.len().saturating_sub(named),
            name: pool.name.clone(),
            may_act,
        }
    }

    /// The address of the form that changes it, begun in the list.
    pub fn listed_change(&self) -> String {
        paths::with_query(&paths::pool_change(&self.name), &[(live::FROM, live::FROM_LIST)])
    }

    /// The address of the form that changes it, begun on its own page.
    pub fn change(&self) -> String {
        paths::pool_change(&self.name)
    }

    /// The address of the question whether to remove it.
    pub fn remove(&self) -> String {
        paths::pool_remove(&self.name)
    }
}

/// Writes an amount with its unit: `5 connections`, `1 connection`, `512 MB`.
pub fn with_unit(number: i32, unit: &str) -> String {
    let unit = match unit.strip_suffix('s').filter(|one| number == 1 && one.chars().count() > 2) {
        Some(one) => one,
        None => unit,
    };
    let number = grouped(number.unsigned_abs().into());
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}

fn standing(pool: &PoolRow) -> (Tone, &'static str) {
    match pool {
        _ if pool.used > pool.amount => (Tone::Retrying, "More reserved than there is"),
        _ if pool.amount == 0 => (Tone::Paused, "Closed"),
        _ if pool.free() == 0 => (Tone::Running, "All reserved"),
        _ => (Tone::Done, "Has room"),
    }
}

fn too_large(jobs: i64) -> String {
    match jobs {
        ..=0 => String::new(),
        1 => "1 needs more than there is".into(),
        many => format!("{} need more than there is", grouped(many.unsigned_abs())),
    }
}
