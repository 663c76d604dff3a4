//! Templates and versions as JSON, for the API and the command line.

use serde_json::{Value, json};

use super::text::document_of;
use super::{TemplateRow, VersionRow};

/// Gives a template without what its versions say.
pub fn template(row: &TemplateRow) -> Value {
    json!({
        "name": row.name,
        "state": row.state().as_str(),
        "runner": row.runner,
        "description": row.description,
        "queue": row.queue,
        "active_version": row.active_version,
        "latest_version": row.latest_version,
        "updated_at": row.updated_at,
        "updated_by": row.author,
        "jobs": { "unfinished": row.unfinished, "succeeded": row.succeeded, "failed": row.failed },
    })
}

/// Gives a version without what it says.
pub fn version(row: &TemplateRow, version: &VersionRow) -> Value {
    json!({
        "version": version.version,
        "active": row.active_version == Some(version.version),
        "author": version.author,
        "message": version.message,
        "created_at": version.created_at,
        "published_at": version.published_at,
        "published_by": version.published_by,
    })
}

/// Gives a template with one of its versions whole.
pub fn whole(row: &TemplateRow, of: &VersionRow) -> Value {
    let mut shown = template(row);
    shown["version"] = version(row, of);
    shown["document"] = document_of(&row.name, of);
    shown
}

/// Gives the entity tag of a template: its latest version.
pub fn tag(latest: i32) -> String {
    format!("\"{latest}\"")
}
