//! The pages of nodes.
//!
//! ```text
//! /nodes                list ─── row (one node as it stands)       /live/nodes
//! /nodes/{name}         show ─── row, what runs there, trail        /live/node?name=
//! /nodes/{name}/drain, /resume   act (asks, acts; answers with the parts of the page it was begun on)
//! ```
mod act;
mod list;
mod row;
mod show;
#[cfg(test)]
mod tests;

pub use row::FROM_LIST;

use super::service::NodeError;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form::{Problem, sentence};
use crate::web::live::LiveError;
use crate::web::paths;
use crate::web::table::{Access, Route};

/// The routes of the pages of nodes.
pub fn routes() -> Vec<Route> {
    let [read, run] = [Permission::ReadNodes, Permission::RunNodes].map(Access::Needs);
    vec![
        Route::get(paths::NODES, read, list::show),
        Route::get("/live/nodes", read, list::stream),
        Route::get(paths::NODE, read, show::show),
        Route::get("/live/node", read, show::stream),
        Route::get(paths::NODE_ACT, run, act::ask),
        Route::post(paths::NODE_ACT, run, act::act),
    ]
}

/// Turns a refusal of the service into an answer for whoever asked.
fn told(error: NodeError) -> WebError {
    let told = format!("{}.", sentence(&error.to_string()));
    match error {
        NodeError::NotFound(_) => WebError::NotFound,
        NodeError::NotUp { .. } | NodeError::NotDraining { .. } => WebError::Conflict(told),
        NodeError::BadNote(_) => WebError::Invalid(vec![Problem { field: "reason".into(), message: told }]),
        NodeError::Forbidden(lacking) => lacking.into(),
        NodeError::Db(error) => error.into(),
    }
}

/// What a refusal means for a stream: a failure of the database passes, everything else ends it.
fn ended(error: NodeError) -> LiveError {
    match error {
        NodeError::Db(error) => error.into(),
        other => LiveError::Ended(other.to_string()),
    }
}
