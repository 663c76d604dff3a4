//! JSON bodies: read with limits, each fault told at its place.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use crate::base::pointer;
use crate::queue::args::{self, ArgsError, ArgsPlace};
use crate::web::error::WebError;
use crate::web::form::Problem;

/// Reads a JSON text in which arguments may stand `outer` levels deep; pointers in refusals begin with `at`.
///
/// # Errors
/// [`WebError::Malformed`] when it is no JSON; [`WebError::Invalid`] with a pointer when it holds what nothing can keep.
pub fn document(text: &[u8], outer: usize, at: &str) -> Result<Value, WebError> {
    args::check_document(text, outer).map_err(|error| refusal(text, &error, at))
}

/// Reads a body that is one object; an empty body is an empty object.
///
/// # Errors
/// As [`document`].
pub fn object(text: &[u8]) -> Result<Value, WebError> {
    if text.iter().all(u8::is_ascii_whitespace) { Ok(Value::Object(Map::new())) } else { document(text, 1, "") }
}

/// Reads a body as the document of `kind` whose name stands in the address; kind and name may be left out.
///
/// # Errors
/// As [`object`]; [`WebError::Invalid`] when it has another name, or is no such document.
pub fn named<T: DeserializeOwned>(text: &[u8], kind: &str, name: &str) -> Result<T, WebError> {
    let refuse = |field: &str, message: String| WebError::Invalid(vec![Problem { field: field.into(), message }]);
    let mut document = object(text)?;
    if let Value::Object(fields) = &mut document {
        fields.entry("kind").or_insert_with(|| kind.into());
        if fields.entry("name").or_insert_with(|| name.into()) != name {
            return Err(refuse("/name", format!("must be {name}, the name in the address")));
        }
    }
    serde_path_to_error::deserialize(document).map_err(|error| {
        let steps = error.path().iter().filter_map(|step| match step {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
        let place: String = steps.map(|step| format!("/{step}")).collect();
        refuse(&place, error.inner().to_string())
    })
}

fn refusal(text: &[u8], error: &ArgsError, at: &str) -> WebError {
    let offset = match &error.at {
        ArgsPlace::Byte(offset) => *offset,
        ArgsPlace::Pointer(_) => 0,
    };
    let what = &error.message;
    if what.starts_with("are not") {
        let line = 1 + text[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count();
        let place = if at.is_empty() { String::new() } else { format!("{at}: ") };
        return WebError::Malformed(format!("{place}The contents {what} (line {line}, byte {offset})."));
    }
    let field = format!("{at}{}", pointer::of_byte(text, offset));
    WebError::Invalid(vec![Problem { field, message: format!("The contents {what}") }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        match document(text.as_bytes(), 1, "").unwrap_err() {
            WebError::Malformed(sentence) => sentence,
            WebError::Invalid(problems) => format!("{}: {}", problems[0].field, problems[0].message),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn each_fault_is_told_where_it_stands() {
        let deep = format!("{{\"args\":{{\"a\":{}", "[".repeat(300));

        assert_eq!(told("{\"a\":\n1,}"), "The contents are not JSON: trailing comma (line 2, byte 8).");
        assert_eq!(
            told(r#"{"args":{"n":[7,"\u0000"]}}"#),
            "/args/n/1: The contents hold the character \\u0000, which a database cannot keep"
        );
        assert!(told(r#"{"args":{"n":1e400}}"#).starts_with("/args/n: The contents hold 1e400"));
        assert!(told(&deep).starts_with("/args/a/0/0/") && told(&deep).ends_with("are nested more than 64 deep"));
    }

    #[test]
    fn no_body_is_an_empty_object() {
        assert_eq!(object(b" \n").unwrap(), serde_json::json!({}));
    }
}
