//! Why an act on a schedule was refused.

use crate::base::clock::Time;
use crate::base::db::DbError;
use crate::base::text::TextError;
use crate::queue::actor::Forbidden;
use crate::queue::job::JobId;
use crate::timing::document::Fault;

/// Why an act on a schedule was refused.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// There is no schedule of this name, or it is out of the actor's scope.
    #[error("there is no schedule called {0:?}")]
    NotFound(String),
    /// It was removed then.
    #[error("the schedule {0:?} was removed")]
    Removed(String, Time),
    /// There is no such version.
    #[error("the schedule {0:?} has no version {1}")]
    NoVersion(String, i32),
    /// There is no such backfill.
    #[error("there is no backfill {0}")]
    NoBackfill(i32),
    /// A schedule of this name exists already.
    #[error("there is a schedule called {0:?} already")]
    NameTaken(String),
    /// Somebody saved a version since the editor was opened.
    #[error("version {latest} was saved meanwhile; yours was made from version {base}")]
    Stale {
        /// The version that the change was made from.
        base: i32,
        /// The version in force now.
        latest: i32,
    },
    /// What it says breaks rules, contradictions included.
    #[error("{}", .0.first().map_or_else(|| "refused".to_owned(), |fault| format!("{}: {}", fault.path, fault.message)))]
    Refused(Vec<Fault>),
    /// The queue of its template is none that the actor may act on.
    #[error("the queue {0:?} is outside of your scope")]
    OutOfScope(String),
    /// It is so already.
    #[error("the schedule {0:?} is {1} already")]
    Already(String, &'static str),
    /// A backfill is so already.
    #[error("backfill {0} {1} already")]
    BackfillIs(i32, &'static str),
    /// A job of it has not ended, and its jobs do not overlap.
    #[error("job {0} of this schedule has not ended, and its policy is that they do not overlap")]
    Overlaps(JobId),
    /// No job can be made.
    #[error("no job can be made: {0}")]
    NoJob(String),
    /// There is nothing in the range.
    #[error("{0}")]
    BadRange(String),
    /// The actor lacks the permission.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The reason is too long or holds control characters.
    #[error(transparent)]
    BadNote(#[from] TextError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl ScheduleError {
    /// Refuses one field.
    pub(super) fn field(path: &str, message: impl Into<String>) -> Self {
        Self::Refused(vec![Fault { path: path.into(), message: message.into(), at: None }])
    }
}
