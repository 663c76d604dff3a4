//! The log of all attempts of a job as one text: lines are numbered through, in the order of the fences.
//!
//! An older attempt cannot write any more once a newer one has begun, so a line's number never changes and a reader can
//! say after which one it wants to go on.

use crate::base::db::{DbError, PgConnection};
use crate::queue::job::{Fence, JobId};
use crate::queue::log::{self, LogSpan, StoredLine};
use crate::queue::work::{LOG_BYTES_MAX, Level, LogLine};
use crate::web::format::bytes;

/// Reads of chunks for one page of lines.
const READS_MAX: usize = 20;
/// Lines whose levels are counted; of a longer log no counts are told.
pub const COUNTED_LINES_MAX: u64 = 2_000;

/// A line and its number over all attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub number: u64,
    /// Its attempt's number.
    pub attempt: i16,
    /// Whether it is the first of its attempt.
    pub first: bool,
    /// What was said.
    pub line: LogLine,
}

/// Where a log was full: what its attempt said from then on was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Number of the last line before it.
    pub after: u64,
    /// The attempt's number.
    pub attempt: i16,
    /// How much was left out.
    pub bytes: i64,
}

impl Cut {
    /// Says it at its place: `… 3.1 MB were left out here: a log keeps 2 MiB of an attempt`.
    pub fn here(&self) -> String {
        format!("… {} were left out here: {}", bytes(self.bytes), kept())
    }
}

/// Attempts whose cuts are told one by one; of more, only the sum is told.
const CUTS_NAMED_MAX: usize = 3;

/// Says in one sentence what was left out of the logs of a job, without full stop; empty for nothing.
pub fn left_out(cuts: &[Cut]) -> String {
    let sum = bytes(cuts.iter().map(|cut| cut.bytes).sum());
    let named =
        || cuts.iter().map(|cut| format!("{} of attempt {}", bytes(cut.bytes), cut.attempt)).collect::<Vec<_>>();
    match cuts.len() {
        0 => String::new(),
        1..=CUTS_NAMED_MAX => format!("… {} were left out: {}", named().join(", "), kept()),
        attempts => format!("… {sum} of {attempts} attempts were left out: {}", kept()),
    }
}

fn kept() -> String {
    format!("a log keeps {} MiB of an attempt", LOG_BYTES_MAX / 1024 / 1024)
}

/// The log of one job, measured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured(Vec<LogSpan>);

impl Measured {
    /// Measures the log of `job`.
    ///
    /// # Errors
    /// Database failures.
    pub fn of(conn: &mut PgConnection, job: JobId) -> Result<Self, DbError> {
        Ok(Self(log::spans(conn, job)?))
    }

    /// Gives the number of its last line; 0 = there is none.
    pub fn last(&self) -> u64 {
        self.0.iter().map(lines).sum()
    }

    /// Gives the places behind line `after` and up to line `last` where something was left out, in their order.
    pub fn cuts(&self, after: u64, last: u64) -> Vec<Cut> {
        let ends = self.0.iter().scan(0, |end, span| {
            *end += lines(span);
            Some(Cut { after: *end, attempt: span.attempt, bytes: span.dropped_bytes })
        });
        ends.filter(|cut| cut.bytes > 0 && after < cut.after && cut.after <= last).collect()
    }

    /// Gives the numbers of the attempts that have a log, each once.
    pub fn attempts(&self) -> Vec<i16> {
        let mut numbers: Vec<_> = self.0.iter().map(|span| span.attempt).collect();
        numbers.dedup();
        numbers
    }

    /// Gives the numbers before the first line and of the last line of an attempt.
    pub fn bounds(&self, attempt: i16) -> Option<(u64, u64)> {
        let before = |place: usize| self.0[..place].iter().map(lines).sum::<u64>();
        let first = self.0.iter().position(|span| span.attempt == attempt)?;
        let last = self.0.iter().rposition(|span| span.attempt == attempt)?;
        Some((before(first), before(last + 1)))
    }

    /// Finds the attempt and its own line number for a number over all attempts.
    fn place(&self, number: u64) -> (Fence, i32) {
        let mut left = number;
        for span in &self.0 {
            if left <= lines(span) {
                return (span.fence, i32::try_from(left).unwrap_or(i32::MAX));
            }
            left -= lines(span);
        }
        self.0.last().map_or((Fence(0), 0), |span| (span.fence, i32::MAX))
    }

    /// Numbers a line over all attempts; `None` when its attempt began after the measuring.
    fn number(&self, stored: StoredLine) -> Option<Line> {
        let place = self.0.iter().position(|span| span.fence == stored.fence)?;
        let before: u64 = self.0[..place].iter().map(lines).sum();
        let number = before + u64::from(stored.number.unsigned_abs());
        Some(Line { number, attempt: stored.attempt, first: stored.number == 1, line: stored.line })
    }
}

