//! Keeping what pages told somebody: every toast of an act stands in their inbox afterwards.
//!
//! ```text
//! respond::done, onward, told ─▶ the answer carries its Notice ─▶ guard: keep ─▶ queue::notifications, behind the answer's back
//! ```
//! A message that cannot be kept is logged and lost: it must neither slow an act down nor make it fail.

use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::{HttpMessage, HttpResponse};

use super::guard::Caller;
use super::kit::Kit;
use super::parts::Notice;
use super::paths;
use super::tone::Tone;
use crate::base::db::DbError;
use crate::queue::notifications::{self, Message};

/// Notes on an answer what it tells the person on `page`, for [`keep`]. Beside the page of an operation or a job its toast need not
/// say of which it speaks; in the inbox it must.
pub(super) fn note(answer: &mut HttpResponse, page: &str, notice: &Notice) {
    let link = notice.link.clone().or_else(|| Some((place(page)?, page.to_owned())));
    answer.extensions_mut().insert(Notice { link, ..notice.clone() });
}

/// Names the operation or job whose page an address is.
fn place(page: &str) -> Option<String> {
    [(paths::OPERATIONS, "Operation"), (paths::JOBS, "Job")].into_iter().find_map(|(list, word)| {
        let rest = page.strip_prefix(list)?.strip_prefix('/')?;
        let number = rest.split(['?', '#']).next()?;
        number.parse::<i64>().ok().map(|number| format!("{word} {number}"))
    })
}

/// Keeps what an answer tells, when a person asked. It takes its own connection and time.
pub(super) fn keep(answer: &mut ServiceResponse<BoxBody>) {
    let Some(notice) = answer.response_mut().extensions_mut().remove::<Notice>() else { return };
    let caller = answer.request().extensions().get::<Caller>().cloned().unwrap_or_default();
    let Some(person) = caller.signed_in.map(|one| one.person) else { return };
    let db = Kit::of(answer.request()).db.clone();
    actix_web::rt::spawn(async move {
        let message = message(notice);
        let told: Result<(), DbError> = db.run(move |conn| notifications::tell(conn, person, &message)).await;
        if let Err(error) = told {
            tracing::warn!(%error, "a toast could not be kept");
        }
    });
}

/// Whoever saw good news has read it; what went wrong waits until they say so.
fn message(notice: Notice) -> Message {
    let tone = match notice.tone {
        Tone::Failed | Tone::Expired => notifications::Tone::Failed,
        Tone::Retrying => notifications::Tone::Warning,
        Tone::Done => notifications::Tone::Done,
        Tone::Scheduled
        | Tone::Ready
        | Tone::Running
        | Tone::Cancelled
        | Tone::Held
        | Tone::Blocked
        | Tone::Paused
        | Tone::Skipped => notifications::Tone::Info,
    };
    let is_read = matches!(tone, notifications::Tone::Done | notifications::Tone::Info);
    Message { tone, title: notice.title, body: notice.text, link: notice.link, is_read }
}

/// Gives the look of a message by the name of its tone.
pub fn tone(name: &str) -> Tone {
    match notifications::Tone::parse(name) {
        Some(notifications::Tone::Done) => Tone::Done,
        Some(notifications::Tone::Warning) => Tone::Retrying,
        Some(notifications::Tone::Failed) => Tone::Failed,
        Some(notifications::Tone::Info) | None => Tone::Ready,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_leads_to_the_operation_or_job_that_it_is_about() {
        let kept = |page: &str, notice: Notice| {
            let mut answer = HttpResponse::Ok().finish();
            note(&mut answer, page, &notice);
            answer.extensions_mut().remove::<Notice>().expect("a notice").link
        };
        let link = |word: &str, page: &str| Some((word.to_owned(), page.to_owned()));

        assert_eq!(kept("/operations/7", Notice::done("It has begun.")), link("Operation 7", "/operations/7"));
        assert_eq!(kept("/jobs/42?after=3", Notice::done("Held.")), link("Job 42", "/jobs/42?after=3"));
        assert_eq!(kept("/operations/7", Notice::done("x").linking("Undo", "/u")), link("Undo", "/u"));
        assert_eq!(kept("/jobs?state=failed", Notice::done("x")), None, "a list is no thing that a message is about");
    }

    #[test]
    fn good_news_was_read_as_a_toast_and_bad_news_waits() {
        let of = |tone| message(Notice::new(tone, "x"));

        assert!(of(Tone::Done).is_read && of(Tone::Paused).is_read);
        assert!(!of(Tone::Failed).is_read && !of(Tone::Retrying).is_read);
        for one in [Tone::Done, Tone::Retrying, Tone::Failed, Tone::Ready] {
            assert_eq!(tone(of(one).tone.as_str()), one);
        }
    }
}
