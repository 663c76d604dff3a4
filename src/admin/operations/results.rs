//! What became of each job of an operation, as a table.

use super::read::{self, Chunk, Operation, OperationId};
use super::service::{OperationError, find};
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::Actor;

/// Writes the table part by part, so that one of a million jobs needs no more memory than one of ten thousand. It ends with what the
/// operation had done when it was begun.
#[derive(Debug)]
pub struct Results {
    operation: Operation,
    /// Number of the last chunk that is written; `None` = not even the heading is.
    after: Option<i32>,
}

impl Results {
    /// Begins the table of an operation.
    ///
    /// # Errors
    /// As [`find`].
    pub fn begin(conn: &mut PgConnection, actor: &Actor, id: OperationId) -> Result<Self, OperationError> {
        Ok(Self { operation: find(conn, actor, id)?, after: None })
    }

    /// Gives the next part, CSV with the columns `job,outcome,reason,at`; `None` = that was all.
    ///
    /// # Errors
    /// Database failures.
    pub fn next(&mut self, conn: &mut PgConnection) -> Result<Option<Vec<u8>>, DbError> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let after = self.after.unwrap_or_default();
        let mut chunks = read::chunks(conn, self.operation.id, after)?;
        chunks.retain(|chunk| chunk.number <= self.operation.chunks); // what is done meanwhile would never end
        if self.after.is_none() {
            csv.write_record(["job", "outcome", "reason", "at"]).map_err(unwritten)?;
        } else if chunks.is_empty() {
            return Ok(None);
        }
        for chunk in &chunks {
            self.write(&mut csv, chunk).map_err(unwritten)?;
        }
        self.after = Some(chunks.last().map_or(after, |chunk| chunk.number));
        csv.into_inner().map(Some).map_err(unwritten)
    }

    fn write(&self, csv: &mut csv::Writer<Vec<u8>>, chunk: &Chunk) -> csv::Result<()> {
        let at = chunk.at.to_rfc3339();
        for (jobs, outcome) in [(&chunk.done, self.operation.act.outcome()), (&chunk.asked, "told to stop")] {
            for job in jobs {
                csv.write_record([job.to_string().as_str(), outcome, "", &at])?;
            }
        }
        for (job, why) in chunk.skipped.iter().zip(&chunk.reasons) {
            csv.write_record([job.to_string().as_str(), "left alone", why, &at])?;
        }
        Ok(())
    }
}

fn unwritten(error: impl std::fmt::Display) -> DbError {
    DbError::Corrupt(format!("a table could not be written: {error}"))
}
