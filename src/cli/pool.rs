//! `millrace pool …`: pools, by whoever holds the data folder's key.

use clap::Subcommand;
use serde_json::{Value, json};

use super::answer::{columns, moment};
use super::{Answer, Failure, Globals, Session};
use crate::admin::pools::PoolRow;
use crate::admin::pools::service::{self, AMOUNT_MAX, Parties, Wish};
use crate::base::db::PgConnection;
use crate::queue::ring;
use crate::web::ansi::visible;

/// Commands about pools.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Lists pools with what is reserved of them
    List,
    /// Shows a pool, who has reserved of it, who waits for it, and which templates take of it
    Show {
        /// The pool
        name: String,
    },
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
        Command::Show { name } => show(conn, &session, &name),
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

fn show(conn: &mut PgConnection, session: &Session, name: &str) -> Result<Answer, Failure> {
    let pool = service::find(conn, &session.actor, name)?;
    let parties = service::parties(conn, &session.actor, &pool)?;
    let text = told(&pool, &parties);
    let mut shown = facts(&pool);
    let Parties { nodes, holders, waiters, users } = parties;
    shown["templates"] = json!(users);
    shown["nodes"] = json!(nodes);
    shown["holders"] = json!(holders);
    shown["waiters"] = json!(waiters);
    Ok(Answer::new(text, shown))
}

fn told(pool: &PoolRow, parties: &Parties) -> String {
    let of = |amount: i64| format!("{amount} {}", visible(&pool.unit)).trim_end().to_owned();
    let lines = [
        ("pool", pool.name.clone()),
        ("stands for", visible(&pool.description)),
        ("amount", of(pool.amount.into())),
        ("reserved", of(pool.used.into())),
        ("kept", if pool.kept > 0 { of(pool.kept.into()) } else { String::new() }),
        ("free", of(pool.free().into())),
        ("waiting", jobs(pool.waiting)),
        ("too large", if pool.too_large > 0 { jobs(pool.too_large) } else { String::new() }),
        ("changed", moment(pool.updated_at)),
    ];
    let lines = lines.into_iter().filter(|(_, words)| !words.is_empty());
    let mut text = columns(&lines.map(|(name, words)| vec![name.to_owned(), words]).collect::<Vec<_>>());
    let holders = parties.holders.iter().map(|one| {
        vec![
            one.job.to_string(),
            one.template.clone(),
            one.queue.clone(),
            one.node.clone(),
            of(one.amount.into()),
            moment(one.since),
        ]
    });
    let waiters = parties.waiters.iter().map(|one| {
        vec![
            one.job.to_string(),
            one.template.clone(),
            one.queue.clone(),
            one.priority.to_string(),
            of(one.amount.into()),
            moment(one.since),
        ]
    });
    let users =
        parties.users.iter().map(|one| vec![format!("{}@{}", one.template, one.version), of(one.amount.into())]);
    for (heading, rows) in [
        (&["HOLDER", "TEMPLATE", "QUEUE", "NODE", "RESERVED", "SINCE"][..], holders.collect::<Vec<_>>()),
        (&["WAITER", "TEMPLATE", "QUEUE", "PRIORITY", "NEEDS", "SINCE"][..], waiters.collect()),
        (&["TAKEN BY", "EACH JOB"][..], users.collect()),
    ] {
        if !rows.is_empty() {
            let heading = heading.iter().map(ToString::to_string).collect();
            text.push_str(&format!("\n\n{}", columns(&[vec![heading], rows].concat())));
        }
    }
    text
}

fn jobs(count: i64) -> String {
    if count == 1 { "1 job".into() } else { format!("{count} jobs") }
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
