//! The pages of queues.
//!
//! ```text
//! /queues               list ─── row (one queue as it stands)         /live/queues
//! /queues/{name}        show ─── row, its last hour, its users, trail  /live/queue?name=
//! /queues/{name}/pause, /resume   act (asks, acts)      /queues/{name}/limits   limits (a form)
//! ```
//! Acts answer with the parts of whichever page they were begun on: see [`live::after`].
mod act;
mod beside;
mod limits;
mod list;
mod row;
mod show;
#[cfg(test)]
mod tests;

use super::service::QueueError;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::form::{Problem, sentence};
use crate::web::live::{self, Kind, Refusal, told};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};

/// The routes of the pages of queues.
pub fn routes() -> Vec<Route> {
    let [read, run] = [Permission::ReadQueues, Permission::RunQueues].map(Access::Needs);
    vec![
        Route::get(paths::QUEUES, read, live::show::<list::ListPage>),
        Route::get("/live/queues", read, live::stream::<list::ListPage>),
        Route::get(paths::QUEUE, read, live::show::<show::ShowPage>),
        Route::get("/live/queue", read, live::stream::<show::ShowPage>),
        Route::get(paths::QUEUE_LIMITS, run, limits::ask),
        Route::post(paths::QUEUE_LIMITS, run, limits::act),
        Route::get(paths::QUEUE_ACT, run, act::ask),
        Route::post(paths::QUEUE_ACT, run, act::act),
    ]
}

/// Queues as they are acted on.
struct Queues;

impl Kind for Queues {
    type List = list::ListPage;
    type One = show::ShowPage;
    const LIST: &'static str = paths::QUEUES;

    fn one(name: &str) -> String {
        paths::queue(name)
    }
}

impl Refusal for QueueError {
    /// Tells whoever asked on a page.
    fn told(self) -> WebError {
        let told = format!("{}.", sentence(&self.to_string()));
        match self {
            QueueError::NotFound(_) => WebError::NotFound,
            QueueError::AlreadyPaused { .. } | QueueError::NotPaused(_) | QueueError::Stale { .. } => {
                WebError::Conflict(told)
            }
            QueueError::BadWeight => WebError::Invalid(vec![Problem { field: "weight".into(), message: told }]),
            QueueError::BadConcurrency(limit) => {
                WebError::Invalid(vec![Problem { field: limit.into(), message: told }])
            }
            QueueError::BadTarget => WebError::Invalid(vec![Problem { field: "wait_target".into(), message: told }]),
            QueueError::NoLimit => WebError::Invalid(vec![Problem { field: String::new(), message: told }]),
            QueueError::BadNote(_) => WebError::Invalid(vec![Problem { field: "reason".into(), message: told }]),
            QueueError::Forbidden(lacking) => lacking.into(),
            QueueError::Db(error) => error.into(),
        }
    }
}

/// Names a page below one queue.
fn titled_under(shell: Shell, title: String, name: &str) -> Shell {
    let shell = shell.titled(title, Section::Queues).under("Queues", paths::QUEUES);
    shell.under(name, paths::queue(name))
}
