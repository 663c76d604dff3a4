//! What people do with views. Each act: permission, one transaction, and the audit record inside it when others see the view.

use diesel::sql_types::{BigInt, Bool, Integer, Text};
use serde_json::{Value, json};

use super::address::{ADDRESS_BYTES_MAX, another, clean, is_slug, masked, matching};
use super::read::{SavedView, Visibility, Which, seen};
use crate::admin::jobs::service::sees_payload;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};
use crate::base::text::{TextError, note};
use crate::queue::actor::{Actor, Forbidden, PersonId};
use crate::queue::audit::{self, Change};
use crate::queue::permission::Permission;

/// Longest name of a view, in characters.
pub const NAME_CHARS_MAX: usize = 80;
/// Most views of one person.
pub const OWN_MAX: i64 = 200;
/// Most views that one person pins to a page.
pub const PINS_MAX: i64 = 12;
/// How often another slug is tried when one is taken.
const SLUGS_MAX: usize = 5;

/// Why an act on a view was refused.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// There is no such view, or it is not shown to whoever asks.
    #[error("there is no view {0:?} that you may see")]
    NotFound(String),
    /// It is somebody else's.
    #[error("the view {name} is {owner}'s: save it under a name of your own")]
    NotYours {
        /// Its name.
        name: String,
        /// Its owner's name.
        owner: String,
    },
    /// Only people have views.
    #[error("views belong to people who sign in")]
    NoAccount,
    /// The name is missing, too long or holds control characters.
    #[error("a view's name has 1 to {NAME_CHARS_MAX} characters, none of them a control character")]
    BadName,
    /// The address cannot be kept.
    #[error("the address of a view has at most {ADDRESS_BYTES_MAX} bytes")]
    BadAddress,
    /// There are as many as there may be.
    #[error("you have {OWN_MAX} views, and no more are allowed: delete some first")]
    TooMany,
    /// As many as may be are pinned.
    #[error("{PINS_MAX} views are pinned, and no more are allowed: unpin one first")]
    TooManyPins,
    /// Somebody changed it since it was looked at.
    #[error("the view {} was changed meanwhile", .0.name)]
    Stale(Box<SavedView>),
    /// The actor may not share.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<TextError> for ViewError {
    fn from(_: TextError) -> Self {
        Self::BadName
    }
}

/// Lists the views of a page that `actor` may see, as [`find`] gives them, those that they pinned first; at most 500.
///
/// # Errors
/// [`ViewError::Forbidden`], database failures.
pub fn list(conn: &mut PgConnection, actor: &Actor, page: &str) -> Result<Vec<SavedView>, ViewError> {
    actor.require(Permission::ReadViews)?;
    let views = seen(conn, actor, Which { page: Some(page), slug: None })?;
    Ok(views.into_iter().map(|view| told_to(actor, view)).collect())
}

/// Tells whether `actor` may see all that a view asks for: it is their own, they may see what jobs work on, or it asks nothing of that.
pub fn sees_address(actor: &Actor, view: &SavedView) -> bool {
    view.is_of(actor) || sees_payload(actor) || masked(&view.address).is_none()
}

/// The view as `actor` may see it.
fn told_to(actor: &Actor, view: SavedView) -> SavedView {
    let hidden = if sees_address(actor, &view) { None } else { masked(&view.address) };
    SavedView { address: hidden.unwrap_or_else(|| view.address.clone()), ..view }
}

/// Finds a view that `actor` may see. What it asks about things that they may not see is left out of its address.
///
/// # Errors
/// [`ViewError::NotFound`], [`ViewError::Forbidden`].
pub fn find(conn: &mut PgConnection, actor: &Actor, slug: &str) -> Result<SavedView, ViewError> {
    Ok(told_to(actor, whole(conn, actor, slug)?))
}

fn whole(conn: &mut PgConnection, actor: &Actor, slug: &str) -> Result<SavedView, ViewError> {
    actor.require(Permission::ReadViews)?;
    let slug = known(slug)?;
    seen(conn, actor, Which { page: None, slug: Some(slug) })?.pop().ok_or_else(|| missing(slug))
}

fn missing(slug: &str) -> ViewError {
    ViewError::NotFound(slug.chars().take(NAME_CHARS_MAX).collect())
}

/// Lets through what can be the name of a view in an address.
fn known(slug: &str) -> Result<&str, ViewError> {
    if is_slug(slug) { Ok(slug) } else { Err(missing(slug)) }
}

/// Tells whether `actor` may change or delete a view: their own, and admins what is shared.
pub fn may_change(actor: &Actor, view: &SavedView) -> bool {
    view.is_of(actor) || view.is_shared() && actor.may(Permission::ManagePeople)
}

