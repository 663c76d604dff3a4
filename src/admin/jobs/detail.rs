//! Everything about one job, as of one moment.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz};
use serde_json::Value;

use super::service::sees_payload;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::{Actor, Scope};
use crate::queue::job::{Fence, JobId, TemplateId};
use crate::queue::params::MASK;
use crate::queue::state::JobState;
use crate::queue::template::{Defaults, TemplateSpec};

/// One job.
#[derive(Debug, Clone, QueryableByName)]
pub struct Detail {
    /// Its id.
    #[diesel(sql_type = BigInt)]
    pub id: JobId,
    #[diesel(sql_type = Text)]
    pub(super) state: String,
    /// Its template.
    #[diesel(sql_type = Text)]
    pub template: String,
    /// Its template's row.
    #[diesel(sql_type = Integer)]
    pub template_id: TemplateId,
    /// The version it is pinned to.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// What that version says.
    #[diesel(sql_type = Jsonb)]
    pub spec: Value,
    /// Its present queue.
    #[diesel(sql_type = Text)]
    pub queue: String,
    /// Its present priority.
    #[diesel(sql_type = SmallInt)]
    pub priority: i16,
    /// Its arguments.
    #[diesel(sql_type = Jsonb)]
    pub args: Value,
    /// Its labels.
    #[diesel(sql_type = Array<Text>)]
    pub tags: Vec<String>,
    /// Attempts counted, the running one included.
    #[diesel(sql_type = SmallInt)]
    pub attempt: i16,
    /// Its own number of attempts, if it has one.
    #[diesel(sql_type = Nullable<SmallInt>)]
    pub max_attempts: Option<i16>,
    /// Its own timeout, if it has one.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub timeout_ms: Option<i64>,
    /// When it was enqueued.
    #[diesel(sql_type = Timestamptz)]
    pub created_at: Time,
    /// By whom.
    #[diesel(sql_type = Text)]
    pub enqueued_by: String,
    /// The schedule that made it.
    #[diesel(sql_type = Nullable<Text>)]
    pub schedule: Option<String>,
    /// The instant that the schedule's rules named.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub occurrence: Option<Time>,
    /// Its time at enqueue, if it had one.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub asked_for: Option<Time>,
    /// When it becomes ready, for waiting ones with a time.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub run_at: Option<Time>,
    /// Since when it waits in its present place, or waited before its last attempt.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub since: Option<Time>,
    /// Start of the running or last attempt.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub started_at: Option<Time>,
    /// When it ended.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub finished_at: Option<Time>,
    /// It expires when not started by then.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub deadline: Option<Time>,
    /// Its unique key.
    #[diesel(sql_type = Nullable<Text>)]
    pub unique_key: Option<String>,
    /// Its ordering key.
    #[diesel(sql_type = Nullable<Text>)]
    pub ordering_key: Option<String>,
    /// The job it was made from.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub parent: Option<JobId>,
    /// Fence of the running or last attempt.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub fence: Option<Fence>,
    /// Where it runs or ran last.
    #[diesel(sql_type = Nullable<Text>)]
    pub node: Option<String>,
    /// Last heartbeat of that node.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub heartbeat_at: Option<Time>,
    /// Why it failed or was cancelled; while it waits again, why its last attempt failed.
    #[diesel(sql_type = Nullable<Text>)]
    pub error: Option<String>,
    /// Identity of its failure.
    #[diesel(sql_type = Nullable<Text>)]
    pub fingerprint: Option<String>,
    /// What it gave.
    #[diesel(sql_type = Nullable<Jsonb>)]
    pub output: Option<Value>,
    /// CPU time of the last attempt in milliseconds.
    #[diesel(sql_type = Nullable<Integer>)]
    pub cpu_ms: Option<i32>,
    /// Largest resident set of the last attempt.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub peak_memory_bytes: Option<i64>,
    /// Read from disks by the last attempt.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub read_bytes: Option<i64>,
    /// Given to disks to be written by the last attempt.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub written_bytes: Option<i64>,
    /// System user that the last attempt ran as.
    #[diesel(sql_type = Nullable<Text>)]
    pub ran_as: Option<String>,
    /// Exit code of the last attempt.
    #[diesel(sql_type = Nullable<Integer>)]
    pub exit_code: Option<i32>,
    /// HTTP status of the last attempt.
    #[diesel(sql_type = Nullable<SmallInt>)]
    pub http_status: Option<i16>,
    /// Log kept of the last attempt.
    #[diesel(sql_type = Integer)]
    pub log_bytes: i32,
    /// Units done.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub done: Option<i64>,
    /// Units in all; 0 = not known.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub total: Option<i64>,
    /// What is being done.
    #[diesel(sql_type = Nullable<Text>)]
    pub message: Option<String>,
    /// Who holds it, and why.
    #[diesel(sql_type = Nullable<Text>)]
    pub parked_by: Option<String>,
    /// Why it is held.
    #[diesel(sql_type = Nullable<Text>)]
    pub park_reason: Option<String>,
    /// Who asked to cancel it while it runs.
    #[diesel(sql_type = Nullable<Text>)]
    pub cancel_by: Option<String>,
    /// Since when.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub cancel_at: Option<Time>,
}

