//! `GET /jobs/compare?a=&b=`: two jobs, or two attempts, side by side: `a=7&b=9`, `a=7.1&b=7.2`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::attempts::{Try, attempts};
use super::facts::disk_words;
use super::find;
use super::log::{Block, tail_of};
use super::story::Story;
use crate::admin::jobs::{Detail, service};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::web::diff;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::format::{between, bytes, duration, duration_ms};
use crate::web::kit::Kit;
use crate::web::parts::DiffRow;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// Lines of each log that are shown.
const LOG_LINES: u64 = 100;

/// Which job or attempt is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Named {
    job: JobId,
    attempt: Option<i32>,
}

impl Named {
    /// Reads `7` or `7.2`.
    fn read(text: &str) -> Option<Self> {
        let (job, attempt) = match text.trim().split_once('.') {
            Some((job, attempt)) => (job, Some(attempt.parse().ok()?)),
            None => (text.trim(), None),
        };
        Some(Self { job: JobId(job.parse().ok()?), attempt })
    }
}

/// One side.
struct Side {
    job: Detail,
    title: String,
    href: String,
    tone: Tone,
    /// The attempt that is compared; the last one of a job.
    one: Option<Try>,
    args: String,
    output: String,
    error: String,
    log: Vec<Block>,
}

/// One line of the table: a label and both values.
struct Pair {
    label: &'static str,
    a: String,
    b: String,
}

impl Pair {
    fn differs(&self) -> bool {
        self.a != self.b
    }
}

#[derive(Template)]
#[template(path = "jobs/compare.html")]
struct ComparePage {
    shell: Shell,
    form: Form,
    /// None, or both.
    sides: Vec<Side>,
    pairs: Vec<Pair>,
    args: Vec<DiffRow>,
    output: Vec<DiffRow>,
    sees_payload: bool,
}

/// `GET /jobs/compare?a=&b=`: asks for what is missing.
pub async fn show(kit: Data<Kit>, hx: Hx, actor: Actor, shell: Shell, query: Query) -> Result<HttpResponse, WebError> {
    let mut form = query.0;
    let [a, b] = ["a", "b"].map(|name| Named::read(form.text(name)));
    for (name, named) in [("a", a), ("b", b)] {
        if named.is_none() && !form.text(name).trim().is_empty() {
            form.refuse(name, "Write the id of a job, or id.attempt such as 7.2");
        }
    }
    let page = kit.db.run(move |conn| match a.zip(b) {
        Some((a, b)) => {
            let sides = (side(conn, &actor, &shell, a)?, side(conn, &actor, &shell, b)?);
            Ok(ComparePage::new(shell, form, Some(sides), service::sees_payload(&actor)))
        }
        None => Ok::<_, WebError>(ComparePage::new(shell, form, None, service::sees_payload(&actor))),
    });
    respond::page(&hx, &page.await?, &[])
}

fn side(conn: &mut PgConnection, actor: &Actor, shell: &Shell, named: Named) -> Result<Side, WebError> {
    let job = find(conn, actor, named.job)?;
    let sees = service::sees_payload(actor);
    let log = if sees { tail_of(conn, job.id, named.attempt, LOG_LINES, shell.zone)? } else { Vec::new() };
    let story = Story::read(conn, actor, job, Some(Vec::new()))?;
    let tries = attempts(&story, shell);
    let one = tries.into_iter().find(|one| named.attempt.is_none_or(|number| i32::from(one.number) == number));
    if named.attempt.is_some() && one.is_none() {
        return Err(WebError::NotFound);
    }
    Ok(Side::new(actor, story.job, named.attempt, one, log))
}

impl Side {
    fn new(actor: &Actor, job: Detail, attempt: Option<i32>, one: Option<Try>, log: Vec<Block>) -> Self {
        let pretty = |value: &serde_json::Value| serde_json::to_string_pretty(value).unwrap_or_default();
        let (title, href) = match attempt {
            Some(number) => (format!("{} {}, attempt {number}", job.template, job.id), paths::attempt(job.id, number)),
            None => (format!("{} {}", job.template, job.id), paths::job(job.id)),
        };
        let of_attempt = one.as_ref().map(|one| [one.error.as_str(), one.more.as_str()].join("\n"));
        let error = job.error.clone().filter(|_| attempt.is_none()).or(of_attempt).unwrap_or_default();
        Self {
            tone: one.as_ref().filter(|_| attempt.is_some()).map_or_else(|| job.state().into(), |one| one.tone),
            args: pretty(&super::payload::visible(&job, actor)),
            output: job.output.as_ref().filter(|_| service::sees_payload(actor)).map(pretty).unwrap_or_default(),
            error: crate::web::ansi::visible(error.trim()),
            title,
            href,
            one,
            log,
            job,
        }
    }
}

