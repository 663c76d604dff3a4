//! The pages of pools.
//!
//! ```text
//! /pools                list ─── row (one pool as it stands)             /live/pools
//! /pools/{name}         show ─── row, who holds, who waits, trail         /live/pool?name=
//! /pools/new, /pools/{name}/change   edit (a form)      /pools/{name}/remove   remove (asks, acts)
//! ```
//! Acts answer with the parts of whichever page they were begun on: see [`after`].
mod after;
mod edit;
mod list;
mod remove;
mod row;
mod show;
#[cfg(test)]
mod tests;

pub use row::FROM_LIST;

use super::service::PoolError;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form::{Problem, sentence};
use crate::web::live::LiveError;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};

/// The routes of the pages of pools.
pub fn routes() -> Vec<Route> {
    let [read, run] = [Permission::ReadPools, Permission::RunPools].map(Access::Needs);
    vec![
        Route::get(paths::POOLS, read, list::show),
        Route::get("/live/pools", read, list::stream),
        Route::get(paths::POOL_NEW, run, edit::ask_new),
        Route::post(paths::POOL_NEW, run, edit::make),
        Route::get(paths::POOL, read, show::show),
        Route::get("/live/pool", read, show::stream),
        Route::get(paths::POOL_CHANGE, run, edit::ask),
        Route::post(paths::POOL_CHANGE, run, edit::change),
        Route::get(paths::POOL_REMOVE, run, remove::ask),
        Route::post(paths::POOL_REMOVE, run, remove::act),
    ]
}

/// Turns a refusal of the service into an answer for whoever asked.
fn told(error: PoolError) -> WebError {
    let told = format!("{}.", sentence(&error.to_string()));
    match error {
        PoolError::NotFound(_) => WebError::NotFound,
        PoolError::NameTaken(_) | PoolError::Stale(_) | PoolError::InUse { .. } | PoolError::TooMany => {
            WebError::Conflict(told)
        }
        PoolError::Forbidden(lacking) => lacking.into(),
        PoolError::Db(error) => error.into(),
        PoolError::BadName(_)
        | PoolError::BadAmount
        | PoolError::NoAmount
        | PoolError::BadUnit
        | PoolError::BadDescription(_)
        | PoolError::BadNote(_)
        | PoolError::Nothing => WebError::Invalid(vec![Problem { field: field(&error).into(), message: told }]),
    }
}

/// The field of a form that a refusal is about; empty when it is about none.
fn field(error: &PoolError) -> &'static str {
    match error {
        PoolError::BadName(_) | PoolError::NameTaken(_) | PoolError::TooMany => "name",
        PoolError::BadAmount | PoolError::NoAmount => "amount",
        PoolError::BadUnit => "unit",
        PoolError::BadDescription(_) => "description",
        PoolError::BadNote(_) => "reason",
        _ => "",
    }
}

/// What a refusal means for a stream: a failure of the database passes, everything else ends it.
fn ended(error: PoolError) -> LiveError {
    match error {
        PoolError::Db(error) => error.into(),
        other => LiveError::Ended(other.to_string()),
    }
}

/// Names a page below one pool.
fn titled_under(shell: Shell, title: String, name: &str) -> Shell {
    let shell = shell.titled(title, Section::Nodes).under("Pools", paths::POOLS);
    shell.under(name, paths::pool(name))
}
