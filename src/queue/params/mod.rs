//! Typed parameters of a template: a subset of JSON Schema (draft 2020-12) with four words of our own.
//!
//! ```text
//! document ──parse──▶ Params ──fields──▶ form ──from_form──┐
//!                       │                                  ▼
//!                       └──with_defaults, validate──▶ arguments ──masked──▶ pages, logs
//! ```
//!
//! | keyword | where | meaning |
//! |---|---|---|
//! | `type` | everywhere (the outermost may leave it out) | `object`, `string`, `number`, `integer`, `boolean` or `array` |
//! | `title`, `description`, `default`, `enum` | everywhere but objects and lists have no `enum` | as in JSON Schema |
//! | `properties`, `required` | object | as in JSON Schema |
//! | `additionalProperties` (true or false) | object | as in JSON Schema, but without the word an object with `properties` is closed |
//! | `minLength`, `maxLength`, `pattern` | string | as in JSON Schema; patterns are those of the `regex` crate: no look-around |
//! | `format` | string | `date`, `date-time`, `email`, `uri`, `duration`, and ours: `file`, `textarea` |
//! | `minimum`, `maximum` | number, integer | inclusive |
//! | `items`, `minItems`, `maxItems` | array | as in JSON Schema |
//! | `secret: true` | string | ours: masked wherever it is shown |
//! | `enum_by: {param, choices}` | string, number, integer, boolean | ours: the choices depend on the sibling `param` |
//! | `order` | object | ours: the order of the form, because `jsonb` forgets the order of members |
//!
//! Every other keyword is refused: a rule that is not enforced is worse than none.
mod choices;
mod defaults;
mod field;
mod form;
mod format;
mod keywords;
mod order;
mod parse;
mod prefill;
mod schema;
mod typed;
mod validate;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

pub use field::{Field, FieldKind, OTHERS};
use schema::{Schema, Shape};

/// Deepest nesting of parameters.
pub const DEPTH_MAX: usize = 16;
/// Most parameters of a template, nested ones included.
pub const PROPERTIES_MAX: usize = 200;
/// Most choices of one parameter.
pub const CHOICES_MAX: usize = 1_000;
/// Longest pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 1_000;
/// Largest compiled pattern, in bytes.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 256 * 1024;
/// Longest name of a parameter, in bytes.
pub const PARAM_NAME_BYTES_MAX: usize = 64;
/// Longest title of a parameter, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// Longest description of a parameter, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 2_000;
/// Most faults that are reported of one set of arguments.
pub const FAULTS_MAX: usize = 100;
/// What stands in place of a secret value.
pub const MASK: &str = "••••";

/// The parameters of a template. Holding one proves that its document was checked. Cheap to clone.
#[derive(Clone, Default)]
pub struct Params {
    source: Value,
    root: Option<Arc<Schema>>,
}

/// Why a document of parameters was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", At(pointer))]
pub struct ParamsError {
    /// The place in the document, as a JSON pointer.
    pub pointer: String,
    /// What is wrong there, for a person.
    pub message: String,
}

/// What is told of a required argument that is not there.
pub const MISSING: &str = "is missing";

/// Why an argument was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}{message}", At(pointer))]
pub struct ArgError {
    /// The place in the arguments, as a JSON pointer.
    pub pointer: String,
    /// What is wrong there, for a person.
    pub message: String,
}

struct At<'a>(&'a str);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}

impl Params {
    /// Checks a document and keeps it. `null` and `{}` accept any object.
    ///
    /// # Errors
    /// The first fault, with its place.
    pub fn parse(document: &Value) -> Result<Self, ParamsError> {
        let empty = document.as_object().is_some_and(serde_json::Map::is_empty);
        if document.is_null() || empty {
            return Ok(Self::default());
        }
        let root = parse::parse(document)?;
        let mut source = document.clone();
        order::pin(&mut source, &root);
        Ok(Self { source, root: Some(Arc::new(root)) })
    }

    /// Tells whether any object is accepted because nothing is said.
    pub fn is_any(&self) -> bool {
        self.root.is_none()
    }

    /// Tells whether arguments may hold `name` at the top: a declared parameter, or any where others are asked for.
    pub fn knows(&self, name: &str) -> bool {
        match self.root.as_ref().map(|root| &root.shape) {
            Some(Shape::Object(rules)) => rules.additional || rules.property(name).is_some(),
            _ => true,
        }
    }

