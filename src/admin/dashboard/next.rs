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

/// A job that waits for its time.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Due {
    /// The job.
    #[diesel(sql_type = BigInt)]
    pub id: JobId,
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

/// Reads the jobs that are due next and do not wait for a retry, the soonest first.
///
/// # Errors
/// Database failures.
pub fn due(conn: &mut PgConnection, scope: &Scope) -> Result<Vec<Due>, DbError> {
    const SQL: &str = concat!(
        "-- admin::dashboard::due
WITH mine AS (SELECT q.id, q.name FROM millrace.queues q WHERE ",
        in_scope!(),
        ")
SELECT s.job_id AS id, t.name AS template, mine.name AS queue, s.run_at
FROM (SELECT * FROM millrace.scheduled ORDER BY run_at, seq LIMIT $2) AS s
JOIN mine ON mine.id = s.queue_id JOIN millrace.templates t ON t.id = s.template_id
WHERE NOT s.retrying ORDER BY s.run_at, s.seq LIMIT $3"
    );
    statement(SQL)
        .bind::<Nullable<Array<Text>>, _>(whole_queues(scope))
        .bind::<Integer, _>(LOOKED_MAX)
        .bind::<Integer, _>(SHOWN_MAX)
        .rows(conn)
}

/// A line of it.
pub struct DueRow {
    pub id: JobId,
    pub href: String,
    pub template: String,
    pub queue: String,
    /// `in 12m`
    pub when: String,
}

/// Makes the lines.
pub fn due_rows(due: &[Due], now: Time) -> Vec<DueRow> {
    let row = |one: &Due| DueRow {
        id: one.id,
        href: paths::job(one.id),
        template: one.template.clone(),
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
            id: JobId(7),
            template: "report.daily".into(),
            queue: "reports".into(),
            run_at: now + chrono::TimeDelta::seconds(seconds),
        };

        let rows = due_rows(&[due(-3), due(720)], now);

        assert_eq!(rows.iter().map(|row| row.when.as_str()).collect::<Vec<_>>(), ["now", "in 12m"]);
        assert_eq!(rows[0].href, "/jobs/7");
    }
}
