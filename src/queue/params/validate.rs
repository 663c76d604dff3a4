//! Checking arguments against a [`Schema`].

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

use super::MISSING;
use super::keywords::kind_of;
use super::schema::{Choices, ListRules, NumberRules, ObjectRules, Schema, Shape, TextRules, compare, spell};
use super::{ArgError, FAULTS_MAX};
use crate::base::pointer::Place;

/// Most choices that a refusal spells out.
const CHOICES_SHOWN_MAX: usize = 10;

/// Lists the faults of `args`.
pub(super) fn faults(root: Option<&Schema>, args: &Value) -> Vec<ArgError> {
    let mut check = Check { faults: Vec::new() };
    match root {
        Some(schema) => check.value(schema, args, &Place::ROOT, None),
        None if args.is_object() => {}
        None => check.fault(&Place::ROOT, format!("must be an object, not {}", kind_of(args))),
    }
    check.faults
}

/// Says the first fault of one value that stands alone, without siblings.
pub(super) fn first_fault(schema: &Schema, value: &Value) -> Option<String> {
    let mut check = Check { faults: Vec::new() };
    check.value(schema, value, &Place::ROOT, None);
    check.faults.into_iter().next().map(|fault| fault.to_string())
}

struct Check {
    faults: Vec<ArgError>,
}

impl Check {
    fn fault(&mut self, at: &Place<'_>, message: impl Into<String>) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(ArgError { pointer: at.to_string(), message: message.into() });
        }
    }

    fn value(&mut self, schema: &Schema, value: &Value, at: &Place<'_>, siblings: Option<&Map<String, Value>>) {
        let before = self.faults.len();
        match (&schema.shape, value) {
            (Shape::Text(rules), Value::String(text)) => self.text(rules, text, at),
            (Shape::Number(rules), Value::Number(number)) => self.number(rules, number, at),
            (Shape::Flag, Value::Bool(_)) => {}
            (Shape::List(rules), Value::Array(list)) => self.list(rules, list, at),
            (Shape::Object(rules), Value::Object(map)) => self.object(rules, map, at),
            (shape, other) => self.fault(at, format!("must be {}, not {}", wanted(shape), kind_of(other))),
        }
        if self.faults.len() == before {
            self.choice(&schema.choices, value, at, siblings);
        }
    }

    fn text(&mut self, rules: &TextRules, text: &str, at: &Place<'_>) {
        let length = text.chars().count() as u64;
        if let Some(min) = rules.min_length.filter(|min| length < *min) {
            self.fault(at, format!("must have at least {}, this has {length}", count(min, "character")));
        }
        if let Some(max) = rules.max_length.filter(|max| length > *max) {
            self.fault(at, format!("must have at most {}, this has {length}", count(max, "character")));
        }
        if let Some(refusal) = rules.format.and_then(|format| format.refusal(text)) {
            self.fault(at, refusal);
        }
        if let Some(pattern) = rules.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            self.fault(at, format!("does not match the pattern {pattern}"));
        }
    }

    fn number(&mut self, rules: &NumberRules, number: &Number, at: &Place<'_>) {
        if rules.integer && number.is_f64() {
            self.fault(at, format!("must be a whole number, not {number}"));
        }
        if let Some(min) = rules.minimum.as_ref().filter(|min| compare(number, min) == Ordering::Less) {
            self.fault(at, format!("must be at least {min}, not {number}"));
        }
        if let Some(max) = rules.maximum.as_ref().filter(|max| compare(number, max) == Ordering::Greater) {
            self.fault(at, format!("must be at most {max}, not {number}"));
        }
    }

    fn list(&mut self, rules: &ListRules, list: &[Value], at: &Place<'_>) {
        let length = list.len() as u64;
        if let Some(min) = rules.min_items.filter(|min| length < *min) {
            self.fault(at, format!("must have at least {}, this has {length}", count(min, "element")));
        }
        if let Some(max) = rules.max_items.filter(|max| length > *max) {
            self.fault(at, format!("must have at most {}, this has {length}", count(max, "element")));
        }
        let Some(items) = &rules.items else { return };
        for (index, item) in list.iter().enumerate() {
            if self.faults.len() >= FAULTS_MAX {
                return;
            }
            self.value(items, item, &at.index(index), None);
        }
    }

    fn object(&mut self, rules: &ObjectRules, map: &Map<String, Value>, at: &Place<'_>) {
        for (name, schema) in &rules.properties {
            match map.get(name) {
                Some(value) => self.value(schema, value, &at.key(name), Some(map)),
                None if rules.required.contains(name) => self.fault(&at.key(name), MISSING),
                None => {}
            }
        }
        if !rules.additional {
            for name in map.keys().filter(|name| rules.property(name).is_none()) {
                self.fault(&at.key(name), "is no parameter of this template");
            }
        }
    }

    fn choice(&mut self, choices: &Choices, value: &Value, at: &Place<'_>, siblings: Option<&Map<String, Value>>) {
        let (param, lists) = match choices {
            Choices::Free => return,
            Choices::OneOf(list) if list.contains(value) => return,
            Choices::OneOf(list) => return self.fault(at, format!("must be {}", either(list))),
            Choices::By { param, choices } => (param, choices),
        };
        let Some(siblings) = siblings else {
            if !lists.values().any(|list| list.contains(value)) {
                self.fault(at, "is none of the choices");
            }
            return;
        };
        let Some(parent) = siblings.get(param) else {
            return self.fault(at, format!("cannot be chosen without {param}"));
        };
        match lists.get(&spell(parent)) {
            None => self.fault(at, format!("cannot be chosen where {param} is {}", spell(parent))),
            Some(list) if list.contains(value) => {}
            Some(list) => self.fault(at, format!("must be {} where {param} is {}", either(list), spell(parent))),
        }
    }
}

