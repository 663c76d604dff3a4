//! Schedules that need somebody: they cannot make jobs, paused themselves, missed runs, or their jobs are late.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};

use super::read::whole_queues;
use super::sentences::{Deed, Sentence};
use crate::admin::schedules::in_scope;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::job::JobId;
use crate::queue::permission::Permission;
use crate::web::format::{between, duration, grouped};
use crate::web::paths;
use crate::web::tone::Tone;

/// Most schedules of one kind that are read; if there are as many, there may be more.
pub const SHOWN_MAX: i32 = 100;
/// Missed occurrences of the last day that are looked at, the latest.
const MISSED_MAX: i32 = 1_000;

/// What is the matter with a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ill {
    /// It cannot make jobs.
    Stuck,
    /// A job of it should have ended.
    Late,
    /// It paused itself.
    Resting,
    /// It missed runs in the last day.
    Missed,
}

impl Ill {
    /// Every kind, the worst first.
    pub const ALL: [Self; 4] = [Self::Stuck, Self::Late, Self::Resting, Self::Missed];

    /// Gives its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stuck => "stuck",
            Self::Late => "late",
            Self::Resting => "resting",
            Self::Missed => "missed",
        }
    }
}

/// A schedule that needs somebody.
#[derive(Debug, Clone, PartialEq, QueryableByName)]
pub struct Ailing {
    /// What is the matter; [`Ailing::ill`] is safer.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub schedule: String,
    /// Since when, or when its job should have ended.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub since: Option<Time>,
    /// Why.
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
    /// The late job.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub job: Option<JobId>,
    /// Runs that it missed.
    #[diesel(sql_type = BigInt)]
    pub runs: i64,
}

impl Ailing {
    /// Gives what is the matter.
    pub fn ill(&self) -> Option<Ill> {
        Ill::ALL.into_iter().find(|ill| ill.as_str() == self.kind)
    }
}

