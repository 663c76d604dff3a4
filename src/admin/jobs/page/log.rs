//! The log on a job's page: its end, which grows while the page is open.

use std::sync::{Mutex, PoisonError};

use askama::Template;
use chrono_tz::Tz;

use crate::admin::jobs::Detail;
use crate::admin::jobs::log_lines::{Cut, LevelCounts, Line, Measured, left_out, level_counts, read_after};
use crate::base::db::{DbError, PgConnection};
use crate::queue::job::JobId;
use crate::queue::work::{Level, LogLine};
use crate::web::format::bytes;
use crate::web::live::{LiveError, Tail};
use crate::web::log::LogRow;
use crate::web::parts::Tab;
use crate::web::paths;

/// Id of the list on the page.
const LIST: &str = "log";
/// Lines that a page is loaded with; the rest of the log has a page of its own.
pub const TAIL_LINES: u64 = 300;
/// Text that a page is loaded with, in bytes.
const TAIL_BYTES_MAX: usize = 200 * 1024;
/// Longest line, in bytes, that is shown whole outside of the page of the whole log.
const LINE_BYTES_MAX: usize = 4 * 1024;
/// Lines that are looked at in one tick of the stream.
const TICK_LINES_MAX: usize = 2_000;

/// Lines of one attempt that follow each other.
#[derive(Template, Debug, Clone, PartialEq, Eq)]
#[template(path = "jobs/log_block.html")]
pub struct Block {
    /// Names the attempt where it begins; empty within one.
    pub title: String,
    /// The attempt's number.
    pub attempt: i16,
    /// The lines.
    pub rows: Vec<LogRow>,
    /// What was left out after them; empty for nothing.
    pub left_out: String,
}

/// Escapes everything itself: it is one of our templates.
impl askama::filters::HtmlSafe for Block {}

impl Block {
    fn of(attempt: i16, named: bool) -> Self {
        let title = if named { format!("Attempt {attempt}") } else { String::new() };
        Self { title, attempt, rows: Vec::new(), left_out: String::new() }
    }

    /// Tells whether more of `attempt` belongs to it.
    fn goes_on(&self, attempt: i16) -> bool {
        self.attempt == attempt && self.left_out.is_empty()
    }
}

/// Puts lines of one attempt together, with what was left out after them. `named` tells whether attempts are named at all.
pub fn blocks(lines: Vec<Line>, cuts: &[Cut], named: bool, zone: Tz) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut cuts = cuts.iter().peekable();
    for line in lines {
        while let Some(cut) = cuts.next_if(|cut| cut.after < line.number) {
            cut_off(&mut blocks, cut, named);
        }
        if line.first || blocks.last().is_none_or(|block| !block.goes_on(line.attempt)) {
            blocks.push(Block::of(line.attempt, named));
        }
        let said = &line.line;
        let row = LogRow::new(LIST, line.number, (said.at, said.level.letter()), &said.text, zone);
        if let Some(block) = blocks.last_mut() {
            block.rows.push(row);
        }
    }
    cuts.for_each(|cut| cut_off(&mut blocks, cut, named));
    blocks
}

/// Ends the block of an attempt with what was left out; it is told also where no line of the attempt is shown.
fn cut_off(blocks: &mut Vec<Block>, cut: &Cut, named: bool) {
    if blocks.last().is_none_or(|block| !block.goes_on(cut.attempt)) {
        blocks.push(Block::of(cut.attempt, named));
    }
    if let Some(block) = blocks.last_mut() {
        block.left_out = cut.here();
    }
}

/// Cuts a very long line and says so.
fn shortened(mut line: Line) -> Line {
    let text = &mut line.line.text;
    if text.len() > LINE_BYTES_MAX {
        let whole = bytes(i64::try_from(text.len()).unwrap_or(i64::MAX));
        let end = (0..=LINE_BYTES_MAX).rfind(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push_str(&format!(" … cut, the whole log has all {whole} of this line"));
    }
    line
}

/// Keeps the newest lines that fit on a page, very long ones cut.
fn newest(lines: Vec<Line>) -> Vec<Line> {
    let mut left = TAIL_BYTES_MAX;
    let fits = |line: &Line| {
        let rest = left.checked_sub(line.line.text.len());
        left = rest.unwrap_or(0);
        rest.is_some()
    };
    let mut kept: Vec<Line> = lines.into_iter().rev().map(shortened).take_while(fits).collect();
    kept.reverse();
    kept
}

/// Reads the last `lines_max` lines of a log, or of one attempt's, as far as they fit on a page.
///
/// # Errors
/// Database failures.
pub fn tail_of(
    conn: &mut PgConnection,
    job: JobId,
    attempt: Option<i32>,
    lines_max: u64,
    zone: Tz,
) -> Result<Vec<Block>, DbError> {
    let measured = Measured::of(conn, job)?;
    let attempt = attempt.and_then(|number| i16::try_from(number).ok());
    let (first, last) = match attempt {
        Some(attempt) => measured.bounds(attempt).unwrap_or((0, 0)),
        None => (0, measured.last()),
    };
    let after = first.max(last.saturating_sub(lines_max));
    let lines = read_after(conn, job, &measured, (after, (last - after) as usize), |_| true)?.lines;
    let named = attempt.is_none() && measured.attempts().len() > 1;
    Ok(blocks(newest(lines), &measured.cuts(after, last), named, zone))
}

/// Which lines are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Least {
    /// All.
    #[default]
    Any,
    /// Warnings and errors.
    Warnings,
    /// Errors.
    Errors,
}

