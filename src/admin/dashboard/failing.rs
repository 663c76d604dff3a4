//! What fails now: failure groups that are open, by what the hours count. Whoever is limited to tags, by which groups are not
//! counted, is told of the newest attempts instead.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};

use super::read::{in_scope, whole_queues};
use crate::admin::failures::service::sees_messages;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::{Actor, Scope};
use crate::queue::failures::{Facts, GroupState};

/// Groups that failed last which are looked at.
const CANDIDATES_MAX: i32 = 200;
/// Failures that are looked at to find what fails now, for those limited to tags.
const FAILURES_LOOK_MAX: i64 = 2_000;
/// Queues of a group that are known.
const QUEUES_MAX: i32 = 20;
/// Bars of a trend, two hours each.
const BARS: usize = 12;

/// Something that fails now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// Its identity.
    pub fingerprint: String,
    /// First line of the newest message, as far as the viewer may read it; empty = nothing of it.
    pub message: String,
    /// Its template.
    pub template: String,
    /// State of the group; `None` when it was found among the newest attempts, which know of none.
    pub state: Option<GroupState>,
    /// Failed attempts of the last day.
    pub count: i64,
    /// Those of this hour and the one before it.
    pub recent: i64,
    /// The queues in which these were.
    pub queues: Vec<String>,
    /// The first failure: ever, or of the last day where the state is not known.
    pub first: Time,
    /// Counts per two hours over the last day, oldest first.
    pub trend: Vec<i64>,
}

/// Reads what failed in the last day, most frequent first.
///
/// # Errors
/// Database failures.
pub fn failing(conn: &mut PgConnection, actor: &Actor, now: Time, rows_max: i32) -> Result<Vec<Failing>, DbError> {
    if actor.scope.tags.is_empty() {
        let rows = groups(conn, &actor.scope, rows_max)?;
        return Ok(rows.into_iter().map(|row| row.shown(sees_messages(actor), now)).collect());
    }
    let rows = attempts(conn, &actor.scope, rows_max)?;
    Ok(rows.into_iter().map(|row| row.shown(sees_messages(actor))).collect())
}

#[derive(QueryableByName)]
struct Group {
    #[diesel(sql_type = Text)]
    fingerprint: String,
    #[diesel(sql_type = Text)]
    template: String,
    #[diesel(sql_type = Text)]
    message: String,
    #[diesel(sql_type = Text)]
    error: String,
    #[diesel(sql_type = Timestamptz)]
    first_seen: Time,
    #[diesel(sql_type = Timestamptz)]
    last_seen: Time,
    #[diesel(sql_type = Bool)]
    rising: bool,
    #[diesel(sql_type = Bool)]
    returned: bool,
    #[diesel(sql_type = Bool)]
    touched: bool,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = BigInt)]
    recent: i64,
    #[diesel(sql_type = Array<Integer>)]
    places: Vec<i32>,
    #[diesel(sql_type = Array<BigInt>)]
    sums: Vec<i64>,
    #[diesel(sql_type = Array<Text>)]
    queues: Vec<String>,
}

/// Groups that are neither quiet nor put aside. The states of what is left are told by the one rule, in [`Group::state`].
const GROUPS: &str = "-- admin::dashboard::groups
WITH open AS MATERIALIZED (
    SELECT g.fingerprint, g.template_id, g.message, g.error, g.first_seen, g.last_seen, g.rising, g.returned_at IS NOT NULL AS returned,
        g.touched_at IS NOT NULL AS touched
    FROM millrace.failure_groups g
    WHERE g.last_seen > (SELECT clock_timestamp() - interval '24 hours') AND (g.handled_at IS NULL OR g.returned_at IS NOT NULL)
        AND (g.muted_until IS NULL OR g.muted_until <= (SELECT clock_timestamp()))
    ORDER BY g.last_seen DESC, g.fingerprint DESC LIMIT $1
), counts AS MATERIALIZED (
    SELECT c.fingerprint, c.queue_id, least(11, floor(extract(epoch FROM now() - c.hour) / 7200))::integer AS back, c.attempts,
        c.hour >= date_trunc('hour', now()) - interval '1 hour' AS recent
    FROM open o JOIN millrace.failure_counts c ON c.fingerprint = o.fingerprint AND c.hour >= date_trunc('hour', now()) - interval '24 hours'
    WHERE $2::text[] IS NULL OR c.queue_id IN (SELECT q.id FROM millrace.queues q WHERE q.name = ANY ($2))
), sums AS (
    SELECT c.fingerprint, sum(c.attempts)::bigint AS count, coalesce(sum(c.attempts) FILTER (WHERE c.recent), 0)::bigint AS recent,
        array_agg(c.back ORDER BY c.back, c.queue_id) AS places, array_agg(c.attempts ORDER BY c.back, c.queue_id) AS sums
    FROM counts c GROUP BY c.fingerprint ORDER BY count DESC, c.fingerprint LIMIT $3
)
SELECT o.fingerprint, t.name AS template, o.message, o.error, o.first_seen, o.last_seen, o.rising, o.returned, o.touched, s.count, s.recent,
    s.places, s.sums, ARRAY(SELECT q.name FROM millrace.queues q
        WHERE q.id IN (SELECT c.queue_id FROM counts c WHERE c.fingerprint = o.fingerprint AND c.recent) ORDER BY q.name LIMIT $4) AS queues
FROM sums s JOIN open o ON o.fingerprint = s.fingerprint JOIN millrace.templates t ON t.id = o.template_id
ORDER BY s.count DESC, o.fingerprint";

fn groups(conn: &mut PgConnection, scope: &Scope, rows_max: i32) -> Result<Vec<Group>, DbError> {
    statement(GROUPS)
        .bind::<Integer, _>(CANDIDATES_MAX)
        .bind::<Nullable<Array<Text>>, _>(whole_queues(scope))
        .bind::<Integer, _>(rows_max)
        .bind::<Integer, _>(QUEUES_MAX)
        .rows(conn)
}

