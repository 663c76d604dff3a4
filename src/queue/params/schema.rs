//! The parsed form of the parameters.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Number, Value};

use super::format::Format;

/// One parameter, or the whole object of them.
#[derive(Debug)]
pub(super) struct Schema {
    pub title: Option<String>,
    pub description: Option<String>,
    pub default: Option<Value>,
    pub choices: Choices,
    pub shape: Shape,
}

/// Which values may be chosen.
#[derive(Debug)]
pub(super) enum Choices {
    /// Any that fits the shape.
    Free,
    /// One of these.
    OneOf(Vec<Value>),
    /// One of those that belong to the value of the sibling `param`; keys are that value's text.
    By { param: String, choices: BTreeMap<String, Vec<Value>> },
}

/// What kind of value it is, with its rules.
#[derive(Debug)]
pub(super) enum Shape {
    Text(TextRules),
    Number(NumberRules),
    Flag,
    List(ListRules),
    Object(ObjectRules),
}

#[derive(Debug, Default)]
pub(super) struct TextRules {
    /// Characters, inclusive.
    pub min_length: Option<u64>,
    pub max_length: Option<u64>,
    pub pattern: Option<regex::Regex>,
    pub format: Option<Format>,
    /// The value is masked wherever it is shown.
    pub secret: bool,
}

#[derive(Debug)]
pub(super) struct NumberRules {
    pub integer: bool,
    pub minimum: Option<Number>,
    pub maximum: Option<Number>,
}

#[derive(Debug)]
pub(super) struct ListRules {
    /// Absent = elements of any kind.
    pub items: Option<Box<Schema>>,
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct ObjectRules {
    /// In the order of the form.
    pub properties: Vec<(String, Schema)>,
    pub required: BTreeSet<String>,
    /// Members beside `properties` are allowed.
    pub additional: bool,
}

impl Schema {
    /// Tells whether the value is masked wherever it is shown.
    pub(super) fn is_secret(&self) -> bool {
        matches!(&self.shape, Shape::Text(rules) if rules.secret)
    }
}

impl ObjectRules {
    pub(super) fn property(&self, name: &str) -> Option<&Schema> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, schema)| schema)
    }

    /// Lists the properties so that each comes after the sibling on which its choices depend.
    /// Parsing made sure that these chains have no circle.
    pub(super) fn parents_first(&self) -> Vec<&(String, Schema)> {
        let mut ordered: Vec<&(String, Schema)> = Vec::with_capacity(self.properties.len());
        let mut placed = BTreeSet::new();
        while ordered.len() < self.properties.len() {
            let before = ordered.len();
            for property in &self.properties {
                let ready = property.1.chosen_by().is_none_or(|parent| placed.contains(parent));
                if ready && placed.insert(property.0.as_str()) {
                    ordered.push(property);
                }
            }
            if ordered.len() == before {
                break;
            }
        }
        ordered
    }
}

impl Schema {
    /// Names the sibling on which the choices depend.
    pub(super) fn chosen_by(&self) -> Option<&str> {
        match &self.choices {
            Choices::By { param, .. } => Some(param),
            Choices::Free | Choices::OneOf(_) => None,
        }
    }
}

/// Compares two numbers exactly when both are whole.
pub(super) fn compare(left: &Number, right: &Number) -> Ordering {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => left.cmp(&right),
        // a JSON number is never NaN
        _ => left.as_f64().partial_cmp(&right.as_f64()).unwrap_or(Ordering::Equal),
    }
}

/// Spells a value the way a choice or a form field shows it: texts as they are, all else as JSON.
pub(super) fn spell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
