//! One side of a comparison, and what both have line by line.

use super::attempts::{Try, attempts, counted};
use super::figures::Figures;
use super::find;
use super::log::{Block, tail_of};
use super::story::Story;
use crate::admin::jobs::{Detail, Recent, service};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::web::error::WebError;
use crate::web::format::{between, duration};
use crate::web::parts::Choice;
use crate::web::paths;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// Lines of each log that are shown.
const LOG_LINES: u64 = 100;

/// Which job or attempt is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// The job.
    pub job: JobId,
    /// Its attempt; `None` = the job as a whole.
    pub attempt: Option<i32>,
}

impl Named {
    /// Reads `7` or `7.2`.
    pub fn read(text: &str) -> Option<Self> {
        let (job, attempt) = match text.trim().split_once('.') {
            Some((job, attempt)) => (job, Some(attempt.parse().ok()?)),
            None => (text.trim(), None),
        };
        Some(Self { job: JobId(job.parse().ok()?), attempt })
    }

    /// Tells whether both are attempts of one job: then only what attempts have can differ.
    pub fn is_sibling_of(self, other: Self) -> bool {
        self.job == other.job && self.attempt.is_some() && other.attempt.is_some()
    }
}

/// One side.
pub struct Side {
    /// Which.
    pub named: Named,
    /// The job.
    pub job: Detail,
    /// Its name and number.
    pub title: String,
    /// Its page.
    pub href: String,
    /// How it stands, or stood.
    pub tone: Tone,
    /// The attempt that is compared; the last one of a job.
    pub one: Option<Try>,
    /// Every attempt of the job as a choice.
    pub choices: Vec<Choice>,
    /// Its arguments as text.
    pub args: String,
    /// Its output as text.
    pub output: String,
    /// The whole error.
    pub error: String,
    /// The end of its log.
    pub log: Vec<Block>,
}

impl Side {
    /// Reads what is meant.
    ///
    /// # Errors
    /// [`WebError::NotFound`] for a job or an attempt that is not there, [`WebError::Gone`], database failures.
    pub fn read(conn: &mut PgConnection, actor: &Actor, shell: &Shell, named: Named) -> Result<Self, WebError> {
        let job = find(conn, actor, named.job)?;
        let sees = service::sees_payload(actor);
        let log = if sees { tail_of(conn, job.id, named.attempt, LOG_LINES, shell.zone)? } else { Vec::new() };
        let story = Story::read(conn, actor, job, Some(Recent::default()))?;
        let tries = attempts(&story, shell);
        let is_there = |number: i32| tries.iter().any(|one| i32::from(one.number) == number);
        if named.attempt.is_some_and(|number| !is_there(number)) {
            return Err(WebError::NotFound);
        }
        Ok(Self::new(actor, story.job, (named, tries), log))
    }

    /// Makes a side of what was read.
    pub fn new(actor: &Actor, job: Detail, (named, tries): (Named, Vec<Try>), log: Vec<Block>) -> Self {
        let pretty = |value: &serde_json::Value| serde_json::to_string_pretty(value).unwrap_or_default();
        let attempt = named.attempt;
        let (title, href) = match attempt {
            Some(number) => (format!("{} {}, attempt {number}", job.template, job.id), paths::attempt(job.id, number)),
            None => (format!("{} {}", job.template, job.id), paths::job(job.id)),
        };
        let choices = choices(&tries, job.id);
        let one = tries.into_iter().find(|one| attempt.is_none_or(|number| i32::from(one.number) == number));
        let of_attempt = one.as_ref().map(|one| [one.error.as_str(), one.more.as_str()].join("\n"));
        let error = job.error.clone().filter(|_| attempt.is_none()).or(of_attempt).unwrap_or_default();
        Self {
            tone: one.as_ref().filter(|_| attempt.is_some()).map_or_else(|| job.state().into(), |one| one.tone),
            args: pretty(&super::payload::visible(&job, actor)),
            output: job.output.as_ref().filter(|_| service::sees_payload(actor)).map(pretty).unwrap_or_default(),
            error: crate::web::ansi::visible(error.trim()),
            named,
            title,
            href,
            one,
            choices,
            log,
            job,
        }
    }

