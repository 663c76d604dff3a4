//! What staff did last, from the audit trail.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz};

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::{Actor, PersonId};
use crate::queue::permission::Permission;
use crate::queue::state::JobState;
use crate::web::format::Stamp;
use crate::web::shell::{Shell, initials};

/// Lines shown.
const LINES_MAX: i32 = 6;

/// One act of a person.
pub struct Activity {
    /// Number of the record.
    pub id: i64,
    /// Letters of the avatar.
    pub initials: String,
    /// Who.
    pub who: String,
    /// What they did, to what.
    pub what: String,
    /// When.
    pub at: Stamp,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = Text)]
    who: String,
    #[diesel(sql_type = Text)]
    act: String,
    #[diesel(sql_type = Text)]
    subject: String,
    /// State of the job before the act, where it was one on a job.
    #[diesel(sql_type = Nullable<Text>)]
    state: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    at: Time,
}

/// Reads the last accepted acts: everybody's for those who read the trail, one's own for others.
///
/// # Errors
/// Database failures.
pub fn activity(conn: &mut PgConnection, actor: &Actor, shell: &Shell) -> Result<Vec<Activity>, DbError> {
    const SQL: &str = "-- admin::dashboard::activity
WITH found AS (
    (SELECT * FROM millrace.audit WHERE $1 AND accepted ORDER BY id DESC LIMIT $2)
    UNION ALL (SELECT * FROM millrace.audit WHERE NOT $1 AND accepted AND person_id = $3 ORDER BY id DESC LIMIT $2)
)
SELECT a.id, coalesce(p.name, a.actor) AS who, a.act, a.subject, a.before ->> 'state' AS state, a.at
FROM found a LEFT JOIN millrace.people p ON p.id = a.person_id ORDER BY a.id DESC";
    const NOBODY: PersonId = PersonId(0);
    let rows: Vec<Row> = statement(SQL)
        .bind::<Bool, _>(actor.may(Permission::ReadAudit))
        .bind::<Integer, _>(LINES_MAX)
        .bind::<BigInt, _>(actor.person.unwrap_or(NOBODY))
        .rows(conn)?;
    Ok(rows.into_iter().map(|row| line(row, shell)).collect())
}

fn line(row: Row, shell: &Shell) -> Activity {
    Activity {
        id: row.id,
        initials: initials(&row.who),
        what: words(&row.act, &row.subject, row.state.as_deref().and_then(JobState::parse)),
        who: row.who,
        at: shell.stamp(row.at),
    }
}

/// `template.publish` of `mail.send` reads "published template mail.send".
fn words(act: &str, subject: &str, state: Option<JobState>) -> String {
    let (thing, verb) = act.split_once('.').unwrap_or(("", act));
    let told = match (thing, verb) {
        ("account", "sign_in") => "signed in".into(),
        ("account", "sign_out") => "signed out".into(),
        ("account", "sudo") => "gave the password again".into(),
        ("account", "end_other_sessions") => "ended their other sessions".into(),
        ("account", "end_session") => "ended a session of theirs".into(),
        ("account", "change") => "changed settings of their account".into(),
        ("account", verb) => format!("{} of their account", past(verb)),
        ("setup", _) => "made a setup link".into(),
        ("queue", "limit") => format!("changed the limits of queue {subject}"),
        ("person", "reset_password") => format!("reset the password of {subject}"),
        ("template", "roll_back") => format!("rolled back template {subject}"),
        ("schedule", "run") => format!("ran schedule {subject} by hand"),
        ("schedule", "backfill") => format!("started a backfill of schedule {subject}"),
        ("schedule", "backfill_stop") => format!("stopped a backfill of schedule {subject}"),
        ("schedule", "backfill_resume") => format!("resumed a backfill of schedule {subject}"),
        // one verb for both: a job that waits is run now, one that has ended is tried once more
        ("job", "retry") if state.is_some_and(JobState::is_waiting) => format!("ran job {subject} now"),
        ("job", "priority") => format!("changed the priority of job {subject}"),
        (thing, verb) => format!("{} {thing} {subject}", past(verb)),
    };
    told.replace("  ", " ").trim_end().to_owned()
}

/// Gives the past of an act's verb.
fn past(verb: &str) -> String {
    match verb {
        "retry" => "retried".into(),
        "cancel" => "cancelled".into(),
        "hold" => "held".into(),
        "make" => "made".into(),
        "stop" => "stopped".into(),
        "change_password" => "changed the password".into(),
        verb if verb.ends_with('e') => format!("{verb}d"),
        verb => format!("{verb}ed"),
    }
    .replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_read_as_sentences() {
        let words = |act: &str, subject: &str| words(act, subject, None);

        assert_eq!(words("template.publish", "mail.send"), "published template mail.send");
        assert_eq!(words("job.cancel", "7"), "cancelled job 7");
        assert_eq!(words("queue.pause", "mail"), "paused queue mail");
        assert_eq!(words("queue.limit", "mail"), "changed the limits of queue mail");
        assert_eq!(words("account.sign_in", "3"), "signed in");
        assert_eq!(words("account.change_password", "3"), "changed the password of their account");
        assert_eq!(words("account.change", "3"), "changed settings of their account");
        assert_eq!(words("person.reset_password", "ada"), "reset the password of ada");
        assert_eq!(words("template.roll_back", "mail.send"), "rolled back template mail.send");
        assert_eq!(words("view.make", "late-mail"), "made view late-mail");
        assert_eq!(words("operation.stop", "7"), "stopped operation 7");
        assert_eq!(words("schedule.pause", "nightly"), "paused schedule nightly");
        assert_eq!(words("schedule.run", "nightly"), "ran schedule nightly by hand");
        assert_eq!(words("schedule.backfill_stop", "nightly"), "stopped a backfill of schedule nightly");
    }

    #[test]
    fn a_waiting_job_is_run_now_and_an_ended_one_is_retried() {
        for (state, told) in [
            (Some(JobState::Scheduled), "ran job 7 now"),
            (Some(JobState::Retrying), "ran job 7 now"),
            (Some(JobState::Failed), "retried job 7"),
            (None, "retried job 7"),
        ] {
            assert_eq!(words("job.retry", "7", state), told);
        }
    }
}
