//! What a service refused, as programs are told.

use crate::admin::jobs::service::JobError;
use crate::queue::enqueue::Refusal;
use crate::web::api::told;
use crate::web::error::WebError;
use crate::web::form::Problem;

/// Translates a refusal, exhaustively.
pub(super) fn refused(error: JobError) -> WebError {
    match error {
        JobError::NotFound(_) => WebError::NotFound,
        JobError::NotAllowed(why) => WebError::Conflict(format!("The {why}.")),
        JobError::Forbidden(lacking) => lacking.into(),
        JobError::OutOfScope(_) => {
            let message = "the queue and tags of this job are outside of what you may see".into();
            WebError::Invalid(vec![Problem { field: "/queue".into(), message }])
        }
        JobError::Refused(refusals) => told(refusals.into_iter().map(problem).collect()),
        JobError::BadNote(why) => {
            WebError::Invalid(vec![Problem { field: "/reason".into(), message: why.to_string() }])
        }
        JobError::Db(error) => error.into(),
    }
}

pub(super) fn problem(refusal: Refusal) -> Problem {
    Problem { message: refusal.sentence(), field: refusal.pointer }
}
