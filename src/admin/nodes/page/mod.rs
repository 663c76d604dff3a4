//! The pages of nodes.
//!
//! ```text
//! /nodes                list ─── row (one node as it stands)       /live/nodes
//! /nodes/{name}         show ─── row, what runs there, trail        /live/node?name=
//! /nodes/{name}/drain, /resume   act (asks, acts; answers with the parts of the page it was begun on)
//! /nodes/{name}/slots, /own-slots   slots (a form for other bounds, and the way back to the node's own setting)
//! ```
mod act;
mod list;
mod row;
mod show;
mod slots;
#[cfg(test)]
mod tests;

use super::service::NodeError;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form::{Problem, sentence};
use crate::web::live::{self, Kind, Refusal, told};
use crate::web::paths;
use crate::web::table::{Access, Route};

/// The routes of the pages of nodes.
pub fn routes() -> Vec<Route> {
    let [read, run, bound] = [Permission::ReadNodes, Permission::RunNodes, Permission::BoundNodes].map(Access::Needs);
    vec![
        Route::get(paths::NODES, read, live::show::<list::ListPage>),
        Route::get("/live/nodes", read, live::stream::<list::ListPage>),
        Route::get(paths::NODE, read, live::show::<show::ShowPage>),
        Route::get("/live/node", read, live::stream::<show::ShowPage>),
        Route::get(paths::NODE_SLOTS, bound, slots::ask),
        Route::post(paths::NODE_SLOTS, bound, slots::act),
        Route::get(paths::NODE_OWN_SLOTS, bound, slots::ask_back),
        Route::post(paths::NODE_OWN_SLOTS, bound, slots::take_back),
        Route::get(paths::NODE_ACT, run, act::ask),
        Route::post(paths::NODE_ACT, run, act::act),
    ]
}

/// Nodes as they are acted on.
struct Nodes;

impl Kind for Nodes {
    type List = list::ListPage;
    type One = show::ShowPage;
    const LIST: &'static str = paths::NODES;

    fn one(name: &str) -> String {
        paths::node(name)
    }
}

impl Refusal for NodeError {
    /// Tells whoever asked on a page.
    fn told(self) -> WebError {
        let told = format!("{}.", sentence(&self.to_string()));
        match self {
            NodeError::NotFound(_) => WebError::NotFound,
            NodeError::NotUp { .. }
            | NodeError::NotDraining { .. }
            | NodeError::NoCeiling(_)
            | NodeError::NotBounded(_) => WebError::Conflict(told),
            NodeError::BeyondCeiling { .. } | NodeError::BadBounds => {
                WebError::Invalid(vec![Problem { field: "max".into(), message: told }])
            }
            NodeError::BadNote(_) => WebError::Invalid(vec![Problem { field: "reason".into(), message: told }]),
            NodeError::Forbidden(lacking) => lacking.into(),
            NodeError::Db(error) => error.into(),
        }
    }
}