impl Least {
    /// Reads the word of an address; anything unknown is [`Least::Any`].
    pub fn parse(text: &str) -> Self {
        match text {
            "warn" => Self::Warnings,
            "error" => Self::Errors,
            _ => Self::Any,
        }
    }

    /// Gives the word of an address; empty for all lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::Warnings => "warn",
            Self::Errors => "error",
        }
    }

    /// Tells whether a line is shown.
    pub fn shows(self, line: &LogLine) -> bool {
        match self {
            Self::Any => true,
            Self::Warnings => line.level >= Level::Warn,
            Self::Errors => line.level == Level::Error,
        }
    }
}

/// The log card of a job's page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPanel {
    /// The lines.
    pub blocks: Vec<Block>,
    /// Number of the last line that was looked at.
    pub last: u64,
    /// Lines before the first one shown.
    pub earlier: u64,
    /// All, warnings, errors.
    pub levels: Vec<Tab>,
    /// The whole log.
    pub href: String,
    /// The whole log as text.
    pub text_href: String,
    /// `Attempt 2 of 5 · 54 lines`.
    pub words: String,
    /// What was left out because a log was full; empty for nothing.
    pub cut: String,
}

impl LogPanel {
    /// Reads the end of the log of `job`.
    ///
    /// # Errors
    /// Database failures.
    pub fn read(conn: &mut PgConnection, job: &Detail, least: Least, zone: Tz) -> Result<Self, DbError> {
        let measured = Measured::of(conn, job.id)?;
        let after = if least == Least::Any { measured.last().saturating_sub(TAIL_LINES) } else { 0 };
        let found = read_after(conn, job.id, &measured, (after, TICK_LINES_MAX), |line| least.shows(line))?;
        let counts = level_counts(conn, job.id, &measured)?;
        let read = found.lines.len();
        let shown = newest(found.lines);
        Ok(Self {
            earlier: after + (read - shown.len()) as u64,
            blocks: blocks(shown, &[], measured.attempts().len() > 1, zone), // what was left out stands below, where it is kept true
            last: found.looked_to,
            words: words(job, &measured),
            cut: left_out(&measured.cuts(0, measured.last())),
            ..Self::around(job.id, least, counts)
        })
    }

    fn around(job: JobId, least: Least, counts: Option<LevelCounts>) -> Self {
        Self {
            levels: levels(job, least, counts),
            href: paths::job_log(job),
            text_href: paths::job_log_text(job),
            ..Self::default()
        }
    }
}

fn words(job: &Detail, measured: &Measured) -> String {
    let lines = match measured.last() {
        1 => "1 line".into(),
        lines => format!("{} lines", crate::web::format::grouped(lines)),
    };
    match job.attempt {
        0 => format!("No attempt yet · {lines}"),
        _ => format!("Attempt {} · {lines}", super::attempts::counted(job)),
    }
}

fn levels(job: JobId, least: Least, counts: Option<LevelCounts>) -> Vec<Tab> {
    let tab = |label: &str, this: Least, count: Option<usize>| {
        let href = paths::with_query(&paths::job(job), &[("level", this.as_str())]);
        let label = count.map_or_else(|| label.to_owned(), |count| format!("{label} {count}"));
        Tab::new(label, format!("{href}#{LIST}"), this == least)
    };
    vec![
        tab("All", Least::Any, None),
        tab("Warnings", Least::Warnings, counts.map(|counts| counts.warnings)),
        tab("Errors", Least::Errors, counts.map(|counts| counts.errors)),
    ]
}

/// Follows a log for a stream. Remembers what was looked at, so that a quiet level costs nothing.
pub struct Follower {
    job: JobId,
    least: Least,
    zone: Tz,
    known: Mutex<Known>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// No line after `quiet.0` up to `quiet.1` is shown.
    quiet: (u64, u64),
    /// The length of the log when its levels were counted.
    counted_at: u64,
    counts: Option<LevelCounts>,
}

/// What is new in a log.
pub struct News {
    /// Lines to be added.
    pub tail: Tail,
    /// How long it is now.
    pub words: String,
    /// All, warnings, errors.
    pub levels: Vec<Tab>,
    /// What was left out so far.
    pub cut: String,
}

impl Follower {
    /// Follows the lines of `job` that are at least `least`.
    pub fn new(job: JobId, least: Least, zone: Tz) -> Self {
        Self { job, least, zone, known: Mutex::default() }
    }

