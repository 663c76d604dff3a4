//! The pages of pools.
//!
//! ```text
//! /pools                list ─── row (one pool as it stands)             /live/pools
//! /pools/{name}         show ─── row, who holds, who waits, trail         /live/pool?name=
//! /pools/new, /pools/{name}/change   edit (a form)      /pools/{name}/remove   remove (asks, acts)
//! ```
//! Acts answer with the parts of whichever page they were begun on: see [`live::after`].
mod edit;
mod list;
mod remove;
mod row;
mod show;
#[cfg(test)]
mod tests;

use super::service::PoolError;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form::{Problem, sentence};
use crate::web::live::{self, Kind, Refusal, told};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};

/// The routes of the pages of pools.
pub fn routes() -> Vec<Route> {
    let [read, run] = [Permission::ReadPools, Permission::RunPools].map(Access::Needs);
    vec![
        Route::get(paths::POOLS, read, live::show::<list::ListPage>),
        Route::get("/live/pools", read, live::stream::<list::ListPage>),
        Route::get(paths::POOL_NEW, run, edit::ask_new),
        Route::post(paths::POOL_NEW, run, edit::make),
        Route::get(paths::POOL, read, live::show::<show::ShowPage>),
        Route::get("/live/pool", read, live::stream::<show::ShowPage>),
        Route::get(paths::POOL_CHANGE, run, edit::ask),
        Route::post(paths::POOL_CHANGE, run, edit::change),
        Route::get(paths::POOL_REMOVE, run, remove::ask),
        Route::post(paths::POOL_REMOVE, run, remove::act),
    ]
}

/// Pools as they are acted on.
struct Pools;

impl Kind for Pools {
    type List = list::ListPage;
    type One = show::ShowPage;
    const LIST: &'static str = paths::POOLS;

    fn one(name: &str) -> String {
        paths::pool(name)
    }
}

impl Refusal for PoolError {
    /// Tells whoever asked on a page.
    fn told(self) -> WebError {
        let told = format!("{}.", sentence(&self.to_string()));
        match self {
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
            | PoolError::Nothing => WebError::Invalid(vec![Problem { field: field(&self).into(), message: told }]),
        }
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

/// Names a page below one pool.
fn titled_under(shell: Shell, title: String, name: &str) -> Shell {
    let shell = shell.titled(title, Section::Nodes).under("Pools", paths::POOLS);
    shell.under(name, paths::pool(name))
}
