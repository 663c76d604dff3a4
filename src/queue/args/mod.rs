//! What arguments must be at every door, before any template looks at them.
//!
//! A text is looked at byte by byte first, so that a million brackets cost a million comparisons and no stack, and so
//! that numbers are judged as they are written: `serde_json` would round `18446744073709551616` without a word.

mod scan;
mod strict;

use serde_json::Value;

use crate::base::pointer::Place;

/// Most bytes of arguments, without the white space between values.
pub const ARGS_BYTES_MAX: usize = 256 * 1024;
/// Deepest nesting of arguments; the object itself counts as 1.
pub const ARGS_DEPTH_MAX: usize = 64;

/// Why arguments were refused at the door.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the arguments {}", self.predicate())]
pub struct ArgsError {
    /// What is wrong, for a person; continues "the arguments …".
    pub message: String,
    /// Where.
    pub at: ArgsPlace,
}

/// Where in the arguments something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArgsPlace {
    /// At a byte of the text, from 0.
    Byte(usize),
    /// At a JSON pointer; empty for the whole.
    Pointer(String),
}

fn shown(at: &ArgsPlace) -> String {
    match at {
        ArgsPlace::Byte(offset) => format!(" (byte {offset})"),
        ArgsPlace::Pointer(pointer) if pointer.is_empty() => String::new(),
        ArgsPlace::Pointer(pointer) => format!(" ({pointer})"),
    }
}

impl ArgsError {
    /// Says what is wrong and where, without the subject, for sentences about other values.
    pub fn predicate(&self) -> String {
        format!("{}{}", self.message, shown(&self.at))
    }

    fn byte(offset: usize, message: impl Into<String>) -> Self {
        Self { message: message.into(), at: ArgsPlace::Byte(offset) }
    }

    fn place(place: &Place<'_>, message: impl Into<String>) -> Self {
        Self { message: message.into(), at: ArgsPlace::Pointer(place.to_string()) }
    }
}

/// Reads arguments from a text.
///
/// Whole numbers keep every digit from −2⁶³ to 2⁶⁴−1 and are refused beyond: send them as text. Numbers with a fraction or
/// exponent become the nearest double, as in most readers of JSON; those that no double can hold (`1e400`) are refused.
///
/// # Errors
/// The first fault, with its byte.
pub fn check_text(text: &[u8]) -> Result<Value, ArgsError> {
    let value = check_json(text)?;
    if !value.is_object() {
        return Err(ArgsError::place(&Place::ROOT, "must be a JSON object"));
    }
    Ok(value)
}

/// Reads any JSON value, not only an object, within the limits of arguments: outputs and checkpoints.
///
/// # Errors
/// As [`check_text`].
pub fn check_json(text: &[u8]) -> Result<Value, ArgsError> {
    read(text, 0, ARGS_BYTES_MAX)
}

/// Reads a document in which arguments stand `outer` levels deep. Its size is for the caller to bound, and the arguments in
/// it still have to be checked by [`check_value`].
///
/// # Errors
/// The first fault, with its byte: depth, NUL, numbers that nothing can hold, UTF-8, grammar.
pub fn check_document(text: &[u8], outer: usize) -> Result<Value, ArgsError> {
    read(text, outer, usize::MAX)
}

fn read(text: &[u8], outer: usize, bytes_max: usize) -> Result<Value, ArgsError> {
    scan::scan(text, outer, bytes_max)?;
    let text =
        std::str::from_utf8(text).map_err(|error| ArgsError::byte(error.valid_up_to(), "are not valid UTF-8"))?;
    strict::read(text).map_err(|error| not_json(text, &error))
}

/// Checks arguments that were read already, by a form or from a larger document.
///
/// # Errors
/// The first fault, with its place.
pub fn check_value(args: &Value) -> Result<(), ArgsError> {
    if !args.is_object() {
        return Err(ArgsError::place(&Place::ROOT, "must be a JSON object"));
    }
    check_kept(args)
}

/// Checks any value that is to be kept in the database: depth, NUL and size as for arguments.
///
/// # Errors
/// The first fault, with its place.
pub fn check_kept(args: &Value) -> Result<(), ArgsError> {
    check_inner(args, &Place::ROOT, 1)?;
    let bytes = size(args);
    if bytes > ARGS_BYTES_MAX {
        return Err(ArgsError::place(&Place::ROOT, too_large()));
    }
    Ok(())
}

fn check_inner(value: &Value, at: &Place<'_>, depth: usize) -> Result<(), ArgsError> {
    match value {
        Value::Object(_) | Value::Array(_) if depth > ARGS_DEPTH_MAX => Err(ArgsError::place(at, too_deep())),
        Value::Object(map) => map.iter().try_for_each(|(name, value)| {
            let at = at.key(name);
            check_nul(name, &at)?;
            check_inner(value, &at, depth + 1)
        }),
        Value::Array(list) => {
            list.iter().enumerate().try_for_each(|(index, value)| check_inner(value, &at.index(index), depth + 1))
        }
        Value::String(text) => check_nul(text, at),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn check_nul(text: &str, at: &Place<'_>) -> Result<(), ArgsError> {
    if text.contains('\0') { Err(ArgsError::place(at, holds_nul())) } else { Ok(()) }
}

fn too_large() -> String {
    format!("are larger than {} KiB", ARGS_BYTES_MAX / 1024)
}

fn too_deep() -> String {
    format!("are nested more than {ARGS_DEPTH_MAX} deep")
}

fn holds_nul() -> &'static str {
    "hold the character \\u0000, which a database cannot keep"
}

/// Counts the bytes of a value as JSON without keeping them.
fn size(value: &Value) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        Err(_) => usize::MAX, // cannot happen: the writer takes everything and keys are texts
    }
}

