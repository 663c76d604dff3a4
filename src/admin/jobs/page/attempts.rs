//! The attempts of a job: on its page, and `GET /jobs/{id}/attempts/{n}`.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use super::figures::Figures;
use super::find;
use super::log::{Block, TAIL_LINES, tail_of};
use super::ran::{Ran, ran};
use super::story::Story;
use crate::admin::jobs::{Attempt, Detail, Recent, service};
use crate::base::clock::Time;
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::queue::state::JobState;
use crate::web::ansi::visible;
use crate::web::error::WebError;
use crate::web::format::{Stamp, between, duration};
use crate::web::kit::Kit;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    /// Unique in the page: the fence of the attempt.
    pub key: String,
    /// Its number.
    pub number: i16,
    /// Its look.
    pub tone: Tone,
    /// `Attempt 2`, with how it ended unless that is plain.
    pub title: String,
    /// How long it took, or takes so far.
    pub length: String,
    /// When it started.
    pub at: Option<Stamp>,
    /// Where, and what it used.
    pub figures: Figures,
    /// How it ended, or that it runs.
    pub outcome: String,
    /// The first line of its error.
    pub error: String,
    /// The rest of its error.
    pub more: String,
    /// Where in the code.
    pub trace: String,
    /// Lines of the trace.
    pub frames: usize,
    /// The page of its failure group; empty when it did not fail.
    pub group: String,
    /// Its own page.
    pub href: String,
    /// Its log.
    pub log: String,
}

/// Lists the attempts of `story`, newest first.
pub fn attempts(story: &Story, shell: &Shell) -> Vec<Try> {
    let failed = story.attempts.iter().map(|attempt| failed(&story.job, attempt, shell));
    let mut all: Vec<Try> = failed.chain(present(&story.job, &story.attempts, shell)).collect();
    all.reverse();
    all
}

/// Tells how many attempts of how many: `2 of 5`.
pub fn counted(job: &Detail) -> String {
    format!("{} of {}", job.attempt, job.most_attempts())
}

fn failed(job: &Detail, attempt: &Attempt, shell: &Shell) -> Try {
    let (error, more) = first_and_rest(attempt.error.as_deref().unwrap_or_default());
    let trace = visible(attempt.trace.as_deref().unwrap_or_default());
    let title = match attempt.outcome.as_str() {
        "failed" => format!("Attempt {}", attempt.number),
        outcome => format!("Attempt {} {outcome}", attempt.number),
    };
    Try {
        title,
        tone: tone(&attempt.outcome),
        length: attempt.started_at.map(|start| duration(between(start, attempt.finished_at))).unwrap_or_default(),
        figures: Figures::of(attempt),
        outcome: attempt.outcome.clone(),
        error,
        more,
        frames: trace.lines().count(),
        trace,
        group: attempt.fingerprint.as_deref().map(paths::failure).unwrap_or_default(),
        ..blank(job.id, attempt.number, attempt.fence.0, attempt.started_at, shell)
    }
}

/// The running attempt, or the one that succeeded: it has no row of its own.
fn present(job: &Detail, told: &[Attempt], shell: &Shell) -> Option<Try> {
    let (fence, start) = (job.fence?, job.started_at?);
    if told.iter().any(|attempt| attempt.fence == fence) {
        return None;
    }
    let running = job.state() == JobState::Running;
    let length = duration(between(start, job.finished_at.filter(|_| !running).unwrap_or(shell.now)));
    Some(Try {
        title: format!("Attempt {}", job.attempt),
        tone: job.state().into(),
        length: if running { format!("{length} so far") } else { length },
        figures: Figures::of_last(job),
        outcome: Tone::from(job.state()).word().to_lowercase(),
        ..blank(job.id, job.attempt, fence.0, Some(start), shell)
    })
}

fn blank(job: JobId, number: i16, fence: i64, started: Option<Time>, shell: &Shell) -> Try {
    Try {
        key: fence.to_string(),
        number,
        tone: Tone::Failed,
        title: String::new(),
        length: String::new(),
        at: started.map(|start| shell.stamp(start)),
        figures: Figures::default(),
        outcome: String::new(),
        error: String::new(),
        more: String::new(),
        trace: String::new(),
        frames: 0,
        group: String::new(),
        href: paths::attempt(job, number.into()),
        log: paths::with_query(&paths::job_log(job), &[("attempt", &number.to_string())]),
    }
}

