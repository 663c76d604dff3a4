//! The flat description from which a form is made.

use serde_json::{Number, Value};

use super::format::Format;
use super::schema::{Choices, ListRules, NumberRules, ObjectRules, Schema, Shape, TextRules, spell};

/// Name of the field that takes, as one JSON object, the arguments without a field of their own.
pub const OTHERS: &str = "+";

/// One field of a form.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Name of the form field; nested parameters are named `outer.inner`.
    pub name: String,
    /// What stands beside it.
    pub title: String,
    /// A sentence for people.
    pub description: Option<String>,
    /// What is filled in.
    pub kind: FieldKind,
    /// Whether it must be filled in.
    pub required: bool,
    /// What it is when nothing is filled in.
    pub default: Option<Value>,
    /// Smallest and largest number.
    pub range: (Option<Number>, Option<Number>),
    /// Fewest and most characters, or elements of a list.
    pub length: (Option<u64>, Option<u64>),
    /// What a text must match.
    pub pattern: Option<String>,
}

/// What is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldKind {
    /// One line.
    Text,
    /// Several lines.
    TextArea,
    /// A number.
    Number {
        /// Without fraction.
        integer: bool,
    },
    /// One of these texts.
    Choice(Vec<String>),
    /// One of the texts that belong to what the field `by` holds.
    CascadingChoice {
        /// Name of the other field.
        by: String,
        /// What the other field holds, with the texts to choose from.
        choices: Vec<(String, Vec<String>)>,
    },
    /// A day.
    Date,
    /// A moment.
    DateTime,
    /// Yes or no. Send a hidden `false` before the checkbox, or "no" is not said.
    Flag,
    /// A text that is not shown.
    Secret,
    /// A file.
    File,
    /// Several of one kind, each its own pair; one empty pair is an empty list.
    List(Box<FieldKind>),
    /// A JSON value as text.
    Json,
}

/// Describes the fields of the whole form.
pub(super) fn fields(root: Option<&Schema>) -> Vec<Field> {
    let mut fields = Vec::new();
    match root.map(|root| &root.shape) {
        Some(Shape::Object(rules)) => add_members(rules, "", Need::Asked, &mut fields),
        _ => fields.push(others("", Need::Optional)),
    }
    fields
}

#[derive(Clone, Copy, PartialEq)]
enum Need {
    Asked,
    Optional,
}

fn add_members(rules: &ObjectRules, prefix: &str, need: Need, fields: &mut Vec<Field>) {
    for (name, schema) in &rules.properties {
        let need = if rules.required.contains(name) { need } else { Need::Optional };
        let path = format!("{prefix}{name}");
        match has_own_fields(schema) {
            Some(inner) => add_members(inner, &format!("{path}."), need, fields),
            None => fields.push(field(path, name, prefix, need, schema)),
        }
    }
    if rules.additional {
        fields.push(others(prefix, Need::Optional));
    }
}

/// Gives the rules of an object whose members are fields; other objects are one JSON field.
pub(super) fn has_own_fields(schema: &Schema) -> Option<&ObjectRules> {
    match &schema.shape {
        Shape::Object(rules) if !rules.properties.is_empty() => Some(rules),
        _ => None,
    }
}

fn others(prefix: &str, need: Need) -> Field {
    let title = if prefix.is_empty() { "Arguments" } else { "Other members" };
    Field {
        name: format!("{prefix}{OTHERS}"),
        title: title.into(),
        description: Some("A JSON object".into()),
        kind: FieldKind::Json,
        required: need == Need::Asked,
        default: None,
        range: (None, None),
        length: (None, None),
        pattern: None,
    }
}

fn field(path: String, name: &str, prefix: &str, need: Need, schema: &Schema) -> Field {
    Field {
        name: path,
        title: schema.title.clone().unwrap_or_else(|| title_of(name)),
        description: schema.description.clone(),
        kind: kind(schema, prefix),
        required: need == Need::Asked,
        default: schema.default.clone(),
        range: range(schema),
        length: length(schema),
        pattern: pattern(schema),
    }
}

fn range(schema: &Schema) -> (Option<Number>, Option<Number>) {
    match &schema.shape {
        Shape::Number(rules) => (rules.minimum.clone(), rules.maximum.clone()),
        _ => (None, None),
    }
}

fn length(schema: &Schema) -> (Option<u64>, Option<u64>) {
    match &schema.shape {
        Shape::Text(rules) => (rules.min_length, rules.max_length),
        Shape::List(rules) => (rules.min_items, rules.max_items),
        _ => (None, None),
    }
}

