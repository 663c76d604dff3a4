//! One act on the ticked jobs of a page: a question with their number, then each job on its own; what was refused is listed.

use std::sync::Arc;

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use super::act::jobs;
use super::ask::{Ask, AskPage};
use crate::admin::jobs::acts::Act;
use crate::admin::jobs::bulk::{JOBS_MAX, Outcome, act_on_all};
use crate::admin::jobs::service::JobError;
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::queue::ring;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::kit::Kit;
use crate::web::parts::Notice;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// What became of the ticked jobs, when some were refused.
#[derive(Template)]
#[template(path = "jobs/selected.html")]
struct SelectedPage {
    shell: Shell,
    title: String,
    done: String,
    refused: Vec<(JobId, String)>,
    back: String,
}

impl SelectedPage {
    fn href(&self, id: &JobId) -> String {
        paths::job(*id)
    }
}

/// `GET /jobs/selected/{verb}?id=…`: asks, with the number of jobs.
pub async fn ask(hx: Hx, shell: Shell, path: Path<String>, query: Query) -> Result<HttpResponse, WebError> {
    let page = question(shell, named(&path)?, query.0);
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

fn named(word: &str) -> Result<Act, WebError> {
    Act::parse(word).filter(|act| Act::BULK.contains(act)).ok_or(WebError::NotFound)
}

fn ticked(form: &Form) -> Vec<JobId> {
    let mut ids: Vec<_> = form.all("id").filter_map(|id| id.parse().ok().map(JobId)).take(JOBS_MAX).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn question(shell: Shell, act: Act, form: Form) -> AskPage {
    let (ids, back) = (ticked(&form), back(&form));
    let verb = format!("{} {}", act.label().trim_end_matches('…'), jobs(ids.len()));
    let effect = match act {
        Act::Cancel => "Those that wait will not start. Those that run are told to stop.",
        Act::Hold => "Those that wait stay where they are until somebody releases them.",
        Act::Release => "Those that are held go on: at their time, or at once when that has passed.",
        _ => "Those that failed, were cancelled or expired become ready again; those that wait become ready at once.",
    };
    let mut effects =
        vec![effect.to_owned(), "Jobs whose state does not allow it are left alone and listed.".to_owned()];
    if ids.is_empty() {
        effects = vec!["No job is ticked. Go back and tick the jobs that are meant.".into()];
    }
    let mut hidden: Vec<_> = ids.iter().map(|id| ("id".to_owned(), id.to_string())).collect();
    hidden.push(("back".to_owned(), back.clone()));
    let ask = Ask {
        act: Some(act),
        question: format!("{verb}?"),
        effects,
        action: paths::jobs_act(act.as_str()),
        hidden,
        verb,
        keep: "Leave them".into(),
        back,
        leads_away: true,
        form,
        ..Ask::default()
    };
    AskPage { shell: shell.titled(ask.question.clone(), Section::Jobs).under("Jobs", paths::JOBS), ask }
}

/// The list to come back to.
fn back(form: &Form) -> String {
    let list = paths::own(form.text("back"));
    if list.starts_with(paths::JOBS) { list.to_owned() } else { paths::JOBS.to_owned() }
}

/// `POST /jobs/selected/{verb}`.
pub async fn act(
    (kit, hx, actor): (Data<Kit>, Hx, Actor),
    shell: Shell,
    session: Session,
    mut form: Form,
    path: Path<String>,
) -> Result<HttpResponse, WebError> {
    let (act, ids, back, reason) = (named(&path)?, ticked(&form), back(&form), form.text("reason").to_owned());
    let clock = Arc::clone(&kit.clock);
    let acted = kit.db.run(move |conn| {
        let outcome = act_on_all(conn, &*clock, &actor, &ids, (act, &reason))?;
        ring::notify(conn)?;
        Ok(outcome)
    });
    let outcome = match acted.await {
        Ok(outcome) => outcome,
        Err(JobError::BadNote(error)) => {
            form.refuse("reason", error.to_string());
            return respond::refused(&hx, &question(shell, act, form), &[]);
        }
        Err(error) => return Err(error.into()),
    };
    if outcome.refused.is_empty() {
        return respond::onward(&hx, &session, &back, &Notice::done(done(act, &outcome)));
    }
    respond::page(&hx, &result(shell, act, outcome, back), &[])
}

fn done(act: Act, outcome: &Outcome) -> String {
    let word = match act {
        Act::Cancel => "cancelled",
        Act::Hold => "held",
        Act::Release => "released",
        _ => "ready again",
    };
    let is = |number: usize| if number == 1 { "is" } else { "are" };
    let mut text = match outcome.done {
        0 if outcome.asked > 0 => String::new(),
        number => format!("{} {} {word}.", jobs(number), is(number)),
    };
    if outcome.asked > 0 {
        text = format!(
            "{text} {} that run{} told to stop.",
            jobs(outcome.asked),
            if outcome.asked == 1 { "s was" } else { " were" }
        );
    }
    text.trim_start().to_owned()
}

fn result(shell: Shell, act: Act, outcome: Outcome, back: String) -> SelectedPage {
    let left = jobs(outcome.refused.len());
    let title = format!("{left} {} left alone", if outcome.refused.len() == 1 { "was" } else { "were" });
    SelectedPage {
        shell: shell.titled(title.clone(), Section::Jobs).under("Jobs", paths::JOBS),
        title,
        done: done(act, &outcome),
        refused: outcome.refused,
        back,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::shell::sample::shell;

    #[test]
    fn the_question_counts_each_job_once_and_keeps_the_way_back() {
        let form = Form::default().with("id", "7").with("id", "9").with("id", "7").with("back", "/jobs?state=failed");

        let page = question(shell(), Act::Retry, form).render().expect("rendered");

        assert!(page.contains("Retry 2 jobs?") && page.contains("name=\"id\" value=\"9\""));
        assert!(page.contains("href=\"/jobs?state=failed\""));
    }

    #[test]
    fn a_way_back_leads_only_to_a_list_of_jobs() {
        assert_eq!(back(&Form::default().with("back", "//evil.example")), "/jobs");
        assert_eq!(back(&Form::default().with("back", "/account")), "/jobs");
    }

    #[test]
    fn what_was_done_is_told_in_numbers() {
        let outcome = |done, asked| Outcome { done, asked, refused: Vec::new() };

        assert_eq!(done(Act::Cancel, &outcome(2, 1)), "2 jobs are cancelled. 1 job that runs was told to stop.");
        assert_eq!(done(Act::Cancel, &outcome(0, 3)), "3 jobs that run were told to stop.");
        assert_eq!(done(Act::Hold, &outcome(1, 0)), "1 job is held.");
        assert_eq!(done(Act::Hold, &outcome(0, 0)), "0 jobs are held.");
    }

    #[test]
    fn refused_jobs_are_listed_with_their_reasons() {
        let outcome =
            Outcome { done: 1, asked: 0, refused: vec![(JobId(7), "job 7 is succeeded, so it cannot be held".into())] };

        let page = result(shell(), Act::Hold, outcome, "/jobs".into()).render().expect("rendered");

        assert!(
            page.contains("1 job was left alone")
                && page.contains("href=\"/jobs/7\"")
                && page.contains("cannot be held")
        );
    }
}