impl Detail {
    /// Gives its state.
    pub fn state(&self) -> JobState {
        JobState::parse(&self.state).unwrap_or(JobState::Ready) // the statement gives only names of the enum
    }

    /// Gives its unique key as `actor` may see it: one that its template made of arguments shows their values.
    pub fn shown_key(&self, actor: &Actor) -> Option<&str> {
        let key = self.unique_key.as_deref()?;
        let is_made = key.starts_with(&format!("u{}:[", self.template_id.0));
        let may_hold_secret = || match serde_json::from_value::<TemplateSpec>(self.spec.clone()) {
            Ok(spec) => spec.unique.iter().flat_map(|rule| &rule.by).any(|name| spec.params.is_secret(name)),
            Err(_) => true, // a version that this program cannot read
        };
        Some(if is_made && (!sees_payload(actor) || may_hold_secret()) { MASK } else { key })
    }

    /// Gives the number of attempts that it may use up: its own or that of its template.
    pub fn attempts_allowed(&self) -> i16 {
        let of_template =
            || self.spec.pointer("/defaults/max_attempts")?.as_i64().and_then(|most| most.try_into().ok());
        let of_none = || Defaults::default().max_attempts.try_into().unwrap_or(i16::MAX);
        self.max_attempts.or_else(of_template).unwrap_or_else(of_none)
    }

    /// Gives its most attempts as it stands: those allowed, or more when somebody retried it beyond them.
    pub fn most_attempts(&self) -> i16 {
        self.attempts_allowed().max(self.attempt)
    }
}

/// Reads one job that `scope` covers; `None` = there is none (any more), or it is out of scope.
///
/// # Errors
/// Database failures.
pub fn detail(conn: &mut PgConnection, scope: &Scope, job: JobId) -> Result<Option<Detail>, DbError> {
    Ok(read(conn, scope, &[job], true)?.pop())
}

/// Reads those of `jobs` that are there and that `scope` covers, newest first, without their outputs: for lists.
///
/// # Errors
/// Database failures.
pub fn details(conn: &mut PgConnection, scope: &Scope, jobs: &[JobId]) -> Result<Vec<Detail>, DbError> {
    read(conn, scope, jobs, false)
}

