//! What forms and programs do to templates: once for each key, however often they ask.

use serde::{Deserialize, Serialize};

use super::lifecycle::{archive_in, publish_in, roll_back_in};
use super::service::TemplateError;
use crate::base::clock::Clock;
use crate::base::db::{PgConnection, Tx};
use crate::queue::actor::Actor;
use crate::queue::idempotency::{Once, RequestKey, once};
use crate::queue::permission::Permission;

/// An act on one template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Makes this version, or the latest, the active one.
    Publish(Option<i32>),
    /// Makes and publishes a new version with the content of this one.
    RollBack(i32),
    /// Takes it out of use, for this reason.
    Archive(String),
}

/// What an act came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acted {
    /// The version that is active now; absent when it was archived.
    pub version: Option<i32>,
    /// It was so already.
    pub unchanged: bool,
}

/// Does `act`, unless a request with this key has done so.
///
/// # Errors
/// As [`super::service::publish`], [`super::service::roll_back`], [`super::service::archive`].
pub fn act(
    conn: &mut PgConnection,
    clock: &dyn Clock,
    actor: &Actor,
    name: &str,
    (act, key): (&Act, Option<&RequestKey>),
) -> Result<Once<Acted>, TemplateError> {
    actor.require(Permission::PublishTemplates)?;
    once(conn, "templates::act", key, |tx| act_in(tx, clock, actor, name, act))
}

fn act_in(tx: &mut Tx<'_>, clock: &dyn Clock, actor: &Actor, name: &str, act: &Act) -> Result<Acted, TemplateError> {
    match act {
        Act::Publish(version) => {
            let published = publish_in(tx, clock, actor, name, *version)?;
            Ok(Acted { version: Some(published.version), unchanged: published.unchanged })
        }
        Act::RollBack(version) => {
            let version = roll_back_in(tx, clock, actor, name, *version)?;
            Ok(Acted { version: Some(version), unchanged: false })
        }
        Act::Archive(reason) => {
            archive_in(tx, clock, actor, name, reason)?;
            Ok(Acted { version: None, unchanged: false })
        }
    }
}
