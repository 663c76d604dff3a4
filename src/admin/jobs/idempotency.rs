//! Enqueueing under an Idempotency-Key: repeating the request gives the same jobs (G2).

use super::service::{JobError, enqueue_in};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::enqueue::{Enqueued, NewJob};
pub use crate::queue::idempotency::{FORGET_MAX, forget_old};
use crate::queue::idempotency::{Once, RequestKey, once};
use crate::queue::permission::Permission;

/// Enqueues jobs unless a request with this `key` has done so.
///
/// # Errors
/// As [`super::service::enqueue`].
pub fn enqueue_once(
    conn: &mut PgConnection,
    actor: &Actor,
    key: Option<&RequestKey>,
    jobs: &[NewJob],
) -> Result<Once<Vec<Enqueued>>, JobError> {
    actor.require(Permission::Enqueue)?;
    once(conn, "jobs::enqueue", key, |tx| enqueue_in(tx, actor, jobs))
}
