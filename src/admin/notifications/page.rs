//! `/notifications`: what one was told, newest first.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::service::{self, Inbox, InboxError, Place, Told};
use crate::queue::actor::Actor;
use crate::queue::notifications::{KEPT_DAYS, KEPT_MAX};
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::format::Stamp;
use crate::web::inbox::tone;
use crate::web::kit::Kit;
use crate::web::parts::{Notice, Pages, Tab};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};

/// The routes of the inbox.
pub fn routes() -> Vec<Route> {
    let own = Access::Needs(Permission::OwnAccount);
    vec![Route::get(paths::NOTIFICATIONS, own, show), Route::post(paths::NOTIFICATIONS_READ, own, read)]
}

#[derive(Template)]
#[template(path = "notifications.html")]
struct InboxPage {
    shell: Shell,
    facts: String,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    pages: Pages,
    only_unread: bool,
}

struct Row {
    id: i64,
    notice: Notice,
    at: Stamp,
    is_read: bool,
}

/// `GET /notifications`.
async fn show(hx: Hx, kit: Data<Kit>, actor: Actor, shell: Shell, query: Query) -> Result<HttpResponse, WebError> {
    let only_unread = query.0.text("show") == "unread";
    let place = place(&query.0);
    let inbox = kit.db.run(move |conn| service::list(conn, &actor, place, only_unread)).await.map_err(refused)?;
    respond::page(&hx, &InboxPage::new(shell, &inbox, only_unread), &[])
}

fn place(query: &Form) -> Place {
    let id = |name: &str| query.text(name).parse().ok();
    id("before").map(Place::Before).or_else(|| id("after").map(Place::After)).unwrap_or(Place::Start)
}

/// `POST /notifications/read`: one (`id=`) or all.
async fn read(kit: Data<Kit>, actor: Actor, form: Form) -> Result<HttpResponse, WebError> {
    let id = match form.text("id") {
        "" => None,
        text => Some(text.parse().map_err(|_| WebError::NotFound)?),
    };
    kit.db.run(move |conn| service::mark_read(conn, &actor, id)).await.map_err(refused)?;
    let back = paths::own(form.text("next"));
    Ok(respond::see_other(if back == paths::DASHBOARD { paths::NOTIFICATIONS } else { back }))
}

fn refused(error: InboxError) -> WebError {
    match error {
        InboxError::Forbidden(lacking) => lacking.into(),
        InboxError::NoPerson => WebError::SignIn,
        InboxError::Db(error) => error.into(),
    }
}

impl InboxPage {
    fn new(shell: Shell, inbox: &Inbox, only_unread: bool) -> Self {
        let facts = match shell.unread {
            0 => "Everything is read".to_owned(),
            _ => format!("{} unread", shell.unread_text()),
        };
        let shown = if only_unread { "unread" } else { "" };
        let at = |name: &str, told: Option<&Told>| {
            let id = told.map(|told| told.id.to_string()).unwrap_or_default();
            paths::with_query(paths::NOTIFICATIONS, &[("show", shown), (name, &id)])
        };
        let pages = Pages {
            shown: format!("The newest {KEPT_MAX} are kept, for {KEPT_DAYS} days"),
            newer: inbox.newer.then(|| at("after", inbox.told.first())),
            older: inbox.older.then(|| at("before", inbox.told.last())),
        };
        let unread = paths::with_query(paths::NOTIFICATIONS, &[("show", "unread")]);
        Self {
            facts,
            tabs: vec![Tab::new("All", paths::NOTIFICATIONS, !only_unread), Tab::new("Unread", unread, only_unread)],
            rows: inbox.told.iter().map(|told| Row::new(told, &shell)).collect(),
            pages,
            only_unread,
            shell: shell.titled("Notifications", Section::Elsewhere),
        }
    }
}

impl Row {
    fn new(told: &Told, shell: &Shell) -> Self {
        let notice = Notice::new(tone(&told.tone), told.title.clone()).saying(told.body.clone());
        let link = told.link_word.clone().zip(told.link_path.clone());
        Self { id: told.id, notice: Notice { link, ..notice }, at: shell.stamp(told.at), is_read: told.is_read }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::shell::sample::shell;

    fn told(id: i64, is_read: bool) -> Told {
        Told {
            id,
            at: "2026-11-24T13:30:00Z".parse().expect("a time"),
            tone: "failed".into(),
            title: "<b>mail</b> is not paused.".into(),
            body: "Somebody else resumed it.".into(),
            link_word: Some("Open".into()),
            link_path: Some("/queues/mail".into()),
            is_read,
        }
    }

    fn page(told: Vec<Told>, unread: u32, only_unread: bool) -> String {
        let inbox = Inbox { told, newer: false, older: true };
        InboxPage::new(Shell { unread, ..shell() }, &inbox, only_unread).render().expect("rendered")
    }

    #[test]
    fn what_is_unread_can_be_marked_and_what_is_older_is_a_page_away() {
        let text = page(vec![told(7, false), told(3, true)], 1, false);

        assert!(text.contains("&#60;b&#62;mail") && text.contains("href=\"/queues/mail\""));
        assert_eq!(text.matches("name=\"id\"").count(), 1);
        assert!(text.contains("Mark all as read") && text.contains("href=\"/notifications?before=3\""));
        assert!(text.contains("1 unread"));
    }

    #[test]
    fn an_empty_inbox_says_what_will_be_in_it() {
        assert!(page(Vec::new(), 0, false).contains("Nothing yet"));
        assert!(page(Vec::new(), 0, true).contains("Nothing is unread"));
        assert!(!page(Vec::new(), 0, false).contains("Mark all as read"));
    }
}
