//! `/views/new` and `/views/{slug}/change`: a view's name, who sees it, and what it shows. One that was changed meanwhile is not
//! overwritten.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use super::{field, home, told};
use crate::admin::views::service::{self, ViewError, Wish, make_in, may_change, pin_in};
use crate::admin::views::{SavedView, Visibility, clean};
use crate::queue::actor::Actor;
use crate::queue::idempotency::once;
use crate::queue::permission::{Permission, Role};
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::{Form, sentence};
use crate::web::kit::Kit;
use crate::web::once::{form_key, used_elsewhere};
use crate::web::parts::{Choice, Notice};
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::shell::Shell;
use crate::web::{paths, respond};

/// The form; its block is what a dialog shows.
#[derive(Template)]
#[template(path = "views/form.html", blocks = ["dialog"])]
struct FormPage {
    shell: Shell,
    /// Its slug; empty for a new one.
    slug: String,
    /// The page it is a view of.
    page: String,
    /// What it shows.
    address: String,
    /// Its version; 0 for a new one.
    seen: i32,
    back: String,
    form: Form,
    choices: Vec<Choice>,
    may_share: bool,
    /// What somebody else made of it while the form was filled in.
    theirs: Option<SavedView>,
}

impl FormPage {
    fn fresh(shell: Shell, actor: &Actor, form: Form) -> Result<Self, WebError> {
        let page = form.text("page").to_owned();
        let home = home(&page).ok_or(WebError::NotFound)?;
        let address = clean(form.text("address")).ok_or_else(|| told(ViewError::BadAddress))?;
        let back = if address.is_empty() { home.to_owned() } else { format!("{home}?{address}") };
        let form = match form.text("visibility") {
            "" => form.with("visibility", Visibility::Private.as_str()).with("pinned", "on"),
            _ => form,
        };
        Ok(Self {
            shell: shell.titled("Save view", Section::Jobs).under("Jobs", home),
            slug: String::new(),
            page,
            address,
            seen: 0,
            back,
            form,
            choices: choices(actor.role),
            may_share: actor.may(Permission::ShareViews),
            theirs: None,
        })
    }

    /// The form for `view` with what was typed so far.
    fn of(shell: Shell, actor: &Actor, view: &SavedView, form: Form) -> Self {
        let given = form.all("address").next().and_then(clean);
        let back = match form.text("back") {
            "" => paths::saved_view(&view.slug),
            back => paths::own(back).to_owned(),
        };
        let form = match form.text("visibility") {
            "" => form.with("name", view.name.as_str()).with("visibility", view.visibility().as_str()),
            _ => form,
        };
        Self {
            shell: shell.titled(format!("Change {}", view.name), Section::Jobs).under("Saved views", paths::VIEWS),
            slug: view.slug.clone(),
            page: view.page.clone(),
            address: given.unwrap_or_else(|| view.address.clone()),
            seen: view.version,
            back,
            form,
            choices: choices(view.role()),
            may_share: actor.may(Permission::ShareViews),
            theirs: None,
        }
    }

    fn is_new(&self) -> bool {
        self.slug.is_empty()
    }

    fn action(&self) -> String {
        if self.is_new() { paths::VIEW_NEW.into() } else { paths::view_change(&self.slug) }
    }

    /// Says what somebody else made of it.
    fn theirs(&self) -> String {
        let Some(view) = &self.theirs else { return String::new() };
        format!("It is called {} now. {} it.", view.name, sees(view))
    }
}

fn sees(view: &SavedView) -> String {
    match view.visibility() {
        Visibility::Everyone => "Everyone sees".into(),
        one => format!("{} see{}", one.words(view.role()), if one == Visibility::Private { "s" } else { "" }),
    }
}

/// Who can see the view of somebody with this role.
fn choices(role: Role) -> Vec<Choice> {
    let help = |one: Visibility| match one {
        Visibility::Private => "It stands in nobody else's list",
        Visibility::Team => "There are no teams yet: a role stands for one",
        Visibility::Everyone => "Whoever opens it sees only what they may see anyway",
    };
    let words = |one: Visibility| if one == Visibility::Private { "Only you".into() } else { one.words(role) };
    Visibility::ALL.map(|one| Choice::new(one.as_str(), words(one)).helped(help(one))).into()
}

/// Reads the wish; what is wrong with it is noted in the form.
fn wish(form: &mut Form, address: &str) -> Wish {
    let name = form.required("name", "a name").unwrap_or_default();
    let visibility = Visibility::parse(form.text("visibility"));
    if visibility.is_none() {
        form.refuse("visibility", "Choose who sees it");
    }
    Wish { name, address: address.to_owned(), visibility: visibility.unwrap_or(Visibility::Private) }
}

