//! What is due next.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Nullable, Text, Timestamptz};

use super::read::{in_scope, whole_queues};
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::queue::job::JobId;
use crate::web::format::relative;
use crate::web::paths;

/// Most rows shown.
const SHOWN_MAX: i32 = 6;
/// Jobs that are looked at, the soonest first: whoever is limited, or has very many retries, may see fewer than there are.
const LOOKED_MAX: i32 = 1_000;

/// A job that waits for its time, or one that a schedule will make.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Due {
    /// The job; absent when there is none yet.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub id: Option<JobId>,
    /// The schedule that will make it.
    #[diesel(sql_type = Nullable<Text>)]
    pub schedule: Option<String>,
    /// Its template.
    #[diesel(sql_type = Text)]
    pub template: String,
    /// Its queue.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// When it becomes ready.
    #[diesel(sql_type = Timestamptz)]
    pub run_at: Time,
}

/// Reads the jobs that are due next and do not wait for a retry, and the next runs of schedules, the soonest first.
///
/// # Errors
/// Database failures.
pub fn due(conn: &mut PgConnection, scope: &Scope) -> Result<Vec<Due>, DbError> {
    const SQL: &str = concat!(
        "-- admin::dashboard::due
WITH mine AS (SELECT q.id, q.name FROM millrace.queues q WHERE ",
        in_scope!(),
        ")
SELECT s.job_id AS id, NULL AS schedule, t.name AS template, mine.name AS queue, s.run_at
FROM (SELECT * FROM millrace.scheduled ORDER BY run_at, seq LIMIT $2) AS s
JOIN mine ON mine.id = s.queue_id JOIN millrace.templates t ON t.id = s.template_id
WHERE NOT s.retrying
UNION ALL
SELECT NULL, c.name, t.name, mine.name, c.next_at
FROM (SELECT * FROM millrace.schedules WHERE due_at IS NOT NULL AND paused_at IS NULL ORDER BY due_at LIMIT $2) AS c
JOIN millrace.templates t ON t.id = c.template_id
JOIN millrace.schedule_versions sv ON sv.schedule_id = c.id AND sv.version = c.version
JOIN millrace.template_versions v ON v.template_id = t.id AND v.version = coalesce((sv.spec ->> 'version')::integer, t.active_version)
JOIN mine ON mine.name = v.queue
WHERE c.next_at IS NOT NULL
ORDER BY run_at LIMIT $3"
    );
    statement(SQL)
        .bind::<Nullable<Array<Text>>, _>(whole_queues(scope))
        .bind::<Integer, _>(LOOKED_MAX)
        .bind::<Integer, _>(SHOWN_MAX)
        .rows(conn)
}

/// A line of it.
pub struct DueRow {
    /// Names the line within the page.
    pub key: String,
    pub href: String,
    pub template: String,
    pub queue: String,
    /// `in 12m`
    pub when: String,
}

/// Makes the lines.
pub fn due_rows(due: &[Due], now: Time) -> Vec<DueRow> {
    let row = |one: &Due| DueRow {
        key: match (&one.schedule, one.id) {
            (Some(name), _) => format!("schedule-{name}"),
            (None, id) => id.map_or_else(String::new, |id| id.to_string()),
        },
        href: match (&one.schedule, one.id) {
            (Some(name), _) => paths::schedule(name),
            (None, id) => id.map(paths::job).unwrap_or_default(),
        },
        template: one.schedule.as_ref().unwrap_or(&one.template).clone(),
        queue: one.queue.clone(),
        when: relative(one.run_at.max(now), now),
    };
    due.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_overdue_is_due_now() {
        let now = Time::UNIX_EPOCH + chrono::TimeDelta::hours(1);
        let due = |seconds: i64| Due {
            id: Some(JobId(7)),
            schedule: None,
            template: "report.daily".into(),
            queue: "reports".into(),
            run_at: now + chrono::TimeDelta::seconds(seconds),
        };

        let rows = due_rows(&[due(-3), due(720)], now);

        assert_eq!(rows.iter().map(|row| row.when.as_str()).collect::<Vec<_>>(), ["now", "in 12m"]);
        assert_eq!(rows[0].href, "/jobs/7");
        let made = Due { id: None, schedule: Some("nightly".into()), ..due(5) };
        assert_eq!((due_rows(&[made], now)[0].href.as_str(), rows[1].key.as_str()), ("/schedules/nightly", "7"));
    }
}
