//! `GET /jobs/{id}/log`: the whole log, page by page, with search; and the same as text to keep.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{Data, Path};
use askama::Template;

use super::find;
use super::log::{Block, Least, blocks};
use crate::admin::jobs::Detail;
use crate::admin::jobs::log_lines::{Cut, Lines, Measured, read_after};
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::queue::work::LogLine;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::format::grouped;
use crate::web::kit::Kit;
use crate::web::parts::Tab;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// Lines of one page.
const LINES_MAX: usize = 2_000;
/// Longest text that is searched for, in characters.
const SEARCH_CHARS_MAX: usize = 200;
/// Longest download, in bytes; a log has at most 2 MiB per attempt.
const DOWNLOAD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Which lines are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wanted {
    attempt: Option<i16>,
    least: Least,
    search: String,
    after: u64,
}

impl Wanted {
    fn read(query: &Form) -> Self {
        Self {
            attempt: query.text("attempt").parse().ok(),
            least: Least::parse(query.text("level")),
            search: query.text("q").trim().chars().take(SEARCH_CHARS_MAX).collect(),
            after: query.text("after").parse().unwrap_or(0),
        }
    }

    fn shows(&self, line: &LogLine) -> bool {
        let needle = self.search.to_lowercase();
        self.least.shows(line) && (needle.is_empty() || line.text.to_lowercase().contains(&needle))
    }

    fn is_everything(&self) -> bool {
        self.least == Least::Any && self.search.is_empty()
    }

    fn href(&self, job: JobId) -> String {
        let attempt = self.attempt.map(|number| number.to_string()).unwrap_or_default();
        let after = if self.after == 0 { String::new() } else { self.after.to_string() };
        let pairs =
            [("attempt", attempt.as_str()), ("level", self.least.as_str()), ("q", &self.search), ("after", &after)];
        paths::with_query(&paths::job_log(job), &pairs)
    }
}

#[derive(Template)]
#[template(path = "jobs/log.html")]
struct LogPage {
    shell: Shell,
    wanted: Wanted,
    facts: String,
    attempts: Vec<Tab>,
    levels: Vec<Tab>,
    blocks: Vec<Block>,
    shown: String,
    first: Option<String>,
    later: Option<String>,
    action: String,
    text_href: String,
}

/// `GET /jobs/{id}/log?attempt=&level=&q=&after=`.
pub async fn show(
    kit: Data<Kit>,
    hx: Hx,
    actor: Actor,
    shell: Shell,
    (path, query): (Path<i64>, Query),
) -> Result<HttpResponse, WebError> {
    let (id, wanted) = (JobId(*path), Wanted::read(&query.0));
    let page = kit.db.run(move |conn| {
        let job = find(conn, &actor, id)?;
        let measured = Measured::of(conn, id)?;
        let (found, cuts) = read(conn, id, &measured, &wanted)?;
        Ok::<_, WebError>(LogPage::new(shell, &job, wanted, &measured, (found, cuts)))
    });
    respond::page(&hx, &page.await?, &[])
}

/// Reads one page, and where something was left out of it; with an attempt only its part of the log.
fn read(
    conn: &mut PgConnection,
    id: JobId,
    measured: &Measured,
    wanted: &Wanted,
) -> Result<(Lines, Vec<Cut>), DbError> {
    let (first, last) = match wanted.attempt {
        Some(attempt) => measured.bounds(attempt).unwrap_or((0, 0)),
        None => (0, measured.last()),
    };
    let after = wanted.after.max(first);
    let mut found = read_after(conn, id, measured, (after, LINES_MAX), |line| wanted.shows(line))?;
    found.lines.retain(|line| line.number <= last);
    found.more &= found.looked_to < last;
    let cuts = measured.cuts(after, found.looked_to.min(last));
    Ok((found, cuts))
}

impl LogPage {
    fn new(shell: Shell, job: &Detail, wanted: Wanted, measured: &Measured, (found, cuts): (Lines, Vec<Cut>)) -> Self {
        let id = job.id;
        let shell = shell.titled("Log", Section::Jobs).under("Jobs", paths::JOBS);
        let shell = shell.under(format!("{} {id}", job.template), paths::job(id));
        let named = wanted.attempt.is_none() && measured.attempts().len() > 1;
        let lines = found.lines.len();
        let attempt = wanted.attempt.map(|number| number.to_string()).unwrap_or_default();
        Self {
            facts: format!("{} {id} · {} lines in all", job.template, grouped(measured.last())),
            attempts: attempts(id, &wanted, measured),
            levels: levels(id, &wanted),
            shown: shown(lines, &wanted),
            first: (wanted.after > 0).then(|| Wanted { after: 0, ..wanted.clone() }.href(id)),
            later: found.more.then(|| Wanted { after: found.looked_to, ..wanted.clone() }.href(id)),
            action: paths::job_log(id),
            text_href: paths::with_query(&paths::job_log_text(id), &[("attempt", &attempt)]),
            blocks: blocks(found.lines, &cuts, named, shell.zone),
            shell,
            wanted,
        }
    }
}

