//! `GET /views`: the views that one may see, those that one pinned first.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::{PAGES, home, told};
use crate::admin::views::SavedView;
use crate::admin::views::service::{self, may_change, sees_address};
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Form;
use crate::web::format::Stamp;
use crate::web::kit::Kit;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::shell::Shell;
use crate::web::{paths, respond};

/// One view in the list.
struct Row {
    slug: String,
    name: String,
    asks: String,
    owner: String,
    seen_by: String,
    is_shared: bool,
    is_pinned: bool,
    may_change: bool,
    at: Stamp,
}

impl Row {
    fn new(actor: &Actor, shell: &Shell, view: &SavedView) -> Self {
        Self {
            slug: view.slug.clone(),
            name: view.name.clone(),
            asks: if sees_address(actor, view) { asks(&view.address) } else { HIDDEN_ASKS.into() },
            owner: if view.is_of(actor) { "You".into() } else { view.owner.clone() },
            seen_by: match view.is_of(actor) && !view.is_shared() {
                true => "Only you".into(),
                false => view.visibility().words(view.role()),
            },
            is_shared: view.is_shared(),
            is_pinned: view.is_pinned,
            may_change: may_change(actor, view),
            at: shell.stamp(view.updated_at),
        }
    }

    fn href(&self) -> String {
        paths::saved_view(&self.slug)
    }

    fn pin(&self) -> String {
        paths::view_pin(&self.slug)
    }

    fn change(&self) -> String {
        paths::with_query(&paths::view_change(&self.slug), &[("back", paths::VIEWS)])
    }

    fn delete(&self) -> String {
        paths::view_delete(&self.slug)
    }
}

/// Stands for what a view asks that whoever looks may not see.
const HIDDEN_ASKS: &str = "its filter needs the role analyst, operator or admin";

/// Writes what a view asks for, as it stands in the address but readable.
fn asks(address: &str) -> String {
    let fields = Form::parse(address.as_bytes()).map(Form::into_fields).unwrap_or_default();
    let pairs: Vec<String> = fields.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    if pairs.is_empty() { "everything".into() } else { pairs.join("  ") }
}

#[derive(Template)]
#[template(path = "views/list.html")]
struct ListPage {
    shell: Shell,
    /// The page whose views these are.
    home: &'static str,
    rows: Vec<Row>,
}

/// `GET /views?page=jobs`.
pub async fn show(hx: Hx, kit: Data<Kit>, actor: Actor, shell: Shell, query: Query) -> Result<HttpResponse, WebError> {
    let page = match query.0.text("page") {
        "" => PAGES[0].0.to_owned(),
        page => page.to_owned(),
    };
    let home = home(&page).ok_or(WebError::NotFound)?;
    let asker = actor.clone();
    let views = kit.db.run(move |conn| service::list(conn, &asker, &page)).await.map_err(told)?;
    let shell = shell.titled("Saved views", Section::Jobs).under("Jobs", home);
    let rows = views.iter().map(|view| Row::new(&actor, &shell, view)).collect();
    respond::page(&hx, &ListPage { shell, home, rows }, &[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::shell::sample::shell;

    #[test]
    fn what_a_view_asks_for_is_readable() {
        assert_eq!(asks("state=failed,held&q=order%2017"), "state=failed,held  q=order 17");
        assert_eq!(asks(""), "everything");
    }

    #[test]
    fn only_what_may_be_changed_offers_it() {
        let row = |may_change: bool| Row {
            slug: "late".into(),
            name: "<late>".into(),
            asks: asks("state=failed"),
            owner: "Ada".into(),
            seen_by: "Everyone".into(),
            is_shared: true,
            is_pinned: false,
            may_change,
            at: shell().as_of(),
        };
        let page =
            |may| ListPage { shell: shell(), home: paths::JOBS, rows: vec![row(may)] }.render().expect("rendered");

        assert!(page(true).contains("/views/late/delete") && page(true).contains("&#60;late&#62;"));
        assert!(!page(false).contains("/delete") && page(false).contains("/views/late/pin"));
    }
}
