//! Views as they stand, as far as somebody may see them.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};

use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::{Actor, PersonId};
use crate::queue::permission::{Permission, Role};

/// Most views that are listed.
pub(super) const VIEWS_MAX: i64 = 500;
/// Nobody has this id: whoever is no person owns and pins nothing.
const NOBODY: PersonId = PersonId(-1);

/// Who sees a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Its owner.
    Private,
    /// Whoever has the role that its owner has.
    Team,
    /// Whoever may sign in.
    Everyone,
}

impl Visibility {
    /// Every visibility, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Private, Self::Team, Self::Everyone];

    /// Gives its name in rows and forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Team => "team",
            Self::Everyone => "everyone",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == text)
    }

    /// Says who that is, of a view whose owner has this role. There are no teams yet: a role stands for one.
    pub fn words(self, role: Role) -> String {
        match self {
            Self::Private => "Only its owner".into(),
            Self::Team => format!("People with the role {}", role.as_str()),
            Self::Everyone => "Everyone".into(),
        }
    }
}

/// A view that somebody may see.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct SavedView {
    #[diesel(sql_type = BigInt)]
    pub(super) id: i64,
    /// Its place in the address `/v/SLUG`.
    #[diesel(sql_type = Text)]
    pub slug: String,
    /// The page it is a view of.
    #[diesel(sql_type = Text)]
    pub page: String,
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// The parameters of the page.
    #[diesel(sql_type = Text)]
    pub address: String,
    #[diesel(sql_type = Text)]
    pub(super) visibility: String,
    /// Raised by each change.
    #[diesel(sql_type = Integer)]
    pub version: i32,
    /// When it was changed last.
    #[diesel(sql_type = Timestamptz)]
    pub updated_at: Time,
    /// Who saved it.
    #[diesel(sql_type = BigInt)]
    pub owner_id: PersonId,
    /// Their name.
    #[diesel(sql_type = Text)]
    pub owner: String,
    #[diesel(sql_type = Text)]
    pub(super) role: String,
    /// The one who looks has pinned it.
    #[diesel(sql_type = Bool)]
    pub is_pinned: bool,
}

impl SavedView {
    /// Tells who sees it.
    pub fn visibility(&self) -> Visibility {
        Visibility::parse(&self.visibility).unwrap_or(Visibility::Private) // the table takes only names of the enum
    }

    /// Gives the present role of its owner.
    pub fn role(&self) -> Role {
        Role::parse(&self.role).unwrap_or(Role::Viewer) // the table takes only names of the enum
    }

    /// Tells whether others see it.
    pub fn is_shared(&self) -> bool {
        self.visibility() != Visibility::Private
    }

    /// Tells whether it is `actor`'s own.
    pub fn is_of(&self, actor: &Actor) -> bool {
        actor.person == Some(self.owner_id)
    }
}

/// Which views.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Which<'w> {
    pub page: Option<&'w str>,
    pub slug: Option<&'w str>,
}

/// Reads the views that `actor` may see, pinned ones first. What an owner shared who may share no more is theirs alone.
pub(super) fn seen(conn: &mut PgConnection, actor: &Actor, which: Which<'_>) -> Result<Vec<SavedView>, DbError> {
    const SQL: &str = "-- admin::views::seen
SELECT v.id, v.slug, v.page, v.name, v.address, v.visibility, v.version, v.updated_at, v.owner_id, p.name AS owner, p.role,
    pin.view_id IS NOT NULL AS is_pinned
FROM millrace.saved_views v JOIN millrace.people p ON p.id = v.owner_id
LEFT JOIN millrace.view_pins pin ON pin.person_id = $1 AND pin.view_id = v.id
WHERE (v.owner_id = $1 OR (v.visibility = 'everyone' OR v.visibility = 'team' AND p.role = $2) AND p.role = ANY ($3))
    AND ($4::text IS NULL OR v.page = $4) AND ($5::text IS NULL OR v.slug = $5)
ORDER BY pin.pinned_at NULLS LAST, lower(v.name), v.id LIMIT $6";
    let sharing: Vec<&str> =
        Role::ALL.into_iter().filter(|role| Permission::ShareViews.held_by(*role)).map(Role::as_str).collect();
    statement(SQL)
        .bind::<BigInt, _>(actor.person.unwrap_or(NOBODY))
        .bind::<Text, _>(actor.role.as_str())
        .bind::<Array<Text>, _>(sharing)
        .bind::<Nullable<Text>, _>(which.page)
        .bind::<Nullable<Text>, _>(which.slug)
        .bind::<BigInt, _>(VIEWS_MAX)
        .rows(conn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_team_is_called_what_it_is() {
        assert_eq!(Visibility::Team.words(Role::Operator), "People with the role operator");
        for one in Visibility::ALL {
            assert_eq!(Visibility::parse(one.as_str()), Some(one));
        }
    }
}