/// `GET /views/new?page=jobs&address=…`.
pub async fn ask_new(hx: Hx, actor: Actor, shell: Shell, query: Query) -> Result<HttpResponse, WebError> {
    let page = FormPage::fresh(shell, &actor, query.0)?;
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// `POST /views/new`: saves a view, once for each form.
pub async fn make(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    mut form: Form,
) -> Result<HttpResponse, WebError> {
    let of = form.text("page").to_owned();
    home(&of).ok_or(WebError::NotFound)?;
    let address = form.text("address").to_owned();
    let wish = wish(&mut form, &address);
    let refused = |shell: Shell, form: Form, actor: &Actor| {
        let page = FormPage::fresh(shell, actor, form)?;
        respond::refused(&hx, &page, &[("ask", &page.as_dialog())])
    };
    if form.is_refused() {
        return refused(shell, form, &actor);
    }
    let is_pinned = form.is_on("pinned");
    let key = form_key(&actor, &form, &format!("{wish:?} {of} {is_pinned}"))?;
    let (doer, name) = (actor.clone(), wish.name.clone());
    let made = kit.db.run(move |conn| {
        once(conn, "views::make", key.as_ref(), |tx| {
            let slug = make_in(tx, &doer, &of, &wish)?;
            if is_pinned {
                pin_in(tx, &doer, &slug)?;
            }
            Ok::<_, ViewError>(slug)
        })
    });
    match made.await {
        Ok(once) => {
            let slug = once.outcome().ok_or_else(used_elsewhere)?;
            let notice = Notice::done(format!("The view {name} is saved.")).linking("All views", paths::VIEWS);
            respond::onward(&hx, &session, &paths::saved_view(&slug), &notice)
        }
        Err(error) if !field(&error).is_empty() => {
            form.refuse(field(&error), sentence(&error.to_string()));
            refused(shell, form, &actor)
        }
        Err(error) => Err(told(error)),
    }
}

/// `GET /views/{slug}/change`.
pub async fn ask(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (slug, query): (Path<String>, Query),
) -> Result<HttpResponse, WebError> {
    let asker = actor.clone();
    let view = kit.db.run(move |conn| service::find(conn, &asker, &slug)).await.map_err(told)?;
    if !may_change(&actor, &view) {
        return Err(told(ViewError::NotYours { name: view.name, owner: view.owner }));
    }
    let page = FormPage::of(shell, &actor, &view, query.0);
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

/// A version that no view has: a form that does not say what it showed overwrites nothing.
const NEVER_SEEN: i32 = -1;

/// `POST /views/{slug}/change`.
pub async fn change(
    (hx, session): (Hx, Session),
    kit: Data<Kit>,
    (actor, shell): (Actor, Shell),
    mut form: Form,
    slug: Path<String>,
) -> Result<HttpResponse, WebError> {
    let (slug, asker) = (slug.into_inner(), actor.clone());
    let of = slug.clone();
    let view = kit.db.run(move |conn| service::find(conn, &asker, &of)).await.map_err(told)?;
    let address = form.all("address").next().unwrap_or(&view.address).to_owned(); // empty = the whole list
    let wish = wish(&mut form, &address);
    let looked_at = form.text("seen").parse().unwrap_or(NEVER_SEEN);
    let doer = actor.clone();
    let changed = match form.is_refused() {
        true => Err(ViewError::BadName),
        false => kit.db.run(move |conn| service::change(conn, &doer, &slug, (&wish, looked_at))).await,
    };
    match changed {
        Ok(view) => {
            let back = match form.text("back") {
                "" => paths::saved_view(&view.slug),
                back => paths::own(back).to_owned(),
            };
            respond::onward(&hx, &session, &back, &Notice::done(format!("The view {} is saved.", view.name)))
        }
        Err(ViewError::Stale(present)) => {
            let page = FormPage { theirs: Some(*present.clone()), ..FormPage::of(shell, &actor, &present, form) };
            respond::conflicting(&hx, &page, &[("ask", &page.as_dialog())])
        }
        Err(error) if !field(&error).is_empty() => {
            if !form.is_refused() {
                form.refuse(field(&error), sentence(&error.to_string()));
            }
            let page = FormPage::of(shell, &actor, &view, form);
            respond::refused(&hx, &page, &[("ask", &page.as_dialog())])
        }
        Err(error) => Err(told(error)),
    }
}
