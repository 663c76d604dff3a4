//! When a waiting job is expected to start, as far as it can be told, and from what.

use std::time::Duration;

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Double, Nullable};
use serde_json::{Value, json};

use super::forecast::{Start, expected_start};
use super::pace::pace;
use super::{Detail, Explanation, Outlook, Reason};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::web::format::duration;

/// What is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// So many slots are free, and it is next for one of them.
    AtOnce(i64),
    /// It becomes ready by itself then, and starts unless something else keeps it.
    OwnTime(Time),
    /// A limited rate has promised it this time.
    Promised(Time),
    /// Its queue gets through what is before it in this time.
    Pace(Start),
    /// Not before one of those ends who hold what it waits for.
    After {
        /// The one that is expected to end first.
        holder: i64,
        /// How soon.
        ends_in: Duration,
    },
}

/// Tells when `job` is expected to start; `None` when it does not wait, or nothing tells: what stops a whole queue ends when somebody
/// says so. Jobs that `told` does not name count for nothing.
///
/// # Errors
/// Database failures.
pub fn expected(conn: &mut PgConnection, job: &Detail, told: &Explanation) -> Result<Option<Expected>, DbError> {
    match told.outlook() {
        Outlook::AtOnce(free) => return Ok(Some(Expected::AtOnce(free))),
        Outlook::InTurn(position) => return Ok(expected_start(conn, &job.queue, position)?.map(Expected::Pace)),
        Outlook::Stopped => {}
    }
    let Some((last, before)) = told.reasons.split_last() else { return Ok(None) };
    if !before.iter().all(|reason| matches!(reason, Reason::SlotsBusy { .. })) {
        return Ok(None);
    }
    match last {
        Reason::NotDue { run_at } | Reason::Debounced { run_at, .. } | Reason::Backoff { run_at } => {
            Ok(Some(Expected::OwnTime(*run_at)))
        }
        Reason::RateLimit { at, .. } => Ok(Some(Expected::Promised(*at))),
        Reason::Limit { holders, .. } => first_end(conn, holders),
        Reason::Pool(wait) if !wait.needs_more_than_there_is() => first_end(conn, &wait.holders),
        Reason::Turn { holder: Some(holder), .. } => first_end(conn, &[*holder]),
        _ => Ok(None),
    }
}

/// A running job, how far it is, and how long jobs of its template take.
#[derive(Debug, Clone, Copy, QueryableByName)]
struct Holder {
    #[diesel(sql_type = BigInt)]
    job: i64,
    #[diesel(sql_type = Double)]
    ran_s: f64,
    #[diesel(sql_type = Nullable<BigInt>)]
    done: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    total: Option<i64>,
    #[diesel(sql_type = Nullable<Double>)]
    usual_s: Option<f64>,
}

impl Holder {
    /// Tells how soon it is expected to end: at its own pace when it reports one, else when jobs of its template usually do. What runs
    /// for longer than usual tells nothing.
    fn ends_in(self) -> Option<Duration> {
        let ran = Duration::try_from_secs_f64(self.ran_s).ok()?;
        let now = Time::UNIX_EPOCH + chrono::TimeDelta::from_std(ran).ok()?;
        let at_pace = pace(self.done.unwrap_or(0), self.total.unwrap_or(0), Some(Time::UNIX_EPOCH), now).left;
        let as_usual = self.usual_s.filter(|usual| *usual > self.ran_s).map(|usual| usual - self.ran_s);
        at_pace.or_else(|| Duration::try_from_secs_f64(as_usual?).ok())
    }
}

/// Finds who of these is expected to end first.
fn first_end(conn: &mut PgConnection, holders: &[i64]) -> Result<Option<Expected>, DbError> {
    const SQL: &str = "-- admin::jobs::holders
SELECT j.id AS job, extract(epoch FROM clock_timestamp() - l.started_at)::double precision AS ran_s, live.done, live.total, (
    SELECT sum(r.run_us)::double precision / nullif(sum(r.succeeded + r.attempts_failed), 0)::double precision / 1e6 FROM millrace.rollups r
    WHERE r.template_id = j.template_id AND (r.step_s = 60 AND r.at > now() - interval '1 hour' OR r.step_s = 3600 AND r.at > now() - interval '1 day')
) AS usual_s
FROM unnest($1) AS held(job_id) JOIN millrace.jobs j ON j.id = held.job_id
CROSS JOIN LATERAL (SELECT * FROM millrace.leases l WHERE l.job_ids @> ARRAY[held.job_id] LIMIT 1) AS l
LEFT JOIN millrace.live ON live.job_id = j.id ORDER BY j.id LIMIT 10";
    if holders.is_empty() {
        return Ok(None);
    }
    let rows: Vec<Holder> = statement(SQL).bind::<Array<BigInt>, _>(holders).rows(conn)?;
    let ends = rows.into_iter().filter_map(|row| Some((row.ends_in()?, row.job)));
    Ok(ends.min().map(|(ends_in, holder)| Expected::After { holder, ends_in }))
}

