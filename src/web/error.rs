//! What can go wrong with a request, in the words of whoever asked: a page, a part of one, or an RFC 9457 problem.
//!
//! Services have their own errors; `page.rs` and `api.rs` translate them into these, exhaustively. The cause is logged
//! once, with the request id that the answer shows.

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use chrono::SecondsFormat;

use super::form::{FormError, Problem};
use super::format::any_of;
use crate::base::clock::Time;
use crate::base::db::DbError;
use crate::queue::actor::Forbidden;

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// There is no such thing, or it is outside the asker's scope.
    #[error("not found")]
    NotFound,
    /// It was there once; the sentence says when it went and by which rule.
    #[error("gone: {0}")]
    Gone(Gone),
    /// The address takes another method.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// Nobody is signed in, or the token is not valid.
    #[error("not signed in")]
    SignIn,
    /// The asker lacks a permission.
    #[error("forbidden: {0}")]
    Forbidden(Forbidden),
    /// The act needs a fresh password first.
    #[error("a fresh sign-in is needed")]
    Stale,
    /// The request did not come from one of our pages, or its token is not the session's.
    #[error("not from our own page")]
    Foreign,
    /// The request cannot be understood; the sentence says what is wrong.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Values are refused, each at its field (a form field's name or a JSON pointer).
    #[error("{} values are refused", .0.len())]
    Invalid(Vec<Problem>),
    /// Something else has happened to it meanwhile; the sentence says what.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The body is larger than allowed, in bytes.
    #[error("larger than {0} bytes")]
    TooLarge(usize),
    /// Too many requests or streams; try again after the wait.
    #[error("too many; {wait:?}")]
    TooMany {
        /// How long to wait.
        wait: Duration,
        /// What there is too much of.
        what: &'static str,
    },
    /// The database is away or busy. Nothing was done.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The connection broke at a commit: whether it was done is not known.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    /// The question took longer than allowed and was stopped.
    #[error("took too long")]
    TimedOut,
    /// A fault of ours.
    #[error("{0}")]
    Fault(String),
}

/// What is gone, and how that came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// What was removed, as a sentence.
    pub what: String,
    /// When, as far as it is recorded.
    pub at: Option<Time>,
    /// By which rule, as a sentence; empty when it is not recorded.
    pub rule: String,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Gone {
    /// Writes it with its time as `written`.
    pub(super) fn sentences(&self, written: impl Fn(Time) -> String) -> String {
        let at = self.at.map(|at| format!("That was {}.", written(at)));
        let rule = Some(self.rule.clone()).filter(|rule| !rule.is_empty());
        [Some(self.what.clone()), at, rule].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// How an error is told: the same words for people and programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Telling {
    /// Stable name in the `type` of a problem.
    pub slug: &'static str,
    /// A few words without full stop.
    pub title: &'static str,
    /// One or two sentences.
    pub text: String,
    /// Icon of the page.
    pub icon: &'static str,
    /// Whether trying the same again may help.
    pub retry: bool,
}

impl WebError {
    /// Wraps an unexpected cause as a fault of ours.
    pub fn fault(cause: impl std::fmt::Display) -> Self {
        Self::Fault(cause.to_string())
    }

    /// Gives the status code.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Gone(_) => StatusCode::GONE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::SignIn => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) | Self::Stale | Self::Foreign => StatusCode::FORBIDDEN,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) | Self::OutcomeUnknown(_) | Self::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
            Self::Fault(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(super) fn telling(&self) -> Telling {
        let tell = |slug, title, icon, retry, text: &str| Telling { slug, title, text: text.to_owned(), icon, retry };
        match self {
            Self::NotFound => tell("not-found", "There is nothing here", "search", false, NOT_FOUND),
            Self::Gone(gone) => {
                let text = gone.sentences(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
                tell("gone", "This is gone", "archive", false, &text)
            }
            Self::MethodNotAllowed => tell("method-not-allowed", "This cannot be done here", "ban", false, METHOD),
            Self::SignIn => tell("sign-in", "Sign in first", "lock", false, SIGN_IN),
            Self::Forbidden(lacking) => tell("forbidden", "You may not do this", "lock", false, &forbidden(lacking)),
            Self::Stale => tell("fresh-sign-in", "Your password is needed again", "lock", false, STALE),
            Self::Foreign => tell("foreign", "This did not come from one of your pages", "shield", true, FOREIGN),
            Self::Malformed(what) => {
                tell("malformed", "The request could not be understood", "circle-alert", false, what)
            }
            Self::Invalid(problems) => {
                tell("invalid", "Some values are refused", "circle-alert", false, &listed(problems))
            }
            Self::Conflict(what) => tell("conflict", "Something changed meanwhile", "git-compare", true, what),
            Self::TooLarge(max) => tell(
                "too-large",
                "This is too large",
                "circle-alert",
                false,
                &format!("At most {max} bytes are taken."),
            ),
            Self::TooMany { wait, what } => {
                let text = format!("{what}. Try again in {} s.", wait.as_secs().max(1));
                tell("too-many", "Too much at once", "hourglass", true, &text)
            }
            Self::Unavailable(_) => {
                tell("unavailable", "The database cannot be reached", "database", true, UNAVAILABLE)
            }
            Self::OutcomeUnknown(_) => {
                tell("outcome-unknown", "It is not known whether this was done", "database", false, UNKNOWN)
            }
            Self::TimedOut => tell("timed-out", "This took too long", "hourglass", true, TIMED_OUT),
            Self::Fault(_) => tell("fault", "Something is broken here", "circle-alert", true, FAULT),
        }
    }
}

const NOT_FOUND: &str = "The address leads to nothing, or to something outside of what you may see.";
const METHOD: &str = "The address exists, but it does not take this kind of request.";
const SIGN_IN: &str = "Sign in, or send a valid token in the Authorization header.";
const STALE: &str = "Acts like this one ask for your password when it was not given in the last 15 minutes.";
const FOREIGN: &str = "Nothing was changed. Load the page again and repeat what you did.";
const UNAVAILABLE: &str = "Nothing was changed. Jobs that run go on, and pages return as soon as the database does.";
const UNKNOWN: &str = "The connection to the database broke at the last moment. Look before you repeat it.";
const TIMED_OUT: &str = "The question was stopped so that it does not slow down the work. Ask for less, or try again.";
const FAULT: &str = "It is not your fault, and it has been written down under the reference below.";

/// Says what somebody lacks whom one of `admins` can help.
pub(super) fn forbidden_but_for(lacking: &Forbidden, admins: &[String]) -> String {
    match (lacking, admins) {
        (Forbidden::Role(permission), [_, ..]) => {
            let role = permission.least_role().as_str();
            let names = any_of(admins);
            format!("This needs the role {role}. Ask {names}: an admin gives it under People & access.")
        }
        _ => forbidden(lacking),
    }
}

/// What is missing, and who can give it.
fn forbidden(lacking: &Forbidden) -> String {
    match lacking {
        Forbidden::Role(permission) => {
            let role = permission.least_role().as_str();
            format!("This needs the role {role}. An admin can give it to you under People & access.")
        }
        Forbidden::Token(permission) => {
            let scope = permission.scope_text();
            format!("The token lacks the scope {scope}. Make one that has it under Tokens.")
        }
    }
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join(". ")
}

impl From<DbError> for WebError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Unavailable(cause) | DbError::Conflict(cause) | DbError::Unable(cause) => Self::Unavailable(cause),
            DbError::Lost(cause) => Self::OutcomeUnknown(cause),
            DbError::TimedOut => Self::TimedOut,
            DbError::Corrupt(cause) => Self::Fault(cause),
            DbError::Refused { message, pointer: Some(field), .. } => Self::Invalid(vec![Problem { field, message }]),
            DbError::Refused { message, pointer: None, .. } => Self::Conflict(message),
            DbError::Constraint { name, message } => Self::Fault(format!("constraint {name}: {message}")),
            DbError::Other(cause) => Self::Fault(cause.to_string()),
        }
    }
}

