//! `millrace job cancel`, `retry`, `hold`, `release`.

use super::{Acted as Flags, Answer, Failure, Session, refused};
use crate::admin::jobs::service::{Acted, Verb, act};
use crate::admin::jobs::{json as told_as, service};
use crate::queue::ring;

pub(super) fn run(session: &Session, flags: &Flags, verb: Verb) -> Result<Answer, Failure> {
    let conn = &mut *session.connect()?;
    let reason = flags.reason.as_deref().unwrap_or_default();
    let acted = act(conn, &session.clock, &session.actor, flags.id, (verb, reason)).map_err(refused)?;
    ring::notify(conn)?;
    let job = service::find(conn, &session.actor, flags.id).map_err(refused)?;
    let text = match acted {
        Acted::Done => format!("Job {} is {} now.", job.id, job.state()),
        Acted::Asked => format!("Job {} runs; its node was told to stop it.", job.id),
    };
    Ok(Answer::new(text, told_as::job(&session.actor, &job)))
}