impl Expected {
    /// Gives the time at which it starts most likely, where that lies ahead and is known.
    pub fn start(self, now: Time) -> Option<Time> {
        match self {
            Self::Promised(at) => Some(at),
            Self::Pace(start) => Some(now + start.likely),
            Self::AtOnce(_) | Self::OwnTime(_) | Self::After { .. } => None,
        }
    }

    /// Says it to programs: from what it is told, the times that are known, and the sentence for a person.
    pub fn told(self, now: Time) -> Value {
        let (basis, [start, earliest, latest]) = match self {
            Self::AtOnce(_) => ("free-slot", [Some(now); 3]),
            Self::OwnTime(at) => ("own-time", [Some(at), Some(at), None]),
            Self::Promised(at) => ("promised", [Some(at), Some(at), None]),
            Self::Pace(start) => {
                ("queue-pace", [start.likely, start.earliest, start.latest].map(|after| Some(now + after)))
            }
            Self::After { ends_in, .. } => ("holder", [None, Some(now + ends_in), None]),
        };
        let holder = if let Self::After { holder, .. } = self { Some(holder) } else { None };
        json!({
            "basis": basis, "start_at": start, "earliest": earliest, "latest": latest, "holder": holder,
            "message": self.sentence(now),
        })
    }

    /// Says it in words, without full stop.
    pub fn sentence(self, now: Time) -> String {
        match self {
            Self::AtOnce(1) => "A slot is free: it can start at once".into(),
            Self::AtOnce(free) => format!("{free} slots are free: it can start at once"),
            Self::OwnTime(at) => {
                format!("It becomes ready at {} and starts unless something else keeps it", at.to_rfc3339())
            }
            Self::Promised(at) => {
                format!("It is expected to start at {}, the time that the rate promises it", at.to_rfc3339())
            }
            Self::Pace(start) => {
                let at = (now + start.likely).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
                let [likely, earliest, latest] = [start.likely, start.earliest, start.latest].map(duration);
                format!(
                    "At the pace of the last 10 minutes it starts in about {likely}, between {earliest} and {latest}: {at}"
                )
            }
            Self::After { holder, ends_in } => {
                format!(
                    "It starts after one of those that hold its place; job {holder} is expected to end in about {}",
                    duration(ends_in)
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(ran_s: f64, progress: Option<(i64, i64)>, usual_s: Option<f64>) -> Option<u64> {
        let (done, total) = progress.unzip();
        Holder { job: 7, ran_s, done, total, usual_s }.ends_in().map(|time| time.as_secs())
    }

    #[test]
    fn a_holder_ends_at_its_own_pace_or_when_its_kind_usually_does() {
        assert_eq!(holder(60.0, Some((30, 120)), Some(61.0)), Some(180));
        assert_eq!(holder(60.0, None, Some(100.0)), Some(40));
        assert_eq!(holder(60.0, Some((0, 0)), Some(100.0)), Some(40), "it says nothing yet");
        assert_eq!(holder(60.0, None, Some(50.0)), None, "longer than usual");
        assert_eq!(holder(60.0, None, None), None);
    }

    #[test]
    fn programs_are_told_from_what_it_is_known() {
        let now = Time::UNIX_EPOCH;
        let seconds = Duration::from_secs;

        let pace = Expected::Pace(Start { likely: seconds(12), earliest: seconds(8), latest: seconds(16) }).told(now);
        assert_eq!((&pace["basis"], &pace["start_at"]), (&json!("queue-pace"), &json!("1970-01-01T00:00:12Z")));
        assert_eq!(
            (&pace["earliest"], &pace["latest"]),
            (&json!("1970-01-01T00:00:08Z"), &json!("1970-01-01T00:00:16Z"))
        );
        let after = Expected::After { holder: 7, ends_in: seconds(40) }.told(now);
        assert_eq!((&after["start_at"], &after["earliest"]), (&json!(null), &json!("1970-01-01T00:00:40Z")));
        assert_eq!(after["holder"], json!(7));
        assert!(Expected::Promised(now).sentence(now).contains("1970-01-01T00:00:00"));
        assert_eq!(Expected::AtOnce(3).sentence(now), "3 slots are free: it can start at once");
    }
}
