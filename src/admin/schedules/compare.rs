//! What differs between two versions of a schedule, each as the reader may see it.

use serde_json::{Value, json};

use super::document::document_text;
use super::error::ScheduleError;
use super::{read, show};
use crate::base::changes::{changes, unified};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;

/// Compares two versions as programs read it: `{from, to, changes, unified}`. Unless they are named, that in force with the one before.
///
/// # Errors
/// [`ScheduleError::NoVersion`]; [`ScheduleError`].
pub fn compared(
    conn: &mut PgConnection,
    actor: &Actor,
    name: &str,
    (from, to): (Option<i32>, Option<i32>),
) -> Result<Value, ScheduleError> {
    let row = show::one(conn, actor, name)?;
    let to = to.unwrap_or(row.version);
    let from = from.unwrap_or((to - 1).max(1));
    let mut read = |number: i32| {
        let missing = || ScheduleError::NoVersion(row.name.clone(), number);
        let version = read::versions(conn, row.id, Some(number))?.pop().ok_or_else(missing)?;
        show::visible(conn, actor, &version.spec)
    };
    let (before, after) = (read(from)?, read(to)?);
    let names = (format!("{name}@{from}"), format!("{name}@{to}"));
    let text = unified(&written(&before), &written(&after), (&names.0, &names.1));
    Ok(json!({ "from": from, "to": to, "changes": changes(&before, &after), "unified": text }))
}

/// What this program does not understand is compared as JSON.
fn written(spec: &Value) -> String {
    document_text(spec).unwrap_or_else(|| format!("{spec:#}\n"))
}