/// Finds the schedules in scope that need somebody, of each kind the worst first.
///
/// # Errors
/// Database failures.
pub fn ailing(conn: &mut PgConnection, scope: &Scope) -> Result<Vec<Ailing>, DbError> {
    const SQL: &str = concat!(
        "-- admin::dashboard::ailing
WITH found AS (
(SELECT 'stuck' AS kind, s.id, NULL::timestamptz AS since, s.trouble AS reason, NULL::bigint AS job, 0::bigint AS runs FROM millrace.schedules s
    WHERE s.trouble IS NOT NULL AND s.paused_at IS NULL AND s.ended_at IS NULL AND s.removed_at IS NULL AND ",
        in_scope!("$1::text[] IS NULL", "$1"),
        " ORDER BY s.id LIMIT $2)
UNION ALL (SELECT 'resting', s.id, s.paused_at, s.pause_reason, NULL, 0 FROM millrace.schedules s
    WHERE s.paused_by = 'Millrace' AND s.paused_at IS NOT NULL AND s.ended_at IS NULL AND s.removed_at IS NULL AND ",
        in_scope!("$1 IS NULL", "$1"),
        " ORDER BY s.paused_at DESC LIMIT $2)
UNION ALL (SELECT 'late', s.id, l.finish_by, NULL, l.job_id, 0 FROM millrace.schedule_jobs l JOIN millrace.schedules s ON s.id = l.schedule_id
    WHERE l.finish_by < (SELECT clock_timestamp()) AND s.removed_at IS NULL AND (SELECT true FROM millrace.jobs j WHERE j.id = l.job_id)
        AND (SELECT true FROM millrace.history h WHERE h.job_id = l.job_id) IS NULL AND ",
        in_scope!("$1 IS NULL", "$1"),
        " ORDER BY l.finish_by LIMIT $2)
UNION ALL (SELECT 'missed', s.id, max(o.at), (array_agg(o.reason ORDER BY o.at DESC))[1], NULL, (count(*) + sum(o.more))::bigint FROM (
    SELECT * FROM millrace.occurrences m WHERE m.cause = 'missed' AND m.decided_at > (SELECT clock_timestamp() - interval '1 day')
    ORDER BY m.decided_at DESC LIMIT $3) AS o JOIN millrace.schedules s ON s.id = o.schedule_id
    WHERE s.removed_at IS NULL AND s.paused_at IS NULL AND ",
        in_scope!("$1 IS NULL", "$1"),
        " GROUP BY s.id ORDER BY 6 DESC LIMIT $2)
)
SELECT f.kind, s.name AS schedule, f.since, f.reason, f.job, f.runs FROM found f JOIN millrace.schedules s ON s.id = f.id
ORDER BY f.runs DESC, CASE f.kind WHEN 'resting' THEN -extract(epoch FROM f.since) ELSE extract(epoch FROM f.since) END, s.name"
    );
    statement(SQL)
        .bind::<Nullable<Array<Text>>, _>(whole_queues(scope))
        .bind::<Integer, _>(SHOWN_MAX)
        .bind::<Integer, _>(MISSED_MAX)
        .rows(conn)
}

/// Tells of the worst of one kind, and how many there are.
pub(super) fn sentence(ill: Ill, worst: &Ailing, all: usize, now: Time) -> Sentence {
    let name = &worst.schedule;
    let ago = worst.since.map(|since| duration(between(since, now))).unwrap_or_default();
    let reason = worst.reason.as_deref().unwrap_or("it is not known why").trim_end_matches('.');
    let (what, more) = match (ill, all) {
        (Ill::Stuck, 1) => (format!("Schedule {name} cannot make jobs."), capital(reason)),
        (Ill::Stuck, _) => (format!("{} cannot make jobs.", schedules(all)), format!("{name}: {reason}")),
        (Ill::Late, 1) => (format!("Schedule {name} is {ago} late."), job(worst)),
        (Ill::Late, _) => (format!("{} of schedules are late.", runs(all)), format!("The longest is {name}: {ago}")),
        (Ill::Resting, 1) => (format!("Schedule {name} paused itself {ago} ago."), capital(reason)),
        (Ill::Resting, _) => {
            (format!("{} paused themselves.", schedules(all)), format!("The last was {name}, {ago} ago: {reason}"))
        }
        (Ill::Missed, 1) => (format!("Schedule {name} missed {} in a day.", times(worst.runs)), capital(reason)),
        (Ill::Missed, _) => (
            format!("{} missed runs in a day.", schedules(all)),
            format!("{name} missed most, {}: {reason}", times(worst.runs)),
        ),
    };
    let listed = |state| paths::with_query(paths::SCHEDULES, &[("state", state)]);
    let act = match (ill, all, worst.job) {
        (Ill::Stuck, 1, _) | (Ill::Resting, 1, _) => ("See the schedule", paths::schedule(name)),
        (Ill::Stuck, ..) => ("See them", listed("troubled")),
        (Ill::Resting, ..) => ("See them", listed("paused")),
        (Ill::Late, _, Some(job)) => ("See the job", paths::job(job)),
        (Ill::Late, ..) => ("See the schedule", paths::schedule(name)),
        (Ill::Missed, ..) => {
            ("See its history", paths::with_query(&paths::schedule_history(name), &[("outcome", "missed")]))
        }
    };
    let resume = Deed {
        icon: "play",
        word: "Resume…",
        href: paths::schedule_act(name, "resume"),
        needs: Permission::EditSchedules,
    };
    Sentence {
        key: String::new(),
        tone: match ill {
            Ill::Stuck | Ill::Late => Tone::Failed,
            Ill::Resting => Tone::Paused,
            Ill::Missed => Tone::Expired,
        },
        icon: match ill {
            Ill::Stuck => "triangle-alert",
            Ill::Late => "timer",
            Ill::Resting => "circle-pause",
            Ill::Missed => "calendar-clock",
        },
        what,
        more: format!("{more}."),
        acts: vec![act],
        deed: (ill == Ill::Resting && all == 1).then_some(resume),
    }
}

fn job(one: &Ailing) -> String {
    one.job.map_or_else(|| "Its job has not ended".into(), |job| format!("Job {job} has not ended"))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// As many as could be read are perhaps not all.
fn number(all: usize) -> String {
    let most = all >= usize::try_from(SHOWN_MAX).unwrap_or(usize::MAX);
    format!("{}{}", grouped(all as u64), if most { " or more" } else { "" })
}

fn schedules(all: usize) -> String {
    format!("{} schedules", number(all))
}

fn runs(all: usize) -> String {
    format!("{} runs", number(all))
}

fn times(runs: i64) -> String {
    if runs == 1 { "1 run".into() } else { format!("{} runs", grouped(runs.unsigned_abs())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(ill: Ill) -> Ailing {
        Ailing {
            kind: ill.as_str().into(),
            schedule: "nightly".into(),
            since: Some(Time::UNIX_EPOCH),
            reason: Some("template mail.send is archived".into()),
            job: Some(JobId(7)),
            runs: 3,
        }
    }

    #[test]
    fn each_is_told_with_why_and_where_to_look() {
        let now = Time::UNIX_EPOCH + chrono::TimeDelta::minutes(12);
        let told = |ill, all| {
            let sentence = sentence(ill, &one(ill), all, now);
            (format!("{} {}", sentence.what, sentence.more), sentence.acts[0].1.clone(), sentence.deed.is_some())
        };

        for (ill, all, text, href, deed) in [
            (
                Ill::Stuck,
                1,
                "Schedule nightly cannot make jobs. Template mail.send is archived.",
                "/schedules/nightly",
                false,
            ),
            (
                Ill::Stuck,
                8,
                "8 schedules cannot make jobs. nightly: template mail.send is archived.",
                "/schedules?state=troubled",
                false,
            ),
            (Ill::Late, 1, "Schedule nightly is 12m late. Job 7 has not ended.", "/jobs/7", false),
            (Ill::Late, 2, "2 runs of schedules are late. The longest is nightly: 12m.", "/jobs/7", false),
            (
                Ill::Resting,
                1,
                "Schedule nightly paused itself 12m ago. Template mail.send is archived.",
                "/schedules/nightly",
                true,
            ),
            (
                Ill::Missed,
                100,
                "100 or more schedules missed runs in a day. nightly missed most, 3 runs: template mail.send is archived.",
                "/schedules/nightly/history?outcome=missed",
                false,
            ),
        ] {
            assert_eq!(told(ill, all), (text.to_owned(), href.to_owned(), deed));
        }
    }
}
