//! One typed text as a value.

use chrono::NaiveDateTime;
use serde_json::{Number, Value};

use super::format::Format;
use super::schema::{Choices, Schema, Shape, TextRules, spell};

/// Reads one value; `None` means that nothing was filled in.
pub(super) fn scalar(schema: &Schema, text: &str) -> Result<Option<Value>, String> {
    if let Some(choice) = choice(&schema.choices, text) {
        return Ok(Some(choice));
    }
    match &schema.shape {
        Shape::Text(rules) => Ok(plain_text(rules, text)),
        _ if text.trim().is_empty() => Ok(None),
        Shape::Number(rules) => number(text.trim(), rules.integer).map(Some),
        Shape::Flag => flag(text.trim()).map(Some),
        Shape::List(_) | Shape::Object(_) => {
            serde_json::from_str(text.trim()).map(Some).map_err(|error| format!("is no JSON: {error}"))
        }
    }
}

fn choice(choices: &Choices, text: &str) -> Option<Value> {
    let spelled = |choice: &&Value| spell(choice) == text;
    match choices {
        Choices::Free => None,
        Choices::OneOf(list) => list.iter().find(spelled).cloned(),
        Choices::By { choices, .. } => choices.values().flatten().find(spelled).cloned(),
    }
}

fn plain_text(rules: &TextRules, text: &str) -> Option<Value> {
    let text = text.replace("\r\n", "\n"); // how forms send line ends
    match rules.format {
        _ if text.is_empty() && rules.min_length != Some(0) => None,
        Some(Format::DateTime) => Some(Value::from(with_offset(&text).unwrap_or(text))),
        _ => Some(Value::from(text)),
    }
}

/// A browser's field for date and time gives no offset.
fn with_offset(text: &str) -> Option<String> {
    let formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.f"];
    let moment = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?;
    Some(format!("{}Z", moment.format("%Y-%m-%dT%H:%M:%S%.f")))
}

fn number(text: &str, integer: bool) -> Result<Value, String> {
    if let Ok(number) = text.parse::<i64>() {
        return Ok(Value::from(number));
    }
    if let Ok(number) = text.parse::<u64>() {
        return Ok(Value::from(number));
    }
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite()).and_then(Number::from_f64);
    match number {
        Some(_) if integer && !text.contains(['.', 'e', 'E']) => Err(format!("{text} is out of range")),
        Some(_) if integer => Err(format!("must be a whole number, not {text}")),
        Some(number) => Ok(Value::Number(number)),
        None if integer => Err("must be a whole number".into()),
        None => Err("must be a number such as 12.5".into()),
    }
}

fn flag(text: &str) -> Result<Value, String> {
    match text {
        "true" | "on" | "yes" | "1" => Ok(Value::Bool(true)),
        "false" | "off" | "no" | "0" => Ok(Value::Bool(false)),
        _ => Err("must be true or false".into()),
    }
}