fn read(conn: &mut PgConnection, scope: &Scope, jobs: &[JobId], with_output: bool) -> Result<Vec<Detail>, DbError> {
    const SQL: &str = "-- admin::jobs::detail
SELECT j.id, coalesce(h.state::text, CASE WHEN l.id IS NOT NULL THEN 'running' WHEN s.retrying THEN 'retrying' WHEN s.job_id IS NOT NULL THEN 'scheduled' END,
        k.state::text, 'ready') AS state,
    t.name AS template, t.id AS template_id, j.version, v.spec, q.name AS queue, coalesce(h.priority, s.priority, k.priority, g.priority, p.priority, j.priority) AS priority,
    j.args, coalesce(j.tags, '{}') AS tags, coalesce(h.attempt, l.attempts[array_position(l.job_ids, j.id)], s.attempt, k.attempt, r.attempt, g.attempt, 0::smallint) AS attempt,
    j.max_attempts, j.timeout_ms, j.created_at, j.enqueued_by,
    (SELECT sc.name FROM millrace.schedules sc WHERE sc.id = j.schedule_id) AS schedule, j.occurrence, j.run_at AS asked_for, coalesce(s.run_at, k.run_at) AS run_at,
    coalesce(h.since, s.since, k.since, r.since, g.since) AS since, coalesce(h.started_at, l.started_at) AS started_at, h.finished_at, j.deadline,
    j.unique_key, j.ordering_key, j.parent_id AS parent, coalesce(h.fence, l.id) AS fence, n.name AS node, n.heartbeat_at, coalesce(h.error, a.error) AS error,
    coalesce(h.fingerprint, a.fingerprint) AS fingerprint, CASE WHEN $1 THEN h.output END AS output,
    h.cpu_ms, h.peak_memory_bytes, h.read_bytes, h.written_bytes, h.ran_as, h.exit_code, h.http_status, coalesce(h.log_bytes, 0) AS log_bytes, live.done, live.total, live.message, k.parked_by, k.reason AS park_reason,
    i.wanted_by AS cancel_by, i.wanted_at AS cancel_at
FROM millrace.jobs j
JOIN millrace.templates t ON t.id = j.template_id
JOIN millrace.template_versions v ON v.template_id = j.template_id AND v.version = j.version
LEFT JOIN millrace.history h ON h.job_id = j.id
LEFT JOIN millrace.leases l ON h.job_id IS NULL AND l.job_ids @> ARRAY[j.id]
LEFT JOIN millrace.scheduled s ON s.job_id = j.id
LEFT JOIN millrace.parked k ON k.job_id = j.id
LEFT JOIN millrace.gated g ON g.job_id = j.id
LEFT JOIN millrace.placements p ON p.job_id = j.id
LEFT JOIN millrace.ready r ON r.queue_id = coalesce(p.queue_id, j.queue_id) AND r.priority = coalesce(p.priority, j.priority)
    AND r.seq = coalesce(p.seq, j.id) AND r.job_id = j.id
JOIN millrace.queues q ON q.id = coalesce(h.queue_id, s.queue_id, k.queue_id, g.queue_id, p.queue_id, j.queue_id)
LEFT JOIN millrace.nodes n ON n.id = coalesce(h.node_id, l.node_id)
LEFT JOIN millrace.live live ON live.job_id = j.id
LEFT JOIN millrace.intents i ON i.job_id = j.id
LEFT JOIN LATERAL (
    SELECT a.error, a.fingerprint FROM millrace.attempts a WHERE h.job_id IS NULL AND l.id IS NULL AND a.job_id = j.id ORDER BY a.fence DESC LIMIT 1
) AS a ON true
WHERE j.id = ANY ($2) AND (($3::text[] = '{}' AND $4::text[] = '{}') OR q.name = ANY ($3) OR j.tags && $4) ORDER BY j.id DESC";
    statement(SQL)
        .bind::<Bool, _>(with_output)
        .bind::<Array<BigInt>, _>(jobs.iter().map(|job| job.0).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(&scope.queues)
        .bind::<Array<Text>, _>(&scope.tags)
        .rows(conn)
}

#[cfg(test)]
pub(crate) mod sample {
    //! Jobs for tests of rules and templates.

    use super::*;
    use crate::admin::jobs::{Attempt, Run};
    use serde_json::json;

    /// A job of `catalog.import_csv` in `state`, enqueued at a fixed moment; set what a test is about.
    pub(crate) fn job(state: JobState) -> Detail {
        Detail {
            id: JobId(48_213_907),
            state: state.as_str().into(),
            template: "catalog.import_csv".into(),
            template_id: TemplateId(3),
            version: 7,
            spec: json!({ "runner": "handler", "handler": { "name": "catalog.import_csv" } }),
            queue: "imports".into(),
            priority: 3,
            args: json!({ "supplier": "nordwind", "expected_rows": 5000 }),
            tags: vec!["supplier".into(), "nordwind".into()],
            attempt: 1,
            max_attempts: None,
            timeout_ms: None,
            created_at: "2026-11-24T13:05:00Z".parse().expect("a time"),
            enqueued_by: "giulia@example.org".into(),
            schedule: None,
            occurrence: None,
            asked_for: None,
            run_at: None,
            since: None,
            started_at: None,
            finished_at: None,
            deadline: None,
            unique_key: None,
            ordering_key: None,
            parent: None,
            fence: None,
            node: None,
            heartbeat_at: None,
            error: None,
            fingerprint: None,
            log_bytes: 0,
            output: None,
            cpu_ms: None,
            peak_memory_bytes: None,
            read_bytes: None,
            written_bytes: None,
            ran_as: None,
            exit_code: None,
            http_status: None,
            done: None,
            total: None,
            message: None,
            parked_by: None,
            park_reason: None,
            cancel_by: None,
            cancel_at: None,
        }
    }

    /// An attempt on fra-03 that met HTTP 503.
    pub(crate) fn attempt(number: i16, started_at: Time, finished_at: Time, outcome: &str) -> Attempt {
        Attempt {
            number,
            fence: Fence(i64::from(number)),
            started_at: Some(started_at),
            finished_at,
            node: Some("fra-03".into()),
            outcome: outcome.into(),
            counted: true,
            is_final: None,
            cpu_ms: Some(120),
            exit_code: None,
            http_status: Some(503),
            peak_memory_bytes: None,
            read_bytes: None,
            written_bytes: None,
            ran_as: None,
            log_bytes: Some(800),
            error: Some("HTTP 503 from files.nordwind.example\nwhile reading".into()),
            trace: Some("import.rs:41\nhttp.rs:9".into()),
            fingerprint: Some("abc".into()),
        }
    }

    /// An earlier job of the template.
    pub(crate) fn run(id: i64, state: JobState, finished_at: Time, run_ms: i64) -> Run {
        Run { id: JobId(id), state: state.as_str().into(), finished_at, run_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::permission::Role;
    use serde_json::json;

    #[test]
    fn a_key_made_of_arguments_is_shown_unless_it_may_hold_what_its_reader_may_not_see() {
        let of = |spec: Value| {
            let made = sample::job(JobState::Ready);
            let key = format!("u{}:[\"hunter2\"]", made.template_id.0);
            Detail { spec, unique_key: Some(key), ..made }
        };
        let spec = |is_secret: bool| {
            json!({ "runner": "handler", "handler": { "name": "x" }, "unique": { "by": ["pin"] },
                "params": { "type": "object", "properties": { "pin": { "type": "string", "secret": is_secret } } } })
        };
        let shown = |job: &Detail, role| job.shown_key(&Actor { role, ..Actor::system("test") }).map(str::to_owned);

        assert!(shown(&of(spec(false)), Role::Admin).is_some_and(|key| key.contains("hunter2")));
        for (spec, role) in [
            (spec(false), Role::Auditor),
            (spec(true), Role::Admin),
            (json!({ "runner": "of a later release" }), Role::Admin),
        ] {
            assert_eq!(shown(&of(spec), role).as_deref(), Some(MASK));
        }
        let given = Detail { unique_key: Some("order-17".into()), ..sample::job(JobState::Ready) };
        assert_eq!(shown(&given, Role::Viewer).as_deref(), Some("order-17"));
    }
}