    /// Lists the names of the declared parameters at the top, in order.
    pub fn names(&self) -> Vec<&str> {
        match self.root.as_ref().map(|root| &root.shape) {
            Some(Shape::Object(rules)) => rules.properties.iter().map(|(name, _)| name.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// Gives the stored form, in which `order` names the order of every object's parameters.
    pub fn stored(&self) -> &Value {
        &self.source
    }

    /// Gives the form for people and files: parameters and keywords stand in their order and `order` is left out.
    pub fn document(&self) -> Value {
        let mut document = self.source.clone();
        if let Some(root) = &self.root {
            order::unpin(&mut document, root);
        }
        document
    }

    /// Checks arguments and lists every fault, at most 100. Call it on what [`Self::with_defaults`] gave.
    pub fn validate(&self, args: &Value) -> Vec<ArgError> {
        validate::faults(self.root.as_deref(), args)
    }

    /// Adds the default of every parameter that is absent.
    pub fn with_defaults(&self, args: &Value) -> Value {
        let mut args = args.clone();
        if let Some(root) = &self.root {
            defaults::fill(root, &mut args);
        }
        args
    }

    /// Gives the arguments for people's eyes: secret values are replaced by `••••`.
    pub fn masked(&self, args: &Value) -> Value {
        let mut args = args.clone();
        if let Some(root) = &self.root {
            defaults::mask(root, &mut args);
        }
        args
    }

    /// Tells whether the parameter `name` at the top holds a secret.
    pub fn is_secret(&self, name: &str) -> bool {
        match self.root.as_ref().map(|root| &root.shape) {
            Some(Shape::Object(rules)) => rules.property(name).is_some_and(defaults::has_secrets),
            _ => false,
        }
    }

    /// Tells whether a parameter is secret.
    pub fn has_secrets(&self) -> bool {
        self.root.as_ref().is_some_and(|root| defaults::has_secrets(root))
    }

    /// Lists the secret texts among the arguments.
    pub fn secrets<'a>(&self, args: &'a Value) -> Vec<&'a str> {
        let mut found = Vec::new();
        if let Some(root) = &self.root {
            defaults::secrets(root, args, &mut found);
        }
        found
    }

    /// Describes the fields of a form, in order. Nested parameters are named `outer.inner`.
    pub fn fields(&self) -> Vec<Field> {
        field::fields(self.root.as_deref())
    }

    /// Spells arguments as the fields of a form. Members without a field of their own go to [`OTHERS`].
    pub fn to_form(&self, args: &Value) -> Vec<(String, String)> {
        prefill::write(self.root.as_deref(), args)
    }

    /// Reads arguments from the fields of a form: `pairs` are names as in [`Self::fields`] with what was typed.
    ///
    /// An empty field is an absent argument (an empty text only where `minLength: 0` is spelled out). Of a flag's pairs
    /// the last counts, so that a hidden `false` may precede the checkbox. A date and time without offset is UTC.
    /// Defaults are not added, but what they will add counts as present.
    ///
    /// # Errors
    /// Every fault; keep what was typed and show it again.
    pub fn from_form(&self, pairs: &[(String, String)]) -> Result<Value, Vec<ArgError>> {
        let (args, mut faults) = form::read(self.root.as_deref(), pairs);
        let unread: Vec<_> = faults.iter().map(|fault| fault.pointer.clone()).collect();
        let more = self.validate(&self.with_defaults(&args));
        faults.extend(more.into_iter().filter(|fault| !unread.contains(&fault.pointer)));
        faults.truncate(FAULTS_MAX);
        if faults.is_empty() { Ok(args) } else { Err(faults) }
    }
}

impl PartialEq for Params {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Params({})", self.source)
    }
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.source.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Params {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let document = Value::deserialize(from)?;
        Self::parse(&document).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_said_accepts_any_object() {
        for document in [json!(null), json!({})] {
            let params = Params::parse(&document).unwrap();

            assert!(params.is_any());
            assert_eq!(params.validate(&json!({ "a": [1, { "b": null }] })), []);
            assert_eq!(params.validate(&json!([]))[0].message, "must be an object, not a list");
        }
    }

    #[test]
    fn the_stored_form_reads_back_even_when_members_were_shuffled() {
        let document =
            json!({ "type": "object", "properties": { "to": { "type": "string" }, "b": { "type": "integer" } } });
        let params = Params::parse(&document).unwrap();

        let shuffled = json!({ "order": ["to", "b"], "properties": { "b": { "type": "integer" }, "to": { "type": "string" } },
            "type": "object" });
        let again = Params::parse(&shuffled).unwrap();

        assert_eq!(again, params);
        assert_eq!(again.document().to_string(), params.document().to_string());
        let names: Vec<_> = again.fields().into_iter().map(|field| field.name).collect();
        assert_eq!(names, ["to", "b"]);
    }

    #[test]
    fn a_fault_names_its_place_in_the_document() {
        let text = r#"{ "type": "object", "properties": { "a": { "type": "string", "minLenght": 3 } } }"#;

        let fault = serde_json::from_str::<Params>(text).unwrap_err().to_string();

        assert!(fault.starts_with("/properties/a/minLenght: is no keyword of a string"), "{fault}");
    }
}