/// What somebody wants a view to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Its name.
    pub name: String,
    /// The parameters of the page.
    pub address: String,
    /// Who sees it.
    pub visibility: Visibility,
}

impl Wish {
    fn checked(&self, actor: &Actor) -> Result<Self, ViewError> {
        let name = note(&self.name)?.unwrap_or_default();
        let length = name.chars().count();
        if length == 0 || length > NAME_CHARS_MAX || name.contains(char::is_control) {
            return Err(ViewError::BadName);
        }
        if self.visibility != Visibility::Private {
            actor.require(Permission::ShareViews)?;
        }
        Ok(Self { name, address: clean(&self.address).ok_or(ViewError::BadAddress)?, visibility: self.visibility })
    }

    fn facts(&self) -> Value {
        json!({ "name": self.name, "address": self.address, "visibility": self.visibility.as_str() })
    }
}

fn facts(view: &SavedView) -> Value {
    json!({ "name": view.name, "address": view.address, "visibility": view.visibility })
}

fn own(actor: &Actor) -> Result<PersonId, ViewError> {
    actor.require(Permission::KeepViews)?;
    actor.person.ok_or(ViewError::NoAccount)
}

/// Saves a view of `page` within the caller's transaction and gives its slug.
///
/// # Errors
/// [`ViewError`]; the transaction must not be committed then.
pub fn make_in(tx: &mut Tx<'_>, actor: &Actor, page: &str, wish: &Wish) -> Result<String, ViewError> {
    let owner = own(actor)?;
    let wish = wish.checked(actor)?;
    let first = matching(&wish.name);
    let mut slug = first.clone();
    for _ in 0..SLUGS_MAX {
        match insert(tx, owner, (&slug, page), &wish)? {
            Inserted::Yes => {
                if wish.visibility != Visibility::Private {
                    let change = Change::new("view.make", "view", &slug);
                    audit::record(tx, actor, change.from_to(None, Some(wish.facts())))?;
                }
                return Ok(slug);
            }
            Inserted::Full => return Err(ViewError::TooMany),
            Inserted::Taken => slug = another(&first),
        }
    }
    Err(DbError::Conflict("no address is free for this view".into()).into())
}

enum Inserted {
    Yes,
    Taken,
    Full,
}

#[derive(diesel::QueryableByName)]
struct Room {
    #[diesel(sql_type = Bool)]
    is_full: bool,
}

fn insert(tx: &mut Tx<'_>, owner: PersonId, (slug, page): (&str, &str), wish: &Wish) -> Result<Inserted, DbError> {
    const ROOM: &str = "-- admin::views::room
SELECT count(*) >= $1 AS is_full FROM millrace.saved_views WHERE owner_id = $2";
    const SQL: &str = "-- admin::views::insert
INSERT INTO millrace.saved_views (slug, page, owner_id, name, address, visibility) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (slug) DO NOTHING";
    let room: Option<Room> = statement(ROOM).bind::<BigInt, _>(OWN_MAX).bind::<BigInt, _>(owner).row(tx)?;
    if room.is_some_and(|room| room.is_full) {
        return Ok(Inserted::Full);
    }
    let rows = statement(SQL)
        .bind::<Text, _>(slug)
        .bind::<Text, _>(page)
        .bind::<BigInt, _>(owner)
        .bind::<Text, _>(&wish.name)
        .bind::<Text, _>(&wish.address)
        .bind::<Text, _>(wish.visibility.as_str())
        .run(tx)?;
    Ok(if rows == 1 { Inserted::Yes } else { Inserted::Taken })
}

/// Changes a view unless somebody else has since it had the version `looked_at`. Gives it as it is now.
///
/// # Errors
/// [`ViewError::Stale`] with the view as it is, [`ViewError`].
pub fn change(
    conn: &mut PgConnection,
    actor: &Actor,
    slug: &str,
    (wish, looked_at): (&Wish, i32),
) -> Result<SavedView, ViewError> {
    const SQL: &str = "-- admin::views::change
UPDATE millrace.saved_views SET name = $1, address = $2, visibility = $3, updated_at = clock_timestamp(), version = version + 1
WHERE id = $4 AND version = $5";
    transaction(conn, "views::change", |tx| {
        let before = changeable(tx, actor, slug)?;
        let wish = wish.checked(actor)?;
        if facts(&before) == wish.facts() {
            return Ok(before); // also when this very form was sent before
        }
        if before.version != looked_at {
            return Err(ViewError::Stale(Box::new(before)));
        }
        let rows = statement(SQL)
            .bind::<Text, _>(&wish.name)
            .bind::<Text, _>(&wish.address)
            .bind::<Text, _>(wish.visibility.as_str())
            .bind::<BigInt, _>(before.id)
            .bind::<Integer, _>(looked_at)
            .run(tx)?;
        debug_assert_eq!(rows, 1, "its row is locked");
        if before.is_shared() || wish.visibility != Visibility::Private {
            let change = Change::new("view.change", "view", slug);
            audit::record(tx, actor, change.from_to(Some(facts(&before)), Some(wish.facts())))?;
        }
        let visibility = wish.visibility.as_str().to_owned();
        Ok(SavedView { name: wish.name, address: wish.address, visibility, version: looked_at + 1, ..before })
    })
}

