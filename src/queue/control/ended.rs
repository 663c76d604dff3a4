//! Ended jobs that go on, or are discarded.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Text};

use super::{Wish, count, intent, place, put};
use crate::base::db::{DbError, Tx, statement};
use crate::queue::digests;
use crate::queue::job::{JobId, QueueId, TemplateId};
use crate::queue::settle::StateMoves;
use crate::queue::state::JobState;

/// Changes the ended jobs among `jobs` and tells which they were.
pub(super) fn change(tx: &mut Tx<'_>, jobs: &[JobId], wish: &Wish, by: &str) -> Result<Vec<JobId>, DbError> {
    match wish {
        Wish::Discard(reason) => discard(tx, jobs, by, reason.as_deref()),
        Wish::Reopen | Wish::Retry => reopen(tx, jobs, &wish.ended_states()),
        Wish::Cancel(_)
        | Wish::Terminate(_)
        | Wish::Hold(_)
        | Wish::Release(_)
        | Wish::RunNow
        | Wish::Reschedule(_)
        | Wish::Priority(_)
        | Wish::Queue(_) => Ok(Vec::new()),
    }
}

fn reopen(tx: &mut Tx<'_>, jobs: &[JobId], states: &[JobState]) -> Result<Vec<JobId>, DbError> {
    let taken = place::take_finished(tx, jobs, states)?;
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<JobId> = taken.iter().map(|job| job.id).collect();
    digests::touch(tx, &ids)?;
    intent::withdraw(tx, &ids)?; // those that came too late
    put::unique_keys(tx, &ids)?;
    put::ready(tx, &taken)?;
    note_for_schedules(tx, &ids)?;
    let mut moves = StateMoves::default();
    for job in &taken {
        count(&mut moves, (job.queue, job.template), job.state, JobState::Ready);
    }
    moves.record(tx)?;
    Ok(ids)
}

/// Jobs of schedules count again as not ended.
fn note_for_schedules(tx: &mut Tx<'_>, jobs: &[JobId]) -> Result<(), DbError> {
    const SQL: &str = "-- queue::control::note_for_schedules
INSERT INTO millrace.schedule_jobs (schedule_id, job_id, backfill_id, finish_by)
SELECT j.schedule_id, j.id, coalesce(o.backfill_id, 0), o.finish_by FROM millrace.jobs j LEFT JOIN millrace.occurrences o ON o.job_id = j.id
WHERE j.id = ANY ($1) AND j.schedule_id IS NOT NULL ON CONFLICT DO NOTHING";
    let ids: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    statement(SQL).bind::<Array<BigInt>, _>(ids).run(tx)?;
    Ok(())
}

/// Their errors stay in their attempts, and their fingerprints with them.
fn discard(tx: &mut Tx<'_>, jobs: &[JobId], by: &str, reason: Option<&str>) -> Result<Vec<JobId>, DbError> {
    const SQL: &str = "-- queue::control::discard
UPDATE millrace.history h SET state = 'cancelled', ended_by = $1, error = $2
FROM (SELECT job_id, state FROM millrace.history WHERE job_id = ANY ($3) AND state IN ('failed', 'expired') ORDER BY job_id FOR UPDATE) AS old
WHERE h.job_id = old.job_id AND h.job_id = ANY ($3)
RETURNING h.job_id, h.queue_id, h.template_id, old.state::text AS state";
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        job_id: JobId,
        #[diesel(sql_type = Integer)]
        queue_id: QueueId,
        #[diesel(sql_type = Integer)]
        template_id: TemplateId,
        #[diesel(sql_type = Text)]
        state: String,
    }
    let told = reason.map_or_else(|| format!("discarded by {by}"), |reason| format!("discarded by {by}: {reason}"));
    let ids: Vec<i64> = jobs.iter().map(|job| job.0).collect();
    let rows: Vec<Row> =
        statement(SQL).bind::<Text, _>(by).bind::<Text, _>(told).bind::<Array<BigInt>, _>(ids).rows(tx)?;
    let mut moves = StateMoves::default();
    for row in &rows {
        let state = JobState::parse(&row.state)
            .ok_or_else(|| DbError::Corrupt(format!("job {} has the state {:?}", row.job_id, row.state)))?;
        count(&mut moves, (row.queue_id, row.template_id), state, JobState::Cancelled);
    }
    moves.record(tx)?;
    let discarded: Vec<JobId> = rows.into_iter().map(|row| row.job_id).collect();
    digests::touch(tx, &discarded)?;
    Ok(discarded)
}
