//! `millrace pool …`: pools, by whoever holds the data folder's key.

use clap::Subcommand;
use serde_json::{Value, json};

use super::answer::columns;
use super::{Answer, Failure, Globals, Session};
use crate::admin::pools::PoolRow;
use crate::admin::pools::service::{self, AMOUNT_MAX, Wish};
use crate::queue::ring;
use crate::web::ansi::visible;

/// Commands about pools.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Lists pools with what is reserved of them
    List,
    /// Makes a pool or changes it; running jobs keep what they have
    Set {
        /// The pool
        name: String,
        /// What there is in all; needed for a new pool
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..=i64::from(AMOUNT_MAX)))]
        amount: Option<i32>,
        /// What is counted, such as MB
        #[arg(long)]
        unit: Option<String>,
        /// What it stands for
        #[arg(long)]
        description: Option<String>,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Removes a pool of which no active template reserves
    Remove {
        /// The pool
        name: String,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
}

pub(super) fn run(globals: &Globals, command: Command) -> Result<Answer, Failure> {
    let session = Session::open(globals)?;
    let conn = &mut *session.connect()?;
    match command {
        Command::List => {
            let pools = service::list(conn, &session.actor)?;
            let heading = ["POOL", "AMOUNT", "UNIT", "RESERVED", "FREE", "WAITING", "DESCRIPTION"];
            let mut rows = vec![heading.map(String::from).to_vec()];
            rows.extend(pools.iter().map(row));
            Ok(Answer::new(columns(&rows), json!({ "pools": pools.iter().map(facts).collect::<Vec<_>>() })))
        }
        Command::Set { name, amount, unit, description, reason } => {
            let wish = Wish { amount, unit, description, seen: None };
            let made = service::set(conn, &session.actor, &name, (&wish, reason.as_deref().unwrap_or_default()))?;
            ring::notify(conn)?;
            let pool = service::find(conn, &session.actor, &name)?;
            let text = match made {
                true => format!("The pool {name} was made: it has {}.", pool.amount),
                false => format!("The pool {name} has {}, of which {} are free.", pool.amount, pool.free()),
            };
            Ok(Answer::new(text, facts(&pool)))
        }
        Command::Remove { name, reason } => {
            service::remove(conn, &session.actor, &name, reason.as_deref().unwrap_or_default())?;
            ring::notify(conn)?;
            Ok(Answer::new(format!("The pool {name} was removed."), json!({ "removed": name })))
        }
    }
}

fn row(pool: &PoolRow) -> Vec<String> {
    let numbers = [pool.used.to_string(), pool.free().to_string(), pool.waiting.to_string()];
    let named = [pool.name.clone(), pool.amount.to_string(), visible(&pool.unit)];
    named.into_iter().chain(numbers).chain([visible(&pool.description)]).collect()
}

fn facts(pool: &PoolRow) -> Value {
    let mut shown = json!(pool);
    shown["free"] = json!(pool.free());
    shown
}