fn wanted(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text(_) => "text",
        Shape::Number(rules) if rules.integer => "a whole number",
        Shape::Number(_) => "a number",
        Shape::Flag => "true or false",
        Shape::List(_) => "a list",
        Shape::Object(_) => "an object",
    }
}

fn count(number: u64, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{s}")
}

/// Spells choices: `IT, FR or DE`.
fn either(choices: &[Value]) -> String {
    let shown: Vec<_> = choices.iter().take(CHOICES_SHOWN_MAX).map(spell).collect();
    if choices.len() > CHOICES_SHOWN_MAX {
        return format!("one of {} and {} more", shown.join(", "), choices.len() - CHOICES_SHOWN_MAX);
    }
    match shown.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Params;
    use serde_json::{Value, json};

    fn faults(params: &Value, args: &Value) -> Vec<String> {
        Params::parse(params).unwrap().validate(args).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn all_faults_are_found_at_once_each_with_its_place() {
        let params = json!({
            "type": "object",
            "required": ["to", "body"],
            "additionalProperties": false,
            "properties": {
                "to": { "type": "string", "format": "email" },
                "body": { "type": "string" },
                "copies": { "type": "integer", "minimum": 1, "maximum": 9 },
                "tags": { "type": "array", "maxItems": 2, "items": { "type": "string", "pattern": "^[a-z]+$" } },
            },
        });
        let args = json!({ "to": "nobody", "copies": 10, "tags": ["a", "B", "c"], "cc": "x" });

        assert_eq!(
            faults(&params, &args),
            [
                "/to: must be a mail address such as ada@example.org",
                "/body: is missing",
                "/copies: must be at most 9, not 10",
                "/tags: must have at most 2 elements, this has 3",
                "/tags/1: does not match the pattern ^[a-z]+$",
                "/cc: is no parameter of this template",
            ]
        );
    }

    #[test]
    fn a_wrong_kind_is_named() {
        let params = json!({ "properties": {
            "a": { "type": "string" }, "b": { "type": "integer" }, "c": { "type": "number" }, "d": { "type": "boolean" },
            "e": { "type": "array" }, "f": { "type": "object" },
        } });
        let args = json!({ "a": 1, "b": 1.5, "c": "1", "d": null, "e": {}, "f": [] });

        assert_eq!(
            faults(&params, &args),
            [
                "/a: must be text, not a whole number",
                "/b: must be a whole number, not 1.5",
                "/c: must be a number, not text",
                "/d: must be true or false, not null",
                "/e: must be a list, not an object",
                "/f: must be an object, not a list",
            ]
        );
    }

    #[test]
    fn choices_are_spelled_out() {
        let params = json!({ "properties": {
            "country": { "type": "string", "enum": ["IT", "FR", "DE"] },
            "city": { "type": "string", "enum_by": { "param": "country", "choices": { "IT": ["Rome", "Milan"], "FR": ["Paris"] } } },
        } });

        assert_eq!(faults(&params, &json!({ "country": "IT", "city": "Milan" })), [""; 0]);
        assert_eq!(faults(&params, &json!({ "country": "ES" })), ["/country: must be IT, FR or DE"]);
        assert_eq!(
            faults(&params, &json!({ "country": "FR", "city": "Rome" })),
            ["/city: must be Paris where country is FR"]
        );
        assert_eq!(
            faults(&params, &json!({ "country": "DE", "city": "Rome" })),
            ["/city: cannot be chosen where country is DE"]
        );
        assert_eq!(faults(&params, &json!({ "city": "Rome" })), ["/city: cannot be chosen without country"]);
    }

    #[test]
    fn whole_numbers_are_compared_exactly() {
        let params = json!({ "properties": { "n": { "type": "integer", "maximum": 9007199254740993_i64 } } });

        assert_eq!(faults(&params, &json!({ "n": 9007199254740993_i64 })), [""; 0]);
        assert_eq!(faults(&params, &json!({ "n": 9007199254740994_i64 })).len(), 1);
    }

    #[test]
    fn faults_are_limited() {
        let params = json!({ "properties": { "n": { "type": "array", "items": { "type": "integer" } } } });

        assert_eq!(faults(&params, &json!({ "n": vec!["x"; 5_000] })).len(), super::FAULTS_MAX);
    }
}
