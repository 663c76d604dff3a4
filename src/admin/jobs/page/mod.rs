//! The jobs pages of the console.
//!
//! ```text
//! /jobs              list ── view (address) · found (rows, counts) · bar (tabs, chips) · bulk · row, cell (templates of their own)
//!                         └─ saved (views of people) · shape (headings, columns) · stream · complete (the search box)
//! /jobs/{id}         job ─── story (reads) ─▶ head · why · line · going · log · runs · attempts · facts · payload · config
//! /jobs/{id}/{verb}  act ─── ask (question)
//! /jobs/new, …/edit  new ─── pick (template) · about · field (one control per kind) · order (what is asked for) · joins
//! /jobs/{id}/log …   log     /jobs/compare  compare ── side (what both have, label by label)
//! ```
mod about;
mod act;
mod ask;
mod attempts;
mod bar;
mod bulk;
mod cell;
mod compare;
mod complete;
mod config;
mod facts;
mod figures;
mod found;
mod going;
mod head;
mod job;
mod joins;
mod line;
mod list;
mod log;
mod log_page;
mod names;
mod new;
mod order;
mod payload;
mod pick;
mod ran;
mod related;
mod row;
mod runs;
mod saved;
mod shape;
mod side;
mod story;
mod stream;
mod why;

use super::service::{self, JobError};
use super::{Detail, detail, view};
use crate::base::db::PgConnection;
use crate::queue::actor::{Actor, Scope};
use crate::queue::enqueue::Refusal;
use crate::queue::job::JobId;
use crate::queue::permission::Permission;
use crate::web::error::{Gone, WebError};
use crate::web::form::Problem;
use crate::web::paths;
use crate::web::table::{Access, Route};

/// The routes of the jobs pages.
pub fn routes() -> Vec<Route> {
    let [read, payloads, enqueue, repair] =
        [Permission::ReadJobs, Permission::ReadPayloads, Permission::Enqueue, Permission::RepairJobs]
            .map(Access::Needs);
    vec![
        Route::get(paths::JOBS, read, list::show),
        Route::get("/live/jobs", read, stream::stream),
        Route::get(paths::JOB, read, job::show),
        Route::get("/live/job", read, job::stream),
        Route::get(paths::ATTEMPT, read, attempts::show),
        Route::get(paths::JOB_LOG, payloads, log_page::show),
        Route::get(paths::JOB_LOG_TEXT, payloads, log_page::download),
        Route::get(paths::JOBS_COMPARE, read, compare::show),
        Route::get(paths::JOBS_COMPLETE, read, complete::show),
        Route::get(paths::JOB_ACT, repair, act::ask),
        Route::post(paths::JOB_ACT, repair, act::act),
        Route::post(paths::JOB_AGAIN, enqueue, act::run_again),
        Route::get(paths::JOB_NEW, enqueue, new::show),
        Route::post(paths::JOB_NEW, enqueue, new::enqueue),
        Route::get(paths::JOB_EDIT, enqueue, new::edit),
        Route::post(paths::JOB_EDIT, enqueue, new::enqueue_edited),
    ]
}

/// Reads a job that the actor may see; tells one that was removed from one that never was.
fn find(conn: &mut PgConnection, actor: &Actor, id: JobId) -> Result<Detail, WebError> {
    match service::find(conn, actor, id) {
        Err(JobError::NotFound(_)) => Err(missing(conn, id)?),
        found => Ok(found?),
    }
}

fn missing(conn: &mut PgConnection, id: JobId) -> Result<WebError, WebError> {
    let is_elsewhere = detail(conn, &Scope::default(), id)?.is_some();
    if is_elsewhere || id.0 <= 0 || !service::is_removed(conn, id)? {
        return Ok(WebError::NotFound);
    }
    let what = format!("Job {id} was removed by retention, if its number was ever given to a job.");
    Ok(match service::removal(conn, id)? {
        Some((at, rule)) => {
            WebError::Gone(Gone { what, at: Some(at), rule: format!("Its neighbours went too: {rule}.") })
        }
        None => WebError::Gone(Gone { what, at: None, rule: String::new() }),
    })
}

impl From<JobError> for WebError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::NotFound(_) => Self::NotFound,
            JobError::NotAllowed(refused) => Self::Conflict(sentence(&refused.to_string())),
            JobError::Forbidden(forbidden) => forbidden.into(),
            JobError::OutOfScope(queue) => {
                let message = format!("The queue {queue} is outside of what you may see");
                Self::Invalid(vec![Problem { field: "queue".into(), message }])
            }
            JobError::Refused(refusals) => Self::Invalid(refusals.into_iter().map(problem).collect()),
            JobError::BadNote(error) => {
                Self::Invalid(vec![Problem { field: "reason".into(), message: sentence(&error.to_string()) }])
            }
            JobError::Db(error) => error.into(),
        }
    }
}

fn problem(refusal: Refusal) -> Problem {
    Problem { message: sentence(&refusal.sentence()), field: refusal.pointer }
}

/// Messages of services begin in lower case; a sentence on a page begins in upper case.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