impl Group {
    fn state(&self, now: Time) -> GroupState {
        let facts = Facts {
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            muted_until: None,         // the muted are not read
            is_handled: self.returned, // nor the handled, unless they returned
            has_returned: self.returned,
            is_rising: self.rising,
            is_touched: self.touched,
        };
        facts.state(now)
    }

    fn shown(self, sees_messages: bool, now: Time) -> Failing {
        let state = self.state(now);
        let mut trend = vec![0; BARS];
        for (back, sum) in self.places.iter().zip(&self.sums) {
            if let Some(bar) = usize::try_from(*back).ok().and_then(|back| trend.iter_mut().rev().nth(back)) {
                *bar += sum;
            }
        }
        Failing {
            message: first_line(if sees_messages { &self.error } else { &self.message }),
            fingerprint: self.fingerprint,
            template: self.template,
            state: Some(state),
            count: self.count,
            recent: self.recent,
            queues: self.queues,
            first: self.first_seen,
            trend,
        }
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.trim().chars().take(crate::base::text::NOTE_CHARS_MAX).collect()
}

#[derive(QueryableByName)]
struct Attempts {
    #[diesel(sql_type = Text)]
    fingerprint: String,
    #[diesel(sql_type = Text)]
    message: String,
    #[diesel(sql_type = Text)]
    template: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Timestamptz)]
    first: Time,
    #[diesel(sql_type = Array<BigInt>)]
    trend: Vec<i64>,
}

impl Attempts {
    /// Their words may repeat what the jobs work on.
    fn shown(self, sees_messages: bool) -> Failing {
        Failing {
            message: if sees_messages { first_line(&self.message) } else { String::new() },
            fingerprint: self.fingerprint,
            template: self.template,
            state: None,
            count: self.count,
            recent: 0,
            queues: Vec::new(),
            first: self.first,
            trend: self.trend,
        }
    }
}

fn attempts(conn: &mut PgConnection, scope: &Scope, rows_max: i32) -> Result<Vec<Attempts>, DbError> {
    const SQL: &str = concat!(
        "-- admin::dashboard::attempts
WITH scope AS (SELECT $1::text[] AS queues, $2::text[] AS tags), newest AS MATERIALIZED (
    SELECT job_id, fingerprint, error, finished_at FROM millrace.attempts
    WHERE fingerprint IS NOT NULL AND outcome IN ('failed', 'timed out', 'interrupted') ORDER BY job_id DESC LIMIT $3
), mine AS (
    SELECT n.fingerprint, n.error, n.finished_at, t.name AS template FROM newest n
    JOIN millrace.jobs j ON j.id = n.job_id JOIN millrace.templates t ON t.id = j.template_id JOIN millrace.queues q ON q.id = j.queue_id
    WHERE n.finished_at > now() - interval '24 hours' AND (", in_scope!(), " OR j.tags && $2)
), slots AS (
    SELECT fingerprint, 11 - least(11, floor(extract(epoch FROM now() - finished_at) / 7200))::integer AS slot FROM mine
)
SELECT m.fingerprint, split_part((array_agg(m.error ORDER BY m.finished_at DESC))[1], E'\\n', 1) AS message, min(m.template) AS template,
    count(*) AS count, min(m.finished_at) AS first,
    (SELECT array_agg((SELECT count(*) FROM slots s WHERE s.fingerprint = m.fingerprint AND s.slot = i) ORDER BY i) FROM generate_series(0, 11) AS i) AS trend
FROM mine m GROUP BY m.fingerprint ORDER BY count(*) DESC, m.fingerprint LIMIT $4"
    );
    statement(SQL)
        .bind::<Nullable<Array<Text>>, _>(whole_queues(scope))
        .bind::<Array<Text>, _>(&scope.tags)
        .bind::<BigInt, _>(FAILURES_LOOK_MAX)
        .bind::<Integer, _>(rows_max)
        .rows(conn)
}

#[cfg(test)]
pub(super) mod sample {
    use super::*;

    /// A group of `mail.send` that fails in the queue `mail`, so often of late.
    pub fn failing(state: GroupState, recent: i64) -> Failing {
        Failing {
            fingerprint: format!("{:016x}", state as u64 * 1_000 + recent.unsigned_abs()),
            message: "SMTP 421".into(),
            template: "mail.send".into(),
            state: Some(state),
            count: recent,
            recent,
            queues: vec!["mail".into()],
            first: Time::UNIX_EPOCH,
            trend: vec![0; BARS],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_stand_in_their_bars_and_messages_are_told_to_those_who_may_read_them() {
        let now: Time = "2026-11-30T12:00:00Z".parse().unwrap();
        let group = |returned| Group {
            fingerprint: "f".into(),
            template: "t".into(),
            message: "order # is broken".into(),
            error: "\n order 7 is broken \nmore".into(),
            first_seen: now - chrono::TimeDelta::days(9),
            last_seen: now,
            rising: true,
            returned,
            touched: false,
            count: 8,
            recent: 5,
            places: vec![0, 0, 11, 12],
            sums: vec![2, 3, 2, 1],
            queues: Vec::new(),
        };

        let (open, closed) = (group(false).shown(true, now), group(true).shown(false, now));

        assert_eq!((open.message.as_str(), closed.message.as_str()), ("order 7 is broken", "order # is broken"));
        assert_eq!((open.state, closed.state), (Some(GroupState::Rising), Some(GroupState::Returned)));
        assert_eq!((open.trend[11], open.trend[0], open.trend.iter().sum::<i64>()), (5, 2, 7));
    }
}