    /// The name of its column where both sides are attempts of one job: `Attempt 2`.
    pub fn short(&self) -> String {
        self.named.attempt.map_or_else(|| self.title.clone(), |number| format!("Attempt {number}"))
    }

    fn ran(&self) -> String {
        let of_job = || Some(duration(between(self.job.started_at?, self.job.finished_at?)));
        self.one.as_ref().map(|one| one.length.clone()).or_else(of_job).unwrap_or_default()
    }

    fn first_error(&self) -> String {
        self.error.lines().next().unwrap_or_default().to_owned()
    }

    fn of_try(&self, what: fn(&Try) -> String) -> String {
        self.one.as_ref().map(what).unwrap_or_default()
    }

    fn figures(&self) -> Figures {
        self.one.as_ref().map(|one| one.figures.clone()).unwrap_or_default()
    }
}

/// Attempts that share a number, such as one that was handed back and the one after it, are one choice.
fn choices(tries: &[Try], job: JobId) -> Vec<Choice> {
    let mut choices: Vec<Choice> = Vec::new();
    for one in tries {
        let value = format!("{job}.{}", one.number);
        if choices.iter().all(|choice| choice.value != value) {
            choices.push(Choice::new(value, format!("Attempt {}, {}", one.number, one.outcome)));
        }
    }
    choices
}

/// One line of the table: a label and both values.
pub struct Pair {
    /// What it is.
    pub label: &'static str,
    /// On the left.
    pub a: String,
    /// On the right.
    pub b: String,
}

impl Pair {
    /// Tells whether both sides differ in it.
    pub fn differs(&self) -> bool {
        self.a != self.b
    }
}

/// Sets both sides beside each other. Of two attempts of one job only what attempts have is told.
pub fn pairs(a: &Side, b: &Side, shell: &Shell) -> Vec<Pair> {
    let pair = |label, of: &dyn Fn(&Side) -> String| Pair { label, a: of(a), b: of(b) };
    let mut pairs = if a.named.is_sibling_of(b.named) { Vec::new() } else { of_jobs(a, b, shell) };
    pairs.extend([
        pair("Outcome", &|side| side.of_try(|one| one.outcome.clone())),
        pair("Template version", &|side| format!("v{}", side.job.version)),
        pair("Started", &|side| side.of_try(|one| one.at.as_ref().map(|at| at.text.clone()).unwrap_or_default())),
        pair("Run time", &Side::ran),
    ]);
    let figures = a.figures().rows().into_iter().zip(b.figures().rows());
    pairs.extend(figures.map(|((label, a), (_, b))| Pair { label, a, b }));
    pairs.extend([
        pair("Error", &Side::first_error),
        pair("Failure group", &|side| side.of_try(|one| one.group.rsplit('/').next().unwrap_or_default().into())),
    ]);
    pairs.retain(|pair| !(pair.a.is_empty() && pair.b.is_empty()));
    pairs
}

fn of_jobs(a: &Side, b: &Side, shell: &Shell) -> Vec<Pair> {
    let pair = |label, of: &dyn Fn(&Side) -> String| Pair { label, a: of(a), b: of(b) };
    vec![
        pair("State", &|side| Tone::from(side.job.state()).word().into()),
        pair("Template", &|side| side.job.template.clone()),
        pair("Queue", &|side| side.job.queue.clone()),
        pair("Priority", &|side| side.job.priority.to_string()),
        pair("Attempts", &|side| counted(&side.job)),
        pair("Enqueued", &|side| shell.stamp(side.job.created_at).text),
        pair("Enqueued by", &|side| side.job.enqueued_by.clone()),
        pair("Tags", &|side| side.job.tags.join(", ")),
    ]
}

/// Says in one sentence what differs, apart from when they started, which always does.
pub fn difference(pairs: &[Pair]) -> String {
    let labels: Vec<String> = pairs
        .iter()
        .filter(|pair| pair.differs() && !matches!(pair.label, "Started" | "Enqueued"))
        .map(|pair| pair.label.to_lowercase())
        .map(|label| label.replace("http", "HTTP").replace("cpu", "CPU"))
        .collect();
    match &labels[..] {
        [] => "Nothing differs but the times.".into(),
        [one] => format!("Only the {one} differs."),
        [rest @ .., last] => format!("These differ: {} and {last}.", rest.join(", ")),
    }
}
