//! Enqueueing from a page: a form that is sent twice makes one job.

use sha2::{Digest, Sha256};

use super::idempotency::enqueue_once;
use super::service::{JobError, like};
use super::{Detail, detail};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::enqueue::{Enqueued, NewJob};
use crate::queue::idempotency::{Once, RequestKey};
use crate::queue::job::JobId;
use crate::queue::permission::Permission;
use crate::queue::ring;

/// Longest one-time id that is taken from a form, in characters.
const OP_CHARS_MAX: usize = 64;

/// What came of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The job.
    pub job: JobId,
    /// Whether it was there before.
    pub was_there: WasThere,
}

/// Whether a job was made by this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WasThere {
    /// It is new.
    New,
    /// The same form was sent before.
    Repeated,
    /// Its unique key was taken by this job.
    SameKey,
}

/// Enqueues one job for a form with the one-time id `op`, and rings the nodes.
///
/// # Errors
/// As [`super::service::enqueue`].
pub fn enqueue_from_form(conn: &mut PgConnection, actor: &Actor, op: &str, job: NewJob) -> Result<Sent, JobError> {
    let body = serde_json::to_vec(&job).unwrap_or_default(); // a job without text keys cannot fail to be written
    let hash: [u8; 32] = Sha256::digest(&body).into();
    let once = enqueue_once(conn, actor, key(actor, op, hash).as_ref(), &[job])?;
    ring::notify(conn)?;
    let (made, repeated) = match once {
        Once::Done(made) => (made, false),
        Once::Repeated(made) => (made, true),
        Once::OtherRequest => (Vec::new(), false), // cannot be: the key holds the hash
    };
    let Enqueued { id, existing } = made.first().copied().ok_or(JobError::Refused(Vec::new()))?;
    let was_there = match (existing, repeated) {
        (true, _) => WasThere::SameKey,
        (false, true) => WasThere::Repeated,
        (false, false) => WasThere::New,
    };
    Ok(Sent { job: id, was_there })
}

/// The same form sent again after an edit is another wish: the key covers what is wished.
fn key(actor: &Actor, op: &str, hash: [u8; 32]) -> Option<RequestKey> {
    let op: String = op.chars().filter(char::is_ascii_graphic).take(OP_CHARS_MAX).collect();
    let wish: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    RequestKey::new(actor, &format!("form:{op}:{wish}"), hash).ok() // visible and short: cannot be refused
}

/// Makes a new job like `job`, linked to it, once per `op`.
///
/// # Errors
/// As [`super::service::enqueue`], and [`JobError::NotFound`].
pub fn again(conn: &mut PgConnection, actor: &Actor, op: &str, job: JobId) -> Result<Sent, JobError> {
    let old = old(conn, actor, job)?;
    enqueue_from_form(conn, actor, op, like(&old, None))
}

/// Reads the job that a new one is to be made of.
///
/// # Errors
/// [`JobError::Forbidden`] for those who may not enqueue or not see arguments; [`JobError::NotFound`].
pub fn old(conn: &mut PgConnection, actor: &Actor, job: JobId) -> Result<Detail, JobError> {
    actor.require(Permission::Enqueue)?;
    actor.require(Permission::ReadPayloads)?;
    detail(conn, &actor.scope, job)?.ok_or(JobError::NotFound(job))
}
