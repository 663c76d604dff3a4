//! `millrace config`: the effective settings with source and meaning, secrets masked.

use serde_json::json;

use super::{Answer, Failure, Globals};
use crate::cli::answer::columns;

pub(super) fn run(globals: &Globals) -> Result<Answer, Failure> {
    let effective = globals.effective(Vec::new())?;
    let shown = effective.config.shown();
    let mut rows = vec![vec!["VARIABLE".into(), "VALUE".into(), "SOURCE".into(), "MEANING".into()]];
    rows.extend(shown.iter().map(|shown| {
        let value = shown.value.clone().unwrap_or_else(|| "-".into());
        vec![shown.variable.into(), value, shown.source.clone(), shown.meaning.into()]
    }));
    let notes: Vec<String> = effective.moved.into_iter().chain(effective.config.slips.clone()).collect();
    let answer = Answer::new(columns(&rows), json!({ "settings": shown, "notes": notes }));
    Ok(if notes.is_empty() { answer } else { answer.noting(notes.join("\n")) })
}