fn pattern(schema: &Schema) -> Option<String> {
    match &schema.shape {
        Shape::Text(rules) => rules.pattern.as_ref().map(ToString::to_string),
        _ => None,
    }
}

/// Makes `due_date` into `Due date`.
fn title_of(name: &str) -> String {
    let words = name.replace(['_', '-'], " ");
    let mut chars = words.trim().chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_else(|| name.to_owned())
}

/// Tells what is filled in for a schema; `prefix` is that of its siblings' names.
pub(super) fn kind(schema: &Schema, prefix: &str) -> FieldKind {
    match (&schema.choices, &schema.shape) {
        (Choices::OneOf(choices), _) => FieldKind::Choice(choices.iter().map(spell).collect()),
        (Choices::By { param, choices }, _) => {
            let spelled = |(value, list): (&String, &Vec<Value>)| (value.clone(), list.iter().map(spell).collect());
            FieldKind::CascadingChoice {
                by: format!("{prefix}{param}"),
                choices: choices.iter().map(spelled).collect(),
            }
        }
        (Choices::Free, Shape::Text(rules)) => text_kind(rules),
        (Choices::Free, Shape::Number(NumberRules { integer, .. })) => FieldKind::Number { integer: *integer },
        (Choices::Free, Shape::Flag) => FieldKind::Flag,
        (Choices::Free, Shape::List(rules)) => list_kind(rules),
        (Choices::Free, Shape::Object(_)) => FieldKind::Json,
    }
}

fn text_kind(rules: &TextRules) -> FieldKind {
    match rules.format {
        _ if rules.secret => FieldKind::Secret,
        Some(Format::Date) => FieldKind::Date,
        Some(Format::DateTime) => FieldKind::DateTime,
        Some(Format::File) => FieldKind::File,
        Some(Format::TextArea) => FieldKind::TextArea,
        Some(Format::Email | Format::Uri | Format::Duration) | None => FieldKind::Text,
    }
}

/// Lists of simple values have one input per element; others are typed as JSON.
fn list_kind(rules: &ListRules) -> FieldKind {
    match rules.items.as_deref() {
        Some(items) if !matches!(items.shape, Shape::List(_) | Shape::Object(_)) => {
            FieldKind::List(Box::new(kind(items, "")))
        }
        _ => FieldKind::Json,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Params;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_form_has_a_field_for_every_parameter_in_order() {
        let params = Params::parse(&json!({
            "required": ["due_date", "mail"],
            "additionalProperties": true,
            "properties": {
                "due_date": { "type": "string", "format": "date" },
                "mail": { "type": "object", "required": ["to"], "properties": {
                    "to": { "type": "string", "title": "Recipient" }, "key": { "type": "string", "secret": true } } },
                "copies": { "type": "integer", "minimum": 1, "default": 1 },
                "tags": { "type": "array", "items": { "type": "string", "enum": ["a", "b"] } },
                "raw": { "type": "object" },
            },
        }))
        .unwrap();

        let fields = params.fields();

        let shown: Vec<_> =
            fields.iter().map(|f| (f.name.as_str(), f.title.as_str(), f.kind.clone(), f.required)).collect();
        assert_eq!(
            shown,
            [
                ("due_date", "Due date", FieldKind::Date, true),
                ("mail.to", "Recipient", FieldKind::Text, true),
                ("mail.key", "Key", FieldKind::Secret, false),
                ("copies", "Copies", FieldKind::Number { integer: true }, false),
                ("tags", "Tags", FieldKind::List(Box::new(FieldKind::Choice(vec!["a".into(), "b".into()]))), false),
                ("raw", "Raw", FieldKind::Json, false),
                ("+", "Arguments", FieldKind::Json, false),
            ]
        );
    }

    #[test]
    fn a_cascading_choice_names_the_other_field() {
        let params = Params::parse(&json!({ "properties": { "place": { "type": "object", "properties": {
            "country": { "type": "string", "enum": ["IT", "FR"] },
            "city": { "type": "string", "enum_by": { "param": "country", "choices": { "IT": ["Rome"] } } },
        } } } }))
        .unwrap();

        let city = params.fields().remove(1);

        let choices = vec![("IT".to_owned(), vec!["Rome".to_owned()])];
        assert_eq!(city.kind, FieldKind::CascadingChoice { by: "place.country".into(), choices });
    }
}