impl ComparePage {
    fn new(shell: Shell, form: Form, sides: Option<(Side, Side)>, sees_payload: bool) -> Self {
        let shell = shell.titled("Compare jobs", Section::Jobs).under("Jobs", paths::JOBS);
        let pairs = sides.as_ref().map(|(a, b)| pairs(a, b, &shell)).unwrap_or_default();
        let difference =
            |text: fn(&Side) -> &str| sides.as_ref().map(|(a, b)| diff::rows(text(a), text(b))).unwrap_or_default();
        Self {
            args: difference(|side| &side.args),
            output: difference(|side| &side.output),
            sides: sides.map(|(a, b)| vec![a, b]).unwrap_or_default(),
            pairs,
            form,
            shell,
            sees_payload,
        }
    }

    fn is_same(&self, rows: &[DiffRow]) -> bool {
        rows.iter().all(|row| row.change == crate::web::parts::Change::Kept)
    }
}

fn pairs(a: &Side, b: &Side, shell: &Shell) -> Vec<Pair> {
    let pair = |label, of: &dyn Fn(&Side) -> String| Pair { label, a: of(a), b: of(b) };
    let took = |side: &Side| {
        let (start, end) = (side.job.started_at?, side.job.finished_at?);
        Some(duration(between(start, end)))
    };
    let pairs = [
        pair("State", &|side| Tone::from(side.job.state()).word().into()),
        pair("Template", &|side| format!("{} v{}", side.job.template, side.job.version)),
        pair("Queue", &|side| side.job.queue.clone()),
        pair("Priority", &|side| side.job.priority.to_string()),
        pair("Attempts", &|side| super::attempts::counted(&side.job)),
        pair("Enqueued", &|side| shell.stamp(side.job.created_at).text),
        pair("Enqueued by", &|side| side.job.enqueued_by.clone()),
        pair("Ran", &|side| side.one.as_ref().map(|one| one.length.clone()).or_else(|| took(side)).unwrap_or_default()),
        pair("Node", &|side| side.job.node.clone().unwrap_or_default()),
        pair("Of the attempt", &|side| side.one.as_ref().map(|one| one.facts.clone()).unwrap_or_default()),
        pair("CPU time", &|side| side.job.cpu_ms.map(|ms| duration_ms(ms.into())).unwrap_or_default()),
        pair("Peak memory", &|side| side.job.peak_memory_bytes.map(bytes).unwrap_or_default()),
        pair("Disks", &|side| disk_words(side.job.read_bytes, side.job.written_bytes).unwrap_or_default()),
        pair("Ran as", &|side| side.job.ran_as.clone().unwrap_or_default()),
        pair("Tags", &|side| side.job.tags.join(", ")),
    ];
    pairs.into_iter().filter(|pair| !(pair.a.is_empty() && pair.b.is_empty())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::story::sample::story;
    use super::*;
    use crate::queue::state::JobState;
    use crate::web::shell::sample::shell;

    fn sample(state: JobState) -> Side {
        let story = story(state);
        let one = attempts(&story, &shell()).into_iter().next();
        Side::new(&Actor::system("t"), story.job, None, one, Vec::new())
    }

    #[test]
    fn a_job_or_one_of_its_attempts_is_named() {
        assert_eq!(Named::read(" 7 "), Some(Named { job: JobId(7), attempt: None }));
        assert_eq!(Named::read("7.2"), Some(Named { job: JobId(7), attempt: Some(2) }));
        assert_eq!((Named::read("x"), Named::read("7.x"), Named::read("")), (None, None, None));
    }

    #[test]
    fn what_differs_is_marked() {
        let mut other = sample(JobState::Succeeded);
        other.args = "{\n  \"supplier\": \"ostwind\"\n}".into();

        let page = ComparePage::new(shell(), Form::default(), Some((sample(JobState::Failed), other)), true);

        assert!(page.pairs.iter().find(|pair| pair.label == "State").is_some_and(Pair::differs));
        assert!(!page.pairs.iter().find(|pair| pair.label == "Queue").is_some_and(Pair::differs));
        assert!(!page.is_same(&page.args));
        let html = page.render().expect("rendered");
        assert!(html.contains("ostwind") && html.contains("HTTP 503 &#60;b&#62;"));
    }

    #[test]
    fn without_two_jobs_it_asks_for_them() {
        let form = Form::default().with("a", "7");

        let html = ComparePage::new(shell(), form, None, true).render().expect("rendered");

        assert!(html.contains("name=\"a\"") && html.contains("value=\"7\""));
    }
}
