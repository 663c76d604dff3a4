//! Schedules and calendars as YAML that `apply` takes.

use serde_json::Value;

use crate::timing::schedule::Schedule;

/// Writes a schedule's document as YAML, its fields in the order in which people write them; `None` when it is none.
pub fn document_text(document: &Value) -> Option<String> {
    let schedule: Schedule = serde_json::from_value(document.clone()).ok()?;
    serde_saphyr::to_string(&schedule).ok()
}
