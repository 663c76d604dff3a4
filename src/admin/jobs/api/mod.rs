//! Jobs over HTTP: `/api/v1/jobs…` and `/api/v1/counts`.
//!
//! | file | what |
//! |---|---|
//! | `enqueue`, `bulk`, `new_job` | hand over work: one job, up to 10,000 in one transaction, and what a job's JSON means |
//! | `list`, `show`, `log`, `counts` | read |
//! | `act` | cancel, retry, hold, release, reschedule, priority |
//! | `refusal` | a service's refusal as a problem; a job as JSON is told by [`super::json`] |
mod act;
mod bulk;
mod counts;
mod enqueue;
mod list;
mod log;
mod new_job;
mod refusal;
mod show;

use crate::queue::permission::Permission::{Enqueue, ReadCounts, ReadJobs, ReadPayloads, RepairJobs};
use crate::web::api::paths;
use crate::web::table::Access::Needs;
use crate::web::table::Route;

pub use bulk::BULK_BYTES_MAX;

/// The routes of jobs.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get(paths::JOBS, Needs(ReadJobs), list::list).reading_anything(), // fields of the search, which names strange ones
        Route::post(paths::JOBS, Needs(Enqueue), enqueue::enqueue),
        Route::post(paths::JOBS_BULK, Needs(Enqueue), bulk::enqueue),
        Route::get(paths::JOB, Needs(ReadJobs), show::job),
        Route::get(paths::JOB_ATTEMPTS, Needs(ReadJobs), show::attempts),
        Route::get(paths::JOB_LOG, Needs(ReadPayloads), log::log).reading(&["attempt", "after", "limit"]),
        Route::get(paths::JOB_EXPLAIN, Needs(ReadJobs), show::explain),
        Route::post(paths::JOB_CANCEL, Needs(RepairJobs), act::cancel),
        Route::post(paths::JOB_RETRY, Needs(RepairJobs), act::retry),
        Route::post(paths::JOB_HOLD, Needs(RepairJobs), act::hold),
        Route::post(paths::JOB_RELEASE, Needs(RepairJobs), act::release),
        Route::post(paths::JOB_RESCHEDULE, Needs(RepairJobs), act::reschedule),
        Route::post(paths::JOB_PRIORITY, Needs(RepairJobs), act::priority),
        Route::get(paths::COUNTS, Needs(ReadCounts), counts::counts).reading(&["by"]),
    ]
}
