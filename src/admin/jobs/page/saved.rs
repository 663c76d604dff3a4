//! Saved views above a list: those that somebody pinned, the one that was opened, and whether it was changed since.

use super::view::ListView;
use crate::admin::views::service::{self, ViewError, may_change};
use crate::admin::views::{SavedView, Visibility};
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::form::Form;
use crate::web::parts::Tab;
use crate::web::paths;

/// The name of this page among those that have views.
const PAGE: &str = "jobs";

/// What stands above the list.
#[derive(Debug, Clone, Default)]
pub struct Saved {
    /// The pinned views, and the opened one.
    pub tabs: Vec<Tab>,
    /// Views that one may see in all.
    pub count: usize,
    /// The view that was opened.
    pub opened: Option<Opened>,
    /// The form that saves what is shown.
    pub save: String,
}

/// A view that was opened.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The view as it is saved.
    pub view: SavedView,
    /// What is shown is not what it saved.
    pub is_changed: bool,
    /// It belongs to whoever looks.
    pub is_own: bool,
    /// Whoever looks may change it.
    pub may_change: bool,
    /// What would be saved.
    pub address: String,
    /// The list as it is shown.
    pub here: String,
}

impl Opened {
    /// Gives where the form goes that saves what is shown.
    pub fn action(&self) -> String {
        paths::view_change(&self.view.slug)
    }

    /// Names who sees it, for the form.
    pub fn visibility(&self) -> &'static str {
        self.view.visibility().as_str()
    }

    /// Says whose it is and who else sees it; empty for what nobody else sees.
    pub fn whose(&self) -> String {
        let role = self.view.role();
        let shared = match self.view.visibility() {
            Visibility::Private => return String::new(),
            Visibility::Team => format!("people with the role {}", role.as_str()),
            Visibility::Everyone => "everyone".into(),
        };
        if self.is_own {
            format!("Seen by {shared}")
        } else {
            format!("Saved by {}, seen by {shared}", self.view.owner)
        }
    }
}

impl Saved {
    /// Reads the views of `actor`. A view that is named but not there is told among what was not understood.
    ///
    /// # Errors
    /// Database failures.
    pub fn read(conn: &mut PgConnection, actor: &Actor, view: &mut ListView) -> Result<Self, DbError> {
        if !actor.may(Permission::ReadViews) {
            return Ok(Self::default());
        }
        let views = match service::list(conn, actor, PAGE) {
            Ok(views) => views,
            Err(ViewError::Db(error)) => return Err(error),
            Err(_) => Vec::new(), // whoever may have none sees none
        };
        if let Some(slug) = view.saved.clone().filter(|slug| views.iter().all(|known| known.slug != *slug)) {
            let message = format!("there is no view {slug} that you may see");
            view.name_unknown(format!("view={slug}"), message);
        }
        Ok(Self::new(actor, view, &views))
    }

    /// Shows `views` above `view`.
    fn new(actor: &Actor, view: &ListView, views: &[SavedView]) -> Self {
        let address = view.kept_address();
        let opened = views.iter().find(|known| view.saved.as_ref() == Some(&known.slug)).map(|known| Opened {
            is_changed: address_of(known) != address,
            is_own: known.is_of(actor),
            may_change: may_change(actor, known),
            view: known.clone(),
            address: address.clone(),
            here: view.href(),
        });
        let is_opened = |known: &SavedView| opened.as_ref().is_some_and(|opened| opened.view.slug == known.slug);
        let is_current =
            |known: &SavedView| if opened.is_some() { is_opened(known) } else { address_of(known) == address };
        let above = views.iter().filter(|known| known.is_pinned || is_opened(known));
        let tabs =
            above.map(|known| Tab::new(&known.name, paths::saved_view(&known.slug), is_current(known))).collect();
        let save = paths::with_query(paths::VIEW_NEW, &[("page", PAGE), ("address", &address)]);
        Self { tabs, count: views.len(), opened, save }
    }
}

/// What a view shows, written as the page writes it: a view may have been saved in another spelling.
fn address_of(view: &SavedView) -> String {
    let fields = Form::parse(view.address.as_bytes()).map(Form::into_fields).unwrap_or_default();
    ListView::read(fields).kept_address()
}
