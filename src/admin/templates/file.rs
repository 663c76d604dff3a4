//! Templates as files: every fault of every document, each with its line and column.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::base::document::{Document, DocumentError, documents};
use crate::base::text::TemplateName;
use crate::queue::template::{ReadTemplate, TemplateSpec, read_template};

/// Most faults that are told of one text.
pub const FAULTS_MAX: usize = 100;

/// Something wrong in a text. Lines and columns count from 1; 0 when it is the text as a whole.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Placed {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
    /// The place within its document, as a JSON pointer; empty for what is no value (wrong syntax).
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Placed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "Line {}, column {}: ", self.line, self.column)?;
        }
        if !self.pointer.is_empty() {
            write!(f, "{} ", self.pointer)?;
        }
        f.write_str(&self.message)
    }
}

impl From<DocumentError> for Placed {
    fn from(error: DocumentError) -> Self {
        Self { line: error.line, column: error.column, pointer: String::new(), message: error.message }
    }
}

/// Reads every template of a text.
///
/// # Errors
/// Every fault that was found, at most 100; a text without documents has one.
pub fn read_all(text: &str) -> Result<Vec<(TemplateName, TemplateSpec)>, Vec<Placed>> {
    let documents = documents(text).map_err(|error| vec![error.into()])?;
    let (mut templates, mut faults) = (Vec::new(), Vec::new());
    let mut seen = BTreeMap::new();
    for document in &documents {
        match read_document(document) {
            Ok((ReadTemplate { name: Some(name), spec: Some(spec), .. }, found)) if found.is_empty() => {
                let places = document.places().of("/name");
                if let Some((line, _)) = seen.insert(name.clone(), places) {
                    let message = format!("{name} stands in line {line} already");
                    faults.push(Placed { line: places.0, column: places.1, pointer: "/name".into(), message });
                }
                templates.push((name, spec));
            }
            Ok((_, found)) => faults.extend(found),
            Err(fault) => faults.push(fault),
        }
    }
    if documents.is_empty() {
        faults.push(Placed { line: 0, column: 0, pointer: String::new(), message: "there is no document".into() });
    }
    faults.truncate(FAULTS_MAX);
    if faults.is_empty() { Ok(templates) } else { Err(faults) }
}

/// Reads a text of exactly one template; gives what could be understood beside its faults.
///
/// # Errors
/// The text is not one document.
pub fn read_one(text: &str) -> Result<(ReadTemplate, Vec<Placed>), Placed> {
    let documents = documents(text)?;
    match documents.as_slice() {
        [document] => read_document(document),
        all => {
            let message = format!("one document is expected here, there are {}", all.len());
            Err(Placed { line: 0, column: 0, pointer: String::new(), message })
        }
    }
}

fn read_document(document: &Document<'_>) -> Result<(ReadTemplate, Vec<Placed>), Placed> {
    let value: Value = document.read()?;
    let mut read = read_template(&value);
    let missing = |name: &str| value.is_object() && value.get(name).is_none();
    for name in ["kind", "name"] {
        if missing(name) {
            let message = "is missing".into();
            read.faults.insert(0, crate::queue::template::SpecError { pointer: format!("/{name}"), message });
        }
    }
    let places = document.places();
    let placed = read.faults.iter().map(|fault| {
        let (line, column) = places.of(&fault.pointer);
        Placed { line, column, pointer: fault.pointer.clone(), message: fault.message.clone() }
    });
    let placed = placed.collect();
    Ok((read, placed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        read_all(text).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_fault_of_every_document_is_placed() {
        let text = "kind: Template\nname: a\nrunner: handler\nhandler: { nam: x }\n---\nkind: Schedule\nname: b\nrunner: http\nhttp:\n  url: ftp://h/\n  expect:\n  - 200\n  - 99\n---\nname: c\nrunner: sql\nsql: { statements: 'SELECT {{ params.x }' }\n";

        assert_eq!(
            faults(text),
            [
                "Line 4, column 12: /handler/nam is no field here; known are name",
                "Line 4, column 1: /handler/name is missing",
                "Line 6, column 1: /kind must be Template",
                "Line 13, column 5: /http/expect/1 is none of the forms that are taken here, such as 200 or \"500-599\"",
                "Line 15, column 1: /kind is missing",
                "Line 17, column 8: /sql/statements line 1: {{ stands without }}",
            ]
        );
    }

    #[test]
    fn wrong_syntax_has_its_place_and_the_other_documents_are_still_read() {
        let told = faults("kind: Template\nname: [\n---\nkind: Template\nname: b\nrunner: sql\n");

        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("Line "), "{told:?}");
        assert_eq!(told[1], "Line 4, column 1: /sql is missing: the runner is sql");
    }

    #[test]
    fn a_name_stands_once() {
        let one = "kind: Template\nname: a\nrunner: handler\nhandler: { name: x }\n";

        assert_eq!(faults(&format!("{one}---\n{one}")), ["Line 7, column 1: /name a stands in line 2 already"]);
        assert_eq!(read_all(one).unwrap().len(), 1);
        assert_eq!(faults(""), ["there is no document"]);
        assert!(read_one(&format!("{one}---\n{one}")).unwrap_err().message.contains("there are 2"));
    }
}
