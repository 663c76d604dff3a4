//! The attempts of a job that did not succeed.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, SmallInt, Text, Timestamptz};

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::job::{Fence, JobId};

/// Most attempts shown.
const ATTEMPTS_MAX: i32 = 200;

/// One attempt that did not succeed.
#[derive(Debug, Clone, QueryableByName)]
pub struct Attempt {
    /// Its number.
    #[diesel(sql_type = SmallInt)]
    pub number: i16,
    /// Its fence.
    #[diesel(sql_type = BigInt)]
    pub fence: Fence,
    /// Its start; absent = claimed but never started.
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub started_at: Option<Time>,
    /// Its end.
    #[diesel(sql_type = Timestamptz)]
    pub finished_at: Time,
    /// Where.
    #[diesel(sql_type = Nullable<Text>)]
    pub node: Option<String>,
    /// How it ended.
    #[diesel(sql_type = Text)]
    pub outcome: String,
    /// Counts against the most attempts.
    #[diesel(sql_type = Bool)]
    pub counted: bool,
    /// The job ended with it; absent = it is older than the record of that.
    #[diesel(sql_type = Nullable<Bool>)]
    pub is_final: Option<bool>,
    /// CPU time in milliseconds.
    #[diesel(sql_type = Nullable<Integer>)]
    pub cpu_ms: Option<i32>,
    /// Exit code of a command.
    #[diesel(sql_type = Nullable<Integer>)]
    pub exit_code: Option<i32>,
    /// Status of an HTTP call.
    #[diesel(sql_type = Nullable<SmallInt>)]
    pub http_status: Option<i16>,
    /// Largest resident set.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub peak_memory_bytes: Option<i64>,
    /// Read from disks.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub read_bytes: Option<i64>,
    /// Given to disks to be written.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub written_bytes: Option<i64>,
    /// System user that it ran as.
    #[diesel(sql_type = Nullable<Text>)]
    pub ran_as: Option<String>,
    /// Log kept.
    #[diesel(sql_type = Nullable<Integer>)]
    pub log_bytes: Option<i32>,
    /// Why.
    #[diesel(sql_type = Nullable<Text>)]
    pub error: Option<String>,
    /// Where in the code.
    #[diesel(sql_type = Nullable<Text>)]
    pub trace: Option<String>,
    /// Identity of the failure.
    #[diesel(sql_type = Nullable<Text>)]
    pub fingerprint: Option<String>,
}

/// Reads the newest 200 attempts of a job that did not succeed, oldest first. The caller has checked that the job may be seen.
///
/// # Errors
/// Database failures.
pub fn attempts(conn: &mut PgConnection, job: JobId) -> Result<Vec<Attempt>, DbError> {
    const SQL: &str = "-- admin::jobs::attempts
SELECT * FROM (SELECT a.number, a.fence, a.started_at, a.finished_at, n.name AS node, a.outcome, a.counted, a.final AS is_final, a.cpu_ms, a.exit_code, a.http_status,
    a.peak_memory_bytes, a.read_bytes, a.written_bytes, a.ran_as, a.log_bytes, a.error, a.trace, a.fingerprint
FROM millrace.attempts a LEFT JOIN millrace.nodes n ON n.id = a.node_id WHERE a.job_id = $1 ORDER BY a.fence DESC LIMIT $2) AS newest
ORDER BY fence";
    statement(SQL).bind::<BigInt, _>(job).bind::<Integer, _>(ATTEMPTS_MAX).rows(conn)
}