impl From<Forbidden> for WebError {
    fn from(lacking: Forbidden) -> Self {
        Self::Forbidden(lacking)
    }
}

impl From<FormError> for WebError {
    fn from(error: FormError) -> Self {
        Self::Malformed(format!("{error}."))
    }
}

impl From<askama::Error> for WebError {
    fn from(error: askama::Error) -> Self {
        Self::Fault(format!("a template could not be rendered: {error}"))
    }
}

/// Only the status: the guard, which knows the request, writes the answer itself (`told.rs`).
impl ResponseError for WebError {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::permission::Permission;

    #[test]
    fn an_error_names_neither_statements_nor_hosts() {
        let cause = "relation \"millrace.jobs\" does not exist";
        for error in
            [WebError::fault(cause), WebError::Unavailable(cause.into()), WebError::OutcomeUnknown(cause.into())]
        {
            let telling = error.telling();
            assert!(!telling.text.contains("millrace.jobs"), "{telling:?}");
        }
    }

    #[test]
    fn the_words_are_calm_and_the_icons_exist() {
        let errors = [
            WebError::NotFound,
            WebError::Gone(Gone { what: "Removed.".into(), at: None, rule: String::new() }),
            WebError::MethodNotAllowed,
            WebError::SignIn,
            WebError::Forbidden(Forbidden::Role(Permission::RepairJobs)),
            WebError::Forbidden(Forbidden::Token(Permission::RepairJobs)),
            WebError::Stale,
            WebError::Foreign,
            WebError::Malformed("x".into()),
            WebError::Invalid(Vec::new()),
            WebError::Conflict("x".into()),
            WebError::TooLarge(1),
            WebError::TooMany { wait: Duration::ZERO, what: "x" },
            WebError::Unavailable(String::new()),
            WebError::OutcomeUnknown(String::new()),
            WebError::TimedOut,
            WebError::fault("x"),
        ];
        for telling in errors.map(|error| error.telling()) {
            assert!(crate::web::icon::exists(telling.icon), "{telling:?}");
            assert!(!telling.title.contains(['!', '.']) && !telling.text.contains('!'), "{telling:?}");
        }
    }

    #[test]
    fn whoever_may_not_is_told_whom_to_ask() {
        let names = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            forbidden_but_for(&Forbidden::Role(Permission::RepairJobs), &names)
        };

        assert!(names(&["Ada"]).contains("the role operator. Ask Ada: an admin"));
        assert!(names(&["Ada", "Bo", "Cy"]).contains("Ask Ada, Bo or Cy:"));
        assert!(names(&[]).contains("An admin can give it to you"));
    }

    #[test]
    fn what_is_gone_says_when_and_by_which_rule() {
        let gone = Gone { what: "Job 7 is gone.".into(), at: Some(Time::UNIX_EPOCH), rule: "Too old.".into() };

        assert_eq!(gone.sentences(|_| "yesterday".into()), "Job 7 is gone. That was yesterday. Too old.");
        assert_eq!(Gone { at: None, rule: String::new(), ..gone }.sentences(|_| String::new()), "Job 7 is gone.");
    }

    #[test]
    fn a_missing_permission_names_the_role_or_the_scope_that_has_it() {
        let text = |lacking: Forbidden| WebError::Forbidden(lacking).telling().text;

        assert!(text(Forbidden::Role(Permission::RepairJobs)).contains("the role operator"));
        assert!(text(Forbidden::Token(Permission::RepairJobs)).contains("lacks the scope jobs:write"));
    }
}
