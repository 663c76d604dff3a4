//! Documents in YAML or JSON: several in one text, read with limits, each fault with its line and column.
//!
//! YAML is read as YAML 1.2 (`on`, `no` and `0755` are texts) without merge keys; aliases may be used within limits. A text
//! that begins with `{` or `[` is JSON: one document, several in a row, or a list of documents.

mod json;
mod place;
mod yaml;

pub use place::Places;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_saphyr::UserMessageFormatter;

/// Longest text, in bytes.
pub const DOCUMENTS_BYTES_MAX: usize = 1024 * 1024;
/// Most documents of one text.
pub const DOCUMENTS_MAX: usize = 1_000;
/// Deepest nesting of a document.
pub const DOCUMENT_DEPTH_MAX: usize = 64;
/// Most values of one text, with what aliases repeat.
pub const DOCUMENT_NODES_MAX: usize = 100_000;
/// Most anchors, and most aliases, of one text.
pub const ALIASES_MAX: usize = 1_000;

/// Why a text was refused. Lines and columns count from 1; 0 when the fault has no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", shown(*line, *column))]
pub struct DocumentError {
    /// The line in the whole text.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
    /// What is wrong there, for a person.
    pub message: String,
}

fn shown(line: usize, column: usize) -> String {
    if line == 0 { String::new() } else { format!("line {line}, column {column}: ") }
}

/// One document of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    text: &'a str,
    /// Lines of the whole text before this one.
    lines_before: usize,
    /// Characters of its first line before it.
    columns_before: usize,
}

/// Reads every document of `text`.
///
/// # Errors
/// The first fault, with its place; unknown fields are one when `T` refuses them, and so are duplicate keys.
pub fn parse_documents<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, DocumentError> {
    documents(text)?.iter().map(Document::read).collect()
}