fn not_json(text: &str, error: &serde_json::Error) -> ArgsError {
    let line_start: usize = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let message = error.to_string();
    let what = message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what);
    ArgsError::byte(
        line_start + error.column().saturating_sub(1),
        if what.ends_with("stands twice in an object") {
            format!("are ambiguous: {what}")
        } else {
            format!("are not JSON: {what}")
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn refusal(text: &str) -> String {
        check_text(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn good_arguments_keep_every_digit() {
        let text = r#"{"small":-9223372036854775808,"large":18446744073709551615,"third":0.1,"word":"\\u0000"}"#;

        assert_eq!(check_text(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn each_refusal_says_what_and_where() {
        let cases = [
            ("", "the arguments are not JSON: EOF while parsing a value (byte 0)"),
            ("[1]", "the arguments must be a JSON object"),
            ("{\"a\":\n 1,}", "the arguments are not JSON: trailing comma (byte 9)"),
            (r#"{"a":"\u0000"}"#, "the arguments hold the character \\u0000, which a database cannot keep (byte 6)"),
            (r#"{"a\u0000":1}"#, "the arguments hold the character \\u0000, which a database cannot keep (byte 3)"),
            (
                r#"{"a":18446744073709551616}"#,
                "the arguments hold 18446744073709551616, beyond what a whole number can be: send it as text (byte 5)",
            ),
            (
                r#"{"a":-9223372036854775809}"#,
                "the arguments hold -9223372036854775809, beyond what a whole number can be: send it as text (byte 5)",
            ),
            (r#"{"a":1e400}"#, "the arguments hold 1e400, beyond what a number can be: send it as text (byte 5)"),
            (r#"{"a":"\ud800"}"#, "the arguments are not JSON: unexpected end of hex escape (byte 12)"),
        ];

        for (text, sentence) in cases {
            assert_eq!(refusal(text), sentence, "{text}");
        }
        let latin = check_text(b"{\"a\":\"\xfc\"}").unwrap_err();
        assert_eq!(latin.to_string(), "the arguments are not valid UTF-8 (byte 6)");
    }

    #[test]
    fn depth_is_limited_without_using_the_stack() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));

        assert!(check_text(nested(64).as_bytes()).is_ok());
        for depth in [65, 256, 1_000_000] {
            assert!(refusal(&nested(depth)).starts_with("the arguments are nested more than 64 deep"), "{depth}");
        }
        let open = "{\"a\":".repeat(200_000);
        assert!(refusal(&open).starts_with("the arguments are nested more than 64 deep"));
    }

    #[test]
    fn arguments_may_be_as_deep_within_a_document_as_alone() {
        let nested = |depth: usize| format!("[{{\"args\":{}{}}}]", "[".repeat(depth), "]".repeat(depth));

        assert!(check_document(nested(64).as_bytes(), 2).is_ok());
        let refused = check_document(nested(65).as_bytes(), 2).unwrap_err();
        assert_eq!(refused.message, "are nested more than 64 deep");
        assert_eq!(refused.at, ArgsPlace::Byte("[{\"args\":".len() + 64));
    }

    #[test]
    fn size_is_that_of_the_values_not_of_the_white_space() {
        let text = |length: usize, space: usize| format!("{{\"a\":{}\"{}\"}}", " ".repeat(space), "x".repeat(length));

        assert!(check_text(text(ARGS_BYTES_MAX - 8, 1_000_000).as_bytes()).is_ok());
        assert_eq!(refusal(&text(ARGS_BYTES_MAX - 7, 0)), "the arguments are larger than 256 KiB (byte 262145)");
    }

    #[test]
    fn values_meet_the_same_limits() {
        let mut deep = json!(1);
        for _ in 0..64 {
            deep = json!({ "a": deep });
        }
        assert_eq!(check_value(&deep), Ok(()));
        assert!(check_value(&json!({ "a": deep })).unwrap_err().message.contains("64 deep"));
        assert!(check_value(&json!({ "a": ["\0"] })).unwrap_err().to_string().ends_with("(/a/0)"));
        assert!(check_value(&json!({ "a": "x".repeat(ARGS_BYTES_MAX) })).unwrap_err().message.contains("256 KiB"));
        assert!(check_value(&json!("a")).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_accepted_is_accepted_as_a_value(text in r#"(\{|\}|\[|\]|"|,|:|\\|u0000|1|-|\.|e|a| |\n|ü|true|null){0,40}"#) {
            if let Ok(value) = check_text(text.as_bytes()) {
                prop_assert_eq!(check_value(&value), Ok(()));
            }
        }

        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            let accepted = check_text(&bytes).is_ok();

            prop_assert!(!accepted || bytes.trim_ascii_start()[0] == 0x7b, "arguments begin with a brace");
        }

        #[test]
        fn a_written_value_reads_back(name in ".{0,6}", whole in any::<i64>(), float in any::<f32>(), text in "\\PC{0,9}") {
            let value = json!({ name.replace('\0', "0"): [whole, f64::from(float), text, { "b": null }] });

            prop_assert_eq!(check_text(value.to_string().as_bytes()), Ok(value));
        }
    }
}