fn lines(span: &LogSpan) -> u64 {
    u64::from(span.lines.unsigned_abs())
}

/// Some lines, and how far was read for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// The lines that were wanted.
    pub lines: Vec<Line>,
    /// Number of the last line that was looked at.
    pub looked_to: u64,
    /// There are more lines behind.
    pub more: bool,
}

/// Reads at most `lines_max` lines after number `after` for which `wanted` holds.
///
/// # Errors
/// Database failures.
pub fn read_after(
    conn: &mut PgConnection,
    job: JobId,
    measured: &Measured,
    (after, lines_max): (u64, usize),
    wanted: impl Fn(&LogLine) -> bool,
) -> Result<Lines, DbError> {
    let mut found = Lines { looked_to: after, ..Lines::default() };
    for _ in 0..READS_MAX {
        let part = log::read(conn, job, None, measured.place(found.looked_to))?;
        for line in part.lines.into_iter().filter_map(|line| measured.number(line)) {
            if found.lines.len() == lines_max {
                return Ok(Lines { more: true, ..found });
            }
            found.looked_to = found.looked_to.max(line.number);
            if wanted(&line.line) {
                found.lines.push(line);
            }
        }
        if !part.more {
            return Ok(found);
        }
    }
    Ok(Lines { more: true, ..found })
}

/// How many lines have each level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LevelCounts {
    /// All lines.
    pub all: usize,
    /// Warnings.
    pub warnings: usize,
    /// Errors.
    pub errors: usize,
}

/// Counts the levels of a log; `None` when it is longer than 2,000 lines.
///
/// # Errors
/// Database failures.
pub fn level_counts(conn: &mut PgConnection, job: JobId, measured: &Measured) -> Result<Option<LevelCounts>, DbError> {
    if measured.last() > COUNTED_LINES_MAX {
        return Ok(None);
    }
    let lines = read_after(conn, job, measured, (0, COUNTED_LINES_MAX as usize), |_| true)?.lines;
    let of = |level| lines.iter().filter(|line| line.line.level == level).count();
    Ok(Some(LevelCounts { all: lines.len(), warnings: of(Level::Warn), errors: of(Level::Error) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Time;

    fn measured() -> Measured {
        let span =
            |fence, attempt, lines, dropped_bytes| LogSpan { fence: Fence(fence), attempt, lines, dropped_bytes };
        Measured(vec![span(5, 1, 40, 0), span(8, 1, 2, 3_100_000), span(9, 2, 14, 700)])
    }

    #[test]
    fn lines_are_numbered_through_all_attempts() {
        let stored = |fence, number| StoredLine {
            attempt: 2,
            fence: Fence(fence),
            number,
            line: LogLine { at: Time::UNIX_EPOCH, level: Level::Info, text: String::new() },
        };

        assert_eq!(measured().last(), 56);
        assert_eq!(measured().number(stored(9, 1)).map(|line| (line.number, line.first)), Some((43, true)));
        assert_eq!(measured().number(stored(9, 15)).map(|line| line.number), Some(57)); // written after the measuring
        assert_eq!(measured().number(stored(77, 1)), None);
    }

    #[test]
    fn a_number_leads_back_to_its_attempt() {
        assert_eq!(measured().place(0), (Fence(5), 0));
        assert_eq!(measured().place(40), (Fence(5), 40));
        assert_eq!(measured().place(41), (Fence(8), 1));
        assert_eq!(measured().place(56), (Fence(9), 14));
        assert_eq!(measured().place(57), (Fence(9), i32::MAX));
        assert_eq!(Measured::default().place(7), (Fence(0), 0));
    }

    #[test]
    fn what_was_left_out_is_told_at_the_end_of_its_attempt() {
        let ends = |after, last| measured().cuts(after, last).iter().map(|cut| cut.after).collect::<Vec<_>>();

        assert_eq!([ends(0, 56), ends(0, 41), ends(41, 42), ends(42, 56)], [vec![42, 56], vec![], vec![42], vec![56]]);
        let cuts = measured().cuts(0, 56);
        assert_eq!(cuts[0].here(), "… 3.1 MB were left out here: a log keeps 2 MiB of an attempt");
        assert_eq!(
            left_out(&cuts),
            "… 3.1 MB of attempt 1, 700 B of attempt 2 were left out: a log keeps 2 MiB of an attempt"
        );
        assert!(left_out(&[cuts[0]; 4]).starts_with("… 12.4 MB of 4 attempts were left out: "));
        assert_eq!(left_out(&[]), "");
    }

    #[test]
    fn an_attempt_that_was_handed_back_has_its_number_twice() {
        assert_eq!(measured().attempts(), [1, 2]);
        assert_eq!((measured().bounds(1), measured().bounds(2)), (Some((0, 42)), Some((42, 56))));
        assert_eq!(measured().bounds(3), None);
    }
}
