//! JSON: cutting a text into documents.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Document, DocumentError};

/// Cuts one value, several values in a row or a list of values into documents.
pub(super) fn documents(text: &str) -> Result<Vec<Document<'_>>, DocumentError> {
    let mut documents = Vec::new();
    let list = text.trim_start().starts_with('[');
    let mut at = text.len() - text.trim_start().len() + usize::from(list);
    while let Some(start) = next_value(text, at, list, documents.is_empty())? {
        let length = value_length(text, start)?;
        documents.push(document(text, start, length));
        at = start + length;
    }
    Ok(documents)
}

/// Finds where the next JSON value begins; `None` after the last.
fn next_value(text: &str, from: usize, list: bool, first: bool) -> Result<Option<usize>, DocumentError> {
    let skip_space = |at: usize| at + text[at..].len() - text[at..].trim_start().len();
    let at = skip_space(from);
    let next = text[at..].chars().next();
    match (list, next) {
        (false, None) => Ok(None),
        (false, Some(_)) => Ok(Some(at)),
        (true, Some(']')) if skip_space(at + 1) == text.len() => Ok(None),
        (true, Some(']')) => Err(fault(text, skip_space(at + 1), "nothing may follow the list of documents")),
        (true, Some(',')) if !first => Ok(Some(skip_space(at + 1))),
        (true, Some(_)) if first => Ok(Some(at)),
        (true, _) => Err(fault(text, at, "expected , or ] after a document")),
    }
}

/// Counts the bytes of the JSON value at `start`, in which no object has a key twice.
fn value_length(text: &str, start: usize) -> Result<usize, DocumentError> {
    let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<UniqueKeys>();
    match values.next() {
        Some(Ok(UniqueKeys)) => Ok(values.byte_offset()),
        Some(Err(error)) => Err(document(text, start, 0).json_fault(&error)),
        None => Err(fault(text, start, "expected a document")),
    }
}

/// Any value in which no object has a key twice: `serde_json` alone would keep the last.
struct UniqueKeys;

impl<'de> Deserialize<'de> for UniqueKeys {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for UniqueKeys {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if seen.contains(&key) {
                return Err(A::Error::custom(format!("duplicate key `{key}`")));
            }
            seen.insert(key);
            map.next_value::<Self>()?;
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}

fn document(text: &str, start: usize, length: usize) -> Document<'_> {
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Document {
        text: &text[start..start + length],
        lines_before: before.matches('\n').count(),
        columns_before: before[line_start..].chars().count(),
    }
}

fn fault(text: &str, at: usize, message: &str) -> DocumentError {
    let place = document(text, at, 0);
    DocumentError { line: place.lines_before + 1, column: place.columns_before + 1, message: message.to_owned() }
}