    /// Reads the lines after number `after`.
    ///
    /// # Errors
    /// Database failures and broken templates.
    pub fn news(&self, conn: &mut PgConnection, job: &Detail, after: u64) -> Result<News, LiveError> {
        let mut known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let measured = Measured::of(conn, self.job)?;
        let from = if (known.quiet.0..=known.quiet.1).contains(&after) { known.quiet.1 } else { after };
        let found = read_after(conn, self.job, &measured, (from, TICK_LINES_MAX), |line| self.least.shows(line))?;
        let shown = found.lines.last().map_or(after, |line| line.number);
        known.quiet = (shown, found.looked_to.max(shown));
        if known.counted_at != measured.last() {
            known.counts = level_counts(conn, self.job, &measured)?;
            known.counted_at = measured.last();
        }
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        let tail = self.rendered(found.lines, measured.attempts().len() > 1)?;
        let cut = left_out(&measured.cuts(0, measured.last()));
        Ok(News { tail, words: words(job, &measured), levels: levels(self.job, self.least, known.counts), cut })
    }

    /// Renders lines one by one: each subscriber takes those after its own.
    fn rendered(&self, lines: Vec<Line>, named: bool) -> Result<Tail, LiveError> {
        let mut rows = Vec::new();
        for line in lines {
            let (number, names) = (line.number, named && line.first);
            for block in blocks(vec![shortened(line)], &[], names, self.zone) {
                rows.push((number, block.render()?));
            }
        }
        Ok(Tail { id: format!("{LIST}-rows"), rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Time;

    fn line(number: u64, attempt: i16, first: bool, level: Level) -> Line {
        let line = LogLine { at: Time::UNIX_EPOCH, level, text: format!("<line {number}>") };
        Line { number, attempt, first, line }
    }

    #[test]
    fn attempts_are_named_where_they_begin() {
        let lines =
            vec![line(40, 1, false, Level::Info), line(41, 2, true, Level::Warn), line(42, 2, false, Level::Error)];

        let blocks = blocks(lines, &[], true, Tz::UTC);

        let shown: Vec<_> = blocks.iter().map(|block| (block.title.as_str(), block.rows.len())).collect();
        assert_eq!(shown, [("Attempt 1", 1), ("Attempt 2", 2)]);
        let html = blocks[1].render().expect("rendered");
        assert!(html.contains("Attempt 2") && html.contains("id=\"log-41\"") && html.contains("&#60;line 41&#62;"));
    }

    #[test]
    fn what_was_left_out_of_an_attempt_ends_its_block_also_without_a_line() {
        let cut = |after, attempt| Cut { after, attempt, bytes: 3_100_000 };
        let lines =
            vec![line(2, 1, false, Level::Info), line(5, 1, false, Level::Info), line(41, 2, true, Level::Warn)];

        let blocks = blocks(lines, &[cut(4, 1), cut(40, 1), cut(41, 2), cut(50, 3)], true, Tz::UTC);

        let shown: Vec<_> =
            blocks.iter().map(|block| (block.attempt, block.rows.len(), block.left_out.is_empty())).collect();
        assert_eq!(shown, [(1, 1, false), (1, 1, false), (2, 1, false), (3, 0, false)]);
        let html = blocks[3].render().expect("rendered");
        assert!(
            html.contains("Attempt 3") && html.contains("… 3.1 MB were left out here: a log keeps 2 MiB"),
            "{html}"
        );
    }

    #[test]
    fn a_page_is_loaded_with_the_newest_lines_that_fit_and_long_ones_cut() {
        let of = |number: u64, text: String| {
            let line = line(number, 1, false, Level::Info);
            Line { line: LogLine { text, ..line.line }, ..line }
        };
        let long = |number| of(number, "è".repeat(10_000));

        let kept = newest((1..=300).map(long).collect());

        let bytes: usize = kept.iter().map(|line| line.line.text.len()).sum();
        assert!((190 * 1024..=TAIL_BYTES_MAX).contains(&bytes), "{bytes}");
        assert_eq!(kept.last().map(|line| line.number), Some(300));
        assert!(
            kept[0].line.text.ends_with("è … cut, the whole log has all 20.0 kB of this line"),
            "{}",
            kept[0].line.text
        );
        let short: Vec<Line> = (1..=300).map(|number| of(number, "x".into())).collect();
        assert_eq!(newest(short.clone()), short);
    }

    #[test]
    fn a_level_shows_itself_and_what_is_worse() {
        let lines = [Level::Debug, Level::Info, Level::Warn, Level::Error].map(|level| line(1, 1, false, level).line);

        let shown = |least: Least| lines.iter().filter(|line| least.shows(line)).count();
        assert_eq!((shown(Least::Any), shown(Least::Warnings), shown(Least::Errors)), (4, 2, 1));
        for least in [Least::Any, Least::Warnings, Least::Errors] {
            assert_eq!(Least::parse(least.as_str()), least);
        }
    }
}