/// Cuts `text` into its documents without reading them; documents without content are left out.
///
/// # Errors
/// The text is too long, has too many documents, or is JSON with wrong syntax.
pub fn documents(text: &str) -> Result<Vec<Document<'_>>, DocumentError> {
    let whole = |message: String| DocumentError { line: 0, column: 0, message };
    if text.len() > DOCUMENTS_BYTES_MAX {
        return Err(whole(format!("the text is longer than {} KiB", DOCUMENTS_BYTES_MAX / 1024)));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let documents = if is_json(text) { json::documents(text)? } else { yaml::documents(text) };
    if documents.len() > DOCUMENTS_MAX {
        return Err(whole(format!("the text has more than {DOCUMENTS_MAX} documents")));
    }
    Ok(documents)
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

impl Document<'_> {
    /// Reads the document.
    ///
    /// # Errors
    /// The first fault, with its place in the whole text.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, DocumentError> {
        if is_json(self.text) {
            return serde_json::from_str(self.text).map_err(|error| self.json_fault(&error));
        }
        serde_saphyr::from_str_with_options(self.text, yaml::options()).map_err(|error| self.yaml_fault(&error))
    }

    /// Reads the field `kind` only.
    ///
    /// # Errors
    /// The document is no object of fields, or `kind` is missing.
    pub fn kind(&self) -> Result<String, DocumentError> {
        #[derive(Deserialize)]
        struct OfKind {
            kind: String,
        }
        self.read::<OfKind>().map(|document| document.kind)
    }

    /// Takes the first `length` bytes, which are `lines` lines, off.
    fn split_off(&mut self, length: usize, lines: usize) -> Self {
        let first = Self { text: &self.text[..length], ..*self };
        (self.text, self.lines_before) = (&self.text[length..], self.lines_before + lines);
        first
    }

    fn yaml_fault(&self, error: &serde_saphyr::Error) -> DocumentError {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line() as usize, at.column() as usize));
        self.placed(line, column, &error.render_with_formatter(&UserMessageFormatter))
    }

    fn json_fault(&self, error: &serde_json::Error) -> DocumentError {
        self.placed(error.line().max(1), error.column(), &error.to_string())
    }

    /// Moves a fault to its place in the whole text; the place within the sentence is dropped.
    fn placed(&self, line: usize, column: usize, sentence: &str) -> DocumentError {
        DocumentError {
            line: line + self.lines_before,
            column: column + if line == 1 { self.columns_before } else { 0 },
            message: sentence.rsplit_once(" at line ").map_or(sentence, |(what, _)| what).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shelf {
        name: String,
        #[serde(default)]
        books: Vec<Book>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Book {
        title: String,
        #[serde(default)]
        pages: u16,
    }

    fn names(text: &str) -> Vec<String> {
        parse_documents::<Shelf>(text).unwrap().into_iter().map(|shelf| shelf.name).collect()
    }

    fn refusal(text: &str) -> String {
        parse_documents::<Shelf>(text).unwrap_err().to_string()
    }

    #[test]
    fn several_documents_are_read() {
        let cases: [(&str, &[&str]); 9] = [
            ("name: a", &["a"]),
            ("---\nname: a\n---\nname: b\n", &["a", "b"]),
            ("# hello\n---\n---\n# nothing\n---\nname: b\n...\n", &["b"]),
            ("%YAML 1.2\n---\nname: a\n...\n%YAML 1.2\n---\nname: b\n", &["a", "b"]),
            ("name: |\n  x\n  ---\n--- {name: b}\n", &["x\n---\n", "b"]),
            ("{\"name\":\"a\"}", &["a"]),
            (" {\"name\":\"a\"}\n{\"name\":\"b\"}", &["a", "b"]),
            ("[{\"name\":\"a\"}, {\"name\":\"b\"}]\n", &["a", "b"]),
            ("", &[]),
        ];

        for (text, expected) in cases {
            assert_eq!(names(text), expected, "{text}");
        }
        assert_eq!(names("[]"), [""; 0]);
        assert_eq!(names("\u{feff}name: a"), ["a"]);
    }

    #[test]
    fn a_fault_has_its_line_and_column_in_the_whole_text() {
        let cases = [
            ("name: a\nbook: []\n", "line 2, column 1: unknown field `book`, expected one of name, books"),
            (
                "name: a\n---\nname: b\nbooks:\n  - title: x\n    page: 3\n",
                "line 6, column 5: unknown field `page`, expected one of title, pages",
            ),
            ("name: a\nname: b\n", "line 2, column 1: duplicate mapping key `name` is not allowed here"),
            ("name: a\nbooks: [ { title: x, pages: many } ]\n", "line 2, column 29: invalid u16"),
            ("books: []\n", "line 1, column 1: missing field `name`"),
            (
                "{\n \"name\": \"a\",\n \"nam\": 1\n}",
                "line 3, column 6: unknown field `nam`, expected `name` or `books`",
            ),
            (
                "{\"name\":\"a\"} {\"name\":\"b\",\"x\":1}",
                "line 1, column 28: unknown field `x`, expected `name` or `books`",
            ),
            ("[{\"name\":\"a\"},\n{\"name\":\"b\" \"x\":1}]", "line 2, column 13: expected `,` or `}`"),
            ("{\"name\":\"a\",\"name\":\"b\"}", "line 1, column 18: duplicate key `name`"),
            ("[{\"name\":\"a\"} {\"name\":\"b\"}]", "line 1, column 15: expected , or ] after a document"),
            ("[{\"name\":\"a\"}] x", "line 1, column 16: nothing may follow the list of documents"),
        ];

        for (text, sentence) in cases {
            assert_eq!(refusal(text), sentence, "{text}");
        }
    }

    #[test]
    fn plain_words_stay_texts() {
        let text = "a: on\nb: no\nc: 0755\nd: 1_000\ne: true\nf: 12\ng: ~\nh: 1.5\n";

        let read: Vec<Value> = parse_documents(text).unwrap();

        assert_eq!(
            read,
            [json!({ "a": "on", "b": "no", "c": "0755", "d": "1_000", "e": true, "f": 12, "g": null, "h": 1.5 })]
        );
    }

    #[test]
    fn limits_hold() {
        let nested = "[".repeat(5_000) + &"]".repeat(5_000);
        let laughs = (1..9).fold("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
            let inner = format!("*a{}", level - 1);
            text + &format!("a{level}: &a{level} [{}]\n", [inner.as_str(); 9].join(", "))
        });

        for text in
            [format!("a: {nested}"), nested, laughs, "a: &x b\n<<: *x\n".into(), "x".repeat(DOCUMENTS_BYTES_MAX + 1)]
        {
            assert!(parse_documents::<Value>(&text).is_err(), "{}", &text[..20]);
        }
        assert!(documents(&"--- a\n".repeat(DOCUMENTS_MAX + 1)).is_err());
        assert!(parse_documents::<Value>("a: &x [1]\nb: *x\n").is_ok());
    }

    #[test]
    fn the_kind_is_read_alone() {
        let text = "kind: Shelf\nname: a\n---\nname: b\nkind: Box\n";

        let kinds: Vec<_> = documents(text).unwrap().iter().map(|document| document.kind().unwrap()).collect();

        assert_eq!(kinds, ["Shelf", "Box"]);
    }

    proptest! {
        #[test]
        fn json_is_read_as_json(text in "\\PC{0,12}", number in any::<i64>(), float in -1e9..1e9_f64) {
            let value = json!({ "text": text, "escape\n\t": ["\u{1}\u{7f}\u{1f600}/", number, float, null, true, {}, []] });

            for spelled in [value.to_string(), serde_json::to_string_pretty(&value).unwrap(), format!("\t{value}")] {
                prop_assert_eq!(parse_documents::<Value>(&spelled), Ok(vec![value.clone()]));
            }
        }

        #[test]
        fn no_text_panics(text in r#"(\{|\}|\[|\]|"|,|:|-|---|\.\.\.|%|#|&a|\*a| |\n|\t|x|ü|!|\||>|<<){0,30}"#) {
            if let Ok(documents) = documents(&text) {
                for document in documents {
                    let _read: Result<Value, _> = document.read();
                }
            }
        }
    }
}
