//! Saving several templates at once, as files do: all or none.

use super::lifecycle::publish_in;
use super::service::{Draft, TemplateError, save_in};
use crate::base::clock::Clock;
use crate::base::db::{PgConnection, Tx, transaction};
use crate::base::text::TemplateName;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::queue::template::TemplateSpec;

/// Whether saved templates are published at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    /// When the actor may publish; else they stay drafts.
    WhenAllowed,
    /// They stay drafts.
    Never,
}

/// What became of one template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its name.
    pub name: TemplateName,
    /// The version that says what the file says.
    pub version: i32,
    /// No version was made, because the latest one said so already.
    pub unchanged: bool,
    /// That version is the active one.
    pub published: bool,
}

/// Saves every template as a new version and publishes it, in one transaction: a fault in one leaves all as they were.
///
/// # Errors
/// As [`super::service::save`] and [`super::service::publish`], of the first template that is refused.
pub fn apply(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    templates: &[(TemplateName, TemplateSpec)],
    (message, publication): (&str, Publication),
) -> Result<Vec<Applied>, TemplateError> {
    actor.require(Permission::DraftTemplates)?;
    let publishes = publication == Publication::WhenAllowed && actor.may(Permission::PublishTemplates);
    transaction(conn, "templates::apply", |tx| {
        let one = |(name, spec): &(TemplateName, TemplateSpec)| {
            let draft = Draft { name, spec, message, base: None };
            apply_in(tx, clock, actor, &draft, publishes)
        };
        templates.iter().map(one).collect()
    })
}

fn apply_in(
    tx: &mut Tx<'_>,
    clock: &dyn Clock,
    actor: &Actor,
    draft: &Draft<'_>,
    publishes: bool,
) -> Result<Applied, TemplateError> {
    let saved = save_in(tx, clock, actor, draft)?;
    if publishes {
        publish_in(tx, clock, actor, draft.name.as_str(), Some(saved.version))?;
    }
    Ok(Applied { name: draft.name.clone(), version: saved.version, unchanged: saved.unchanged, published: publishes })
}