fn shown(lines: usize, wanted: &Wanted) -> String {
    match (lines, wanted.is_everything()) {
        (1, true) => "1 line".into(),
        (1, false) => "1 line matches".into(),
        (lines, true) => format!("{} lines", grouped(lines as u64)),
        (lines, false) => format!("{} lines match", grouped(lines as u64)),
    }
}

fn attempts(id: JobId, wanted: &Wanted, measured: &Measured) -> Vec<Tab> {
    let numbers = measured.attempts();
    if numbers.len() < 2 {
        return Vec::new();
    }
    let tab = |label: String, attempt: Option<i16>| {
        let view = Wanted { attempt, after: 0, ..wanted.clone() };
        Tab::new(label, view.href(id), wanted.attempt == attempt)
    };
    let one = |number: &i16| tab(format!("Attempt {number}"), Some(*number));
    std::iter::once(tab("All attempts".into(), None)).chain(numbers.iter().map(one)).collect()
}

fn levels(id: JobId, wanted: &Wanted) -> Vec<Tab> {
    let tab = |label: &str, least: Least| {
        let view = Wanted { least, after: 0, ..wanted.clone() };
        Tab::new(label, view.href(id), wanted.least == least)
    };
    vec![tab("All", Least::Any), tab("Warnings", Least::Warnings), tab("Errors", Least::Errors)]
}

/// `GET /jobs/{id}/log.txt?attempt=`: one line per line, with time and level.
pub async fn download(kit: Data<Kit>, actor: Actor, path: Path<i64>, query: Query) -> Result<HttpResponse, WebError> {
    let (id, wanted) = (JobId(*path), Wanted { after: 0, ..Wanted::read(&query.0) });
    let text = kit.db.run(move |conn| {
        find(conn, &actor, id)?;
        Ok::<_, WebError>(text(conn, id, wanted)?)
    });
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, format!("attachment; filename=\"job-{id}.log\"")))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(text.await?))
}

fn text(conn: &mut PgConnection, id: JobId, mut wanted: Wanted) -> Result<String, DbError> {
    let measured = Measured::of(conn, id)?;
    let mut text = String::new();
    loop {
        let (found, cuts) = read(conn, id, &measured, &wanted)?;
        let mut cuts = cuts.iter().peekable();
        for line in &found.lines {
            while let Some(cut) = cuts.next_if(|cut| cut.after < line.number) {
                text.push_str(&cut_off(cut));
            }
            text.push_str(&written(line.attempt, &line.line));
        }
        text.extend(cuts.map(cut_off));
        if !found.more {
            return Ok(text);
        }
        if text.len() > DOWNLOAD_BYTES_MAX {
            text.push_str("… the log goes on; download its attempts one by one\n");
            return Ok(text);
        }
        wanted.after = found.looked_to;
    }
}

fn cut_off(cut: &Cut) -> String {
    format!("{}\n", cut.here())
}

fn written(attempt: i16, line: &LogLine) -> String {
    let level = match line.level.letter() {
        'E' => "ERROR",
        'W' => "WARN ",
        'D' => "DEBUG",
        _ => "INFO ",
    };
    format!("{} {attempt} {level} {}\n", line.at.format("%Y-%m-%dT%H:%M:%S%.3fZ"), line.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::jobs::log_lines::Line;
    use crate::admin::jobs::sample::job;
    use crate::base::clock::Time;
    use crate::queue::state::JobState;
    use crate::queue::work::Level;
    use crate::web::shell::sample::shell;

    fn said(text: &str) -> LogLine {
        LogLine { at: Time::UNIX_EPOCH, level: Level::Warn, text: text.into() }
    }

    #[test]
    fn an_address_says_which_lines() {
        let query =
            Form::default().with("attempt", "2").with("level", "warn").with("q", " Refused ").with("after", "9");

        let wanted = Wanted::read(&query);

        assert_eq!(wanted.href(JobId(7)), "/jobs/7/log?attempt=2&level=warn&q=Refused&after=9");
        assert!(wanted.shows(&said("connection refused")) && !wanted.shows(&said("accepted")));
    }

    #[test]
    fn the_page_escapes_what_was_said_and_leads_on() {
        let line = Line { number: 2_000, attempt: 1, first: false, line: said("<b>x</b>") };
        let found = Lines { lines: vec![line], looked_to: 2_000, more: true };
        let wanted = Wanted { search: "<b>".into(), ..Wanted::default() };

        let found = (found, vec![Cut { after: 2_000, attempt: 1, bytes: 3_100_000 }]);
        let page =
            LogPage::new(shell(), &job(JobState::Failed), wanted, &Measured::default(), found).render().expect("page");

        assert!(page.contains("… 3.1 MB were left out here"), "{page}");
        assert!(
            page.contains("&#60;b&#62;x&#60;/b&#62;") && page.contains("after=2000") && page.contains("1 line matches")
        );
    }

    #[test]
    fn a_line_of_text_has_time_attempt_and_level() {
        assert_eq!(written(2, &said("x")), "1970-01-01T00:00:00.000Z 2 WARN  x\n");
    }
}