/// Deletes a view, and with it the pins of everybody.
///
/// # Errors
/// [`ViewError`].
pub fn remove(conn: &mut PgConnection, actor: &Actor, slug: &str) -> Result<SavedView, ViewError> {
    const SQL: &str = "-- admin::views::remove
DELETE FROM millrace.saved_views WHERE id = $1";
    transaction(conn, "views::remove", |tx| {
        let before = changeable(tx, actor, slug)?;
        let rows = statement(SQL).bind::<BigInt, _>(before.id).run(tx)?;
        debug_assert_eq!(rows, 1, "its row is locked");
        if before.is_shared() {
            let change = Change::new("view.remove", "view", slug);
            audit::record(tx, actor, change.from_to(Some(facts(&before)), None))?;
        }
        Ok(before)
    })
}

/// Finds and locks a view that `actor` may change.
fn changeable(tx: &mut Tx<'_>, actor: &Actor, slug: &str) -> Result<SavedView, ViewError> {
    const LOCK: &str = "-- admin::views::lock
SELECT FROM millrace.saved_views WHERE slug = $1 FOR UPDATE";
    own(actor)?;
    statement(LOCK).bind::<Text, _>(known(slug)?).run(tx)?;
    let view = whole(tx, actor, slug)?;
    if may_change(actor, &view) { Ok(view) } else { Err(ViewError::NotYours { name: view.name, owner: view.owner }) }
}

/// Puts a view above the list of whoever asks. One that stands there already stays.
///
/// # Errors
/// [`ViewError::TooManyPins`], [`ViewError`].
pub fn pin(conn: &mut PgConnection, actor: &Actor, slug: &str) -> Result<SavedView, ViewError> {
    transaction(conn, "views::pin", |tx| pin_in(tx, actor, slug))
}

/// Does as [`pin`] within the caller's transaction.
///
/// # Errors
/// [`ViewError`]; the transaction must not be committed then.
pub fn pin_in(tx: &mut Tx<'_>, actor: &Actor, slug: &str) -> Result<SavedView, ViewError> {
    const ROOM: &str = "-- admin::views::pins
SELECT count(*) >= $1 AS is_full FROM millrace.view_pins pin JOIN millrace.saved_views v ON v.id = pin.view_id
WHERE pin.person_id = $2 AND v.page = $3 AND v.id <> $4";
    const SQL: &str = "-- admin::views::pin
INSERT INTO millrace.view_pins (person_id, view_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    let person = own(actor)?;
    let view = find(tx, actor, slug)?;
    let room: Option<Room> = statement(ROOM)
        .bind::<BigInt, _>(PINS_MAX)
        .bind::<BigInt, _>(person)
        .bind::<Text, _>(&view.page)
        .bind::<BigInt, _>(view.id)
        .row(tx)?;
    if room.is_some_and(|room| room.is_full) {
        return Err(ViewError::TooManyPins);
    }
    statement(SQL).bind::<BigInt, _>(person).bind::<BigInt, _>(view.id).run(tx)?;
    Ok(SavedView { is_pinned: true, ..view })
}

/// Takes a view away from above the list of whoever asks.
///
/// # Errors
/// [`ViewError`].
pub fn unpin(conn: &mut PgConnection, actor: &Actor, slug: &str) -> Result<SavedView, ViewError> {
    const SQL: &str = "-- admin::views::unpin
DELETE FROM millrace.view_pins WHERE person_id = $1 AND view_id = $2";
    transaction(conn, "views::unpin", |tx| {
        let person = own(actor)?;
        let view = find(tx, actor, slug)?;
        statement(SQL).bind::<BigInt, _>(person).bind::<BigInt, _>(view.id).run(tx)?; // 0 rows: it was not pinned
        Ok(SavedView { is_pinned: false, ..view })
    })
}