fn tone(outcome: &str) -> Tone {
    match outcome {
        "cancelled" => Tone::Cancelled,
        "snoozed" => Tone::Scheduled,
        "handed back" => Tone::Ready,
        "interrupted" => Tone::Retrying,
        _ => Tone::Failed,
    }
}

fn first_and_rest(text: &str) -> (String, String) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    (visible(first.trim_end()), visible(rest.trim_end()))
}

/// The page of one number: the attempts that had it, usually one, with what ran and the end of its log.
#[derive(Template)]
#[template(path = "jobs/attempt.html")]
struct AttemptPage {
    shell: Shell,
    number: i32,
    tries: Vec<Try>,
    /// What it ran, for those who may see arguments.
    ran: Option<Ran>,
    log: Vec<Block>,
    log_href: String,
    sees_log: bool,
    /// The attempts before and after it.
    before: Option<String>,
    after: Option<String>,
    /// The one before it beside it.
    compare: String,
}

/// `GET /jobs/{id}/attempts/{n}`.
pub async fn show(
    kit: Data<Kit>,
    hx: Hx,
    actor: Actor,
    shell: Shell,
    path: Path<(i64, i32)>,
) -> Result<HttpResponse, WebError> {
    let (id, number) = (JobId(path.0), path.1);
    let page = kit.db.run(move |conn| {
        let job = find(conn, &actor, id)?;
        let sees_log = service::sees_payload(&actor);
        let log = if sees_log { tail_of(conn, id, Some(number), TAIL_LINES, shell.zone)? } else { Vec::new() };
        let story = Story::read(conn, &actor, job, Some(Recent::default()))?;
        AttemptPage::new(shell, &story, number, (sees_log, log))
    });
    respond::page(&hx, &page.await?, &[])
}

/// The address of two attempts side by side.
pub fn beside(job: JobId, left: i32, right: i32) -> String {
    paths::with_query(paths::JOBS_COMPARE, &[("a", &format!("{job}.{left}")), ("b", &format!("{job}.{right}"))])
}

impl AttemptPage {
    fn new(shell: Shell, story: &Story, number: i32, (sees_log, log): (bool, Vec<Block>)) -> Result<Self, WebError> {
        let (tries, others): (Vec<_>, Vec<_>) =
            attempts(story, &shell).into_iter().partition(|one| i32::from(one.number) == number);
        if tries.is_empty() {
            return Err(WebError::NotFound);
        }
        let job = &story.job;
        let shell = shell.titled(format!("Attempt {number}"), Section::Jobs).under("Jobs", paths::JOBS);
        let numbers = || others.iter().map(|one| i32::from(one.number));
        let before = numbers().filter(|other| *other < number).max();
        let after = numbers().filter(|other| *other > number).min();
        let log_href = tries.first().map(|one| one.log.clone()).unwrap_or_default();
        Ok(Self {
            shell: shell.under(format!("{} {}", job.template, job.id), paths::job(job.id)),
            number,
            tries,
            ran: i16::try_from(number).ok().filter(|_| sees_log).and_then(|number| ran(story, number)),
            log,
            log_href,
            sees_log,
            before: before.map(|other| paths::attempt(job.id, other)),
            after: after.map(|other| paths::attempt(job.id, other)),
            compare: before.map(|other| beside(job.id, other, number)).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::sample::story;
    use super::*;
    use crate::web::shell::sample::shell;

    #[test]
    fn the_present_attempt_stands_before_those_that_failed() {
        let running = attempts(&story(JobState::Running), &shell());

        let titles: Vec<_> = running.iter().map(|one| (one.title.as_str(), one.length.as_str(), one.tone)).collect();
        assert_eq!(titles, [("Attempt 2", "3m 41s so far", Tone::Running), ("Attempt 1", "41 s", Tone::Failed)]);
        assert_eq!(running[1].error, "HTTP 503 from files.nordwind.example");
        assert_eq!((running[1].more.as_str(), running[1].frames), ("while reading", 2));
        assert_eq!(
            (running[1].figures.line().as_str(), running[1].outcome.as_str()),
            ("fra-03 · HTTP 503 · CPU 120 ms", "failed")
        );
    }

    #[test]
    fn a_page_of_a_number_that_was_never_tried_is_not_there() {
        let story = story(JobState::Running);

        assert!(AttemptPage::new(shell(), &story, 1, (true, Vec::new())).and_then(|page| Ok(page.render()?)).is_ok());
        assert!(AttemptPage::new(shell(), &story, 7, (true, Vec::new())).is_err());
    }
}
