//! `GET /jobs/compare?a=&b=`: two jobs, or two attempts, side by side: `a=7&b=9`, `a=7.1&b=7.2`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::side::{Named, Pair, Side, difference, pairs};
use crate::admin::jobs::service;
use crate::queue::actor::Actor;
use crate::web::diff;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::parts::{Choice, DiffRow};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

#[derive(Template)]
#[template(path = "jobs/compare.html")]
struct ComparePage {
    shell: Shell,
    form: Form,
    /// None, or both.
    sides: Vec<Side>,
    pairs: Vec<Pair>,
    /// What differs, in one sentence.
    difference: String,
    /// The attempts to choose from when both sides are attempts of one job.
    choices: Vec<Choice>,
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
            let sides = (Side::read(conn, &actor, &shell, a)?, Side::read(conn, &actor, &shell, b)?);
            Ok(ComparePage::new(shell, form, Some(sides), service::sees_payload(&actor)))
        }
        None => Ok::<_, WebError>(ComparePage::new(shell, form, None, service::sees_payload(&actor))),
    });
    respond::page(&hx, &page.await?, &[])
}

impl ComparePage {
    fn new(shell: Shell, form: Form, sides: Option<(Side, Side)>, sees_payload: bool) -> Self {
        let siblings = sides.as_ref().filter(|(a, b)| a.named.is_sibling_of(b.named));
        let choices = siblings.map(|(a, _)| a.choices.clone()).unwrap_or_default();
        let title = if siblings.is_some() { "Compare attempts" } else { "Compare jobs" };
        let mut shell = shell.titled(title, Section::Jobs).under("Jobs", paths::JOBS);
        if let Some((a, _)) = siblings {
            shell = shell.under(format!("{} {}", a.job.template, a.job.id), paths::job(a.job.id));
        }
        let pairs = sides.as_ref().map(|(a, b)| pairs(a, b, &shell)).unwrap_or_default();
        let of_jobs = sides.as_ref().filter(|_| siblings.is_none()); // attempts of one job share arguments and output
        let diff = |text: fn(&Side) -> &str| of_jobs.map(|(a, b)| diff::rows(text(a), text(b))).unwrap_or_default();
        Self {
            args: diff(|side| &side.args),
            output: diff(|side| &side.output),
            difference: difference(&pairs),
            sides: sides.map(|(a, b)| vec![a, b]).unwrap_or_default(),
            choices,
            pairs,
            form,
            shell,
            sees_payload,
        }
    }

    fn is_of_attempts(&self) -> bool {
        !self.choices.is_empty()
    }

    /// The name of a column; the job stands above where both are of one.
    fn name(&self, side: &Side) -> String {
        if self.is_of_attempts() { side.short() } else { side.title.clone() }
    }

    fn is_same(&self, rows: &[DiffRow]) -> bool {
        rows.iter().all(|row| row.change == crate::web::parts::Change::Kept)
    }
}

#[cfg(test)]
mod tests {
    use super::super::attempts::attempts;
    use super::super::story::sample::story;
    use super::*;
    use crate::queue::job::JobId;
    use crate::queue::state::JobState;
    use crate::web::shell::sample::shell;

    fn sample(state: JobState, attempt: Option<i32>) -> Side {
        let story = story(state);
        let (named, tries) = (Named { job: story.job.id, attempt }, attempts(&story, &shell()));
        Side::new(&Actor::system("t"), story.job, (named, tries), Vec::new())
    }

    fn told(page: &ComparePage) -> Vec<(&str, &str, &str)> {
        page.pairs.iter().map(|pair| (pair.label, pair.a.as_str(), pair.b.as_str())).collect()
    }

    #[test]
    fn a_job_or_one_of_its_attempts_is_named() {
        assert_eq!(Named::read(" 7 "), Some(Named { job: JobId(7), attempt: None }));
        assert_eq!(Named::read("7.2"), Some(Named { job: JobId(7), attempt: Some(2) }));
        assert_eq!((Named::read("x"), Named::read("7.x"), Named::read("")), (None, None, None));
    }

    #[test]
    fn what_differs_is_marked() {
        let mut other = sample(JobState::Succeeded, None);
        other.args = "{\n  \"supplier\": \"ostwind\"\n}".into();

        let page = ComparePage::new(shell(), Form::default(), Some((sample(JobState::Failed, None), other)), true);

        assert!(page.pairs.iter().find(|pair| pair.label == "State").is_some_and(Pair::differs));
        assert!(!page.pairs.iter().find(|pair| pair.label == "Queue").is_some_and(Pair::differs));
        assert!(!page.is_same(&page.args));
        let html = page.render().expect("rendered");
        assert!(html.contains("ostwind") && html.contains("HTTP 503 &#60;b&#62;"));
    }

    #[test]
    fn attempts_of_one_job_are_compared_by_what_each_did_itself() {
        let sides = (sample(JobState::Running, Some(1)), sample(JobState::Running, Some(2)));

        let page = ComparePage::new(shell(), Form::default(), Some(sides), true);

        assert_eq!(
            told(&page),
            [
                ("Outcome", "failed", "running"),
                ("Template version", "v7", "v7"),
                ("Started", "14:27:02", "14:28:27"),
                ("Run time", "41 s", "3m 41s so far"),
                ("Node", "fra-03", "mil-01"),
                ("HTTP status", "503", ""),
                ("CPU time", "120 ms", ""),
                ("Log kept", "800 B", ""),
                ("Error", "HTTP 503 from files.nordwind.example", ""),
                ("Failure group", "abc", ""),
            ]
        );
        assert!(
            page.difference.starts_with("These differ: outcome, run time, node, HTTP status, "),
            "{}",
            page.difference
        );
        let html = page.render().expect("rendered");
        assert!(html.contains("<option value=\"48213907.2\"") && !html.contains("Arguments"), "{html}");
        let same = (sample(JobState::Running, Some(1)), sample(JobState::Running, Some(1)));
        let same = ComparePage::new(shell(), Form::default(), Some(same), true);
        assert_eq!(same.difference, "Nothing differs but the times.");
    }

    #[test]
    fn without_two_jobs_it_asks_for_them() {
        let form = Form::default().with("a", "7");

        let html = ComparePage::new(shell(), form, None, true).render().expect("rendered");

        assert!(html.contains("name=\"a\"") && html.contains("value=\"7\""));
    }
}
