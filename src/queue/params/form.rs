//! The fields of a form as arguments.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::ArgError;
use super::field::FieldKind;
use super::field::{OTHERS, has_own_fields, kind};
use super::keywords::kind_of;
use super::schema::{ListRules, ObjectRules, Schema, Shape};
use super::typed;
use crate::base::pointer::Place;

/// Reads pairs of name and text; gives what could be read and what could not.
pub(super) fn read(root: Option<&Schema>, pairs: &[(String, String)]) -> (Value, Vec<ArgError>) {
    let mut reader = Reader { texts: HashMap::new(), faults: Vec::new() };
    for (name, text) in pairs {
        reader.texts.entry(name).or_default().push(text);
    }
    let map = match root.map(|root| &root.shape) {
        Some(Shape::Object(rules)) => reader.members(rules, "", &Place::ROOT, Presence::Must).unwrap_or_default(),
        _ => reader.others(None, "", &Place::ROOT),
    };
    reader.refuse_strangers();
    (Value::Object(map), reader.faults)
}

struct Reader<'a> {
    /// What was typed, by field; taken out when read.
    texts: HashMap<&'a str, Vec<&'a str>>,
    faults: Vec<ArgError>,
}

#[derive(Clone, Copy, PartialEq)]
enum Presence {
    /// The object is there even if nothing was typed into it.
    Must,
    /// The object is there only if something was typed into it.
    May,
}

impl<'a> Reader<'a> {
    fn fault(&mut self, at: &Place<'_>, message: impl Into<String>) {
        self.faults.push(ArgError { pointer: at.to_string(), message: message.into() });
    }

    fn refuse_strangers(&mut self) {
        let mut names: Vec<_> = self.texts.keys().copied().collect();
        names.sort_unstable();
        for name in names {
            let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1").replace('.', "/"));
            self.faults.push(ArgError { pointer, message: "is no parameter of this template".into() });
        }
    }

    fn members(
        &mut self,
        rules: &ObjectRules,
        prefix: &str,
        at: &Place<'_>,
        presence: Presence,
    ) -> Option<Map<String, Value>> {
        let before = self.faults.len();
        let mut map = Map::new();
        for (name, schema) in &rules.properties {
            if let Some(value) = self.member(schema, &format!("{prefix}{name}"), &at.key(name)) {
                map.insert(name.clone(), value);
            }
        }
        map.extend(self.others(Some(rules), prefix, at));
        if map.is_empty() && self.faults.len() == before && presence == Presence::May {
            return None;
        }
        for (name, schema) in &rules.properties {
            if let Some(inner) =
                has_own_fields(schema).filter(|_| rules.required.contains(name) && !map.contains_key(name))
            {
                let value = self.members(inner, &format!("{prefix}{name}."), &at.key(name), Presence::Must);
                map.insert(name.clone(), Value::Object(value.unwrap_or_default()));
            }
        }
        Some(map)
    }

    fn member(&mut self, schema: &Schema, name: &str, at: &Place<'_>) -> Option<Value> {
        if let Some(inner) = has_own_fields(schema) {
            return self.members(inner, &format!("{name}."), at, Presence::May).map(Value::Object);
        }
        let texts = self.texts.remove(name)?;
        match (kind(schema, ""), &schema.shape) {
            (FieldKind::List(_), Shape::List(ListRules { items: Some(items), min_items, .. })) => self
                .list(items, &texts, at)
                .filter(|list| !list.is_empty() || min_items.unwrap_or(0) == 0)
                .map(Value::Array),
            _ => self.scalar(schema, texts.last()?, at),
        }
    }

    fn list(&mut self, items: &Schema, texts: &[&str], at: &Place<'_>) -> Option<Vec<Value>> {
        let before = self.faults.len();
        let mut list = Vec::new();
        for text in texts {
            let index = list.len();
            list.extend(self.scalar(items, text, &at.index(index)));
        }
        (self.faults.len() == before).then_some(list)
    }

    fn scalar(&mut self, schema: &Schema, text: &str, at: &Place<'_>) -> Option<Value> {
        match typed::scalar(schema, text) {
            Ok(value) => value,
            Err(message) => {
                self.fault(at, message);
                None
            }
        }
    }

    /// Reads the members that have no field of their own.
    fn others(&mut self, rules: Option<&ObjectRules>, prefix: &str, at: &Place<'_>) -> Map<String, Value> {
        let name = format!("{prefix}{OTHERS}");
        let Some(text) = self.texts.remove(name.as_str()).and_then(|texts| texts.last().copied()) else {
            return Map::new();
        };
        let others = match serde_json::from_str(text.trim()) {
            _ if text.trim().is_empty() => return Map::new(),
            Ok(Value::Object(map)) => map,
            Ok(other) => return self.refuse_others(at, format!("must be a JSON object, not {}", kind_of(&other))),
            Err(error) => return self.refuse_others(at, format!("is no JSON: {error}")),
        };
        let own = others.keys().find(|name| rules.is_some_and(|rules| rules.property(name).is_some()));
        match own {
            Some(name) => self.refuse_others(&at.key(name), "has a field of its own"),
            None => others,
        }
    }

    fn refuse_others(&mut self, at: &Place<'_>, message: impl Into<String>) -> Map<String, Value> {
        self.fault(at, message);
        Map::new()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ArgError, Params};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn params() -> Params {
        Params::parse(&json!({
            "required": ["to", "mail", "ok"],
            "properties": {
                "to": { "type": "string", "minLength": 1 },
                "note": { "type": "string", "minLength": 0, "format": "textarea" },
                "n": { "type": "integer" },
                "x": { "type": "number", "default": 0.5 },
                "ok": { "type": "boolean" },
                "size": { "type": "integer", "enum": [1, 2, 3] },
                "tags": { "type": "array", "items": { "type": "string", "minLength": 1 } },
                "counts": { "type": "array", "items": { "type": "integer" }, "minItems": 1 },
                "raw": { "type": "object" },
                "rows": { "type": "array", "items": { "type": "array" } },
                "mail": { "type": "object", "properties": {
                    "from": { "type": "string" },
                    "when": { "type": "string", "format": "date-time" },
                    "deep": { "type": "object", "required": ["in"], "properties": {
                        "in": { "type": "object", "properties": { "key": { "type": "string", "secret": true } } } } } } },
                "country": { "type": "string", "enum": ["IT", "FR"], "default": "IT" },
                "city": { "type": "string", "default": "Rome",
                    "enum_by": { "param": "country", "choices": { "IT": ["Rome", "Milan"], "FR": ["Paris"] } } },
            },
        }))
        .unwrap()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn sentences(faults: Vec<ArgError>) -> Vec<String> {
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn texts_become_typed_arguments() {
        let typed = pairs(&[
            ("to", "a"),
            ("note", "one\r\ntwo"),
            ("n", " 7 "),
            ("x", ""),
            ("ok", "false"),
            ("ok", "true"),
            ("size", "2"),
            ("tags", ""),
            ("counts", "1"),
            ("counts", ""),
            ("counts", "2"),
            ("raw", "{\"a\":[1]}"),
            ("mail.from", ""),
            ("mail.when", "2026-12-24T10:00"),
            ("mail.deep.in.key", ""),
            ("country", "FR"),
            ("city", "Paris"),
            ("+", "{\"z\":1}"),
        ]);

        let mut open = params().document();
        open["additionalProperties"] = json!(true);
        let args = Params::parse(&open).unwrap().from_form(&typed).unwrap();

        assert_eq!(
            args,
            json!({ "to": "a", "note": "one\ntwo", "n": 7, "ok": true, "size": 2, "tags": [], "counts": [1, 2],
                "raw": { "a": [1] }, "mail": { "when": "2026-12-24T10:00:00Z" }, "country": "FR", "city": "Paris", "z": 1 })
        );
    }

    #[test]
    fn every_fault_of_a_form_is_told_at_once() {
        let typed = pairs(&[
            ("to", ""),
            ("n", "7.5"),
            ("x", "a"),
            ("ok", "maybe"),
            ("size", "9"),
            ("counts", "1"),
            ("counts", "b"),
            ("raw", "{"),
            ("city", "Paris"),
            ("toto", "x"),
        ]);

        let faults = sentences(params().from_form(&typed).unwrap_err());

        assert_eq!(
            faults,
            [
                "/n: must be a whole number, not 7.5",
                "/x: must be a number such as 12.5",
                "/ok: must be true or false",
                "/counts/1: must be a whole number",
                "/raw: is no JSON: EOF while parsing an object at line 1 column 1",
                "/toto: is no parameter of this template",
                "/to: is missing",
                "/size: must be 1, 2 or 3",
                "/city: must be Rome or Milan where country is IT",
            ]
        );
    }

    #[test]
    fn a_template_that_says_nothing_takes_one_json_object() {
        let params = Params::default();
        let args = json!({ "a": { "b": [1, null] } });

        assert_eq!(params.from_form(&params.to_form(&args)), Ok(args));
        assert_eq!(params.from_form(&[]), Ok(json!({})));
        assert_eq!(
            sentences(params.from_form(&pairs(&[("+", "[]")])).unwrap_err()),
            ["must be a JSON object, not a list"]
        );
    }

    fn filled(text: &'static str) -> impl Strategy<Value = Value> {
        proptest::string::string_regex(text).unwrap().prop_map(Value::from)
    }

    fn maybe(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Option<Value>> {
        proptest::option::of(value)
    }

    /// Arguments that fit [`params`]; an empty text or element is what a form cannot tell from an empty field.
    fn fitting() -> impl Strategy<Value = Value> {
        let text = || filled("[a-zA-Zü\"\\\\{<&' \n]{1,8}");
        let place = prop_oneof![Just(("IT", "Rome")), Just(("IT", "Milan")), Just(("FR", "Paris"))];
        let mail = (maybe(text()), proptest::option::of(maybe(text())));
        let lists = (
            maybe(proptest::collection::vec(text(), 0..3).prop_map(Value::from)),
            maybe(proptest::collection::vec(any::<i64>(), 1..3).prop_map(Value::from)),
            maybe(Just(json!([[1], ["a"]]))),
        );
        let numbers = (
            maybe(any::<i64>().prop_map(Value::from)),
            maybe(any::<u64>().prop_map(Value::from)),
            maybe((1..4).prop_map(Value::from)),
        );
        (text(), maybe(filled("[a\n]{0,3}")), numbers, any::<bool>(), lists, mail, proptest::option::of(place))
            .prop_map(|(to, note, (n, x, size), ok, (tags, counts, rows), (from, deep), place)| {
                let deep = deep.map(|key| json!({ "in": object([("key", key)]) }));
                object([
                    ("to", Some(to)),
                    ("note", note),
                    ("n", n),
                    ("x", x),
                    ("ok", Some(ok.into())),
                    ("size", size),
                    ("tags", tags),
                    ("counts", counts),
                    ("rows", rows),
                    ("mail", Some(object([("from", from), ("deep", deep.filter(|deep| deep["in"] != json!({})))]))),
                    ("country", place.map(|place| place.0.into())),
                    ("city", place.map(|place| place.1.into())),
                ])
            })
    }

    fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
        let there = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(there.collect())
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let words = prop_oneof![
            Just("type"),
            Just("object"),
            Just("string"),
            Just("properties"),
            Just("a"),
            Just("items"),
            Just("array"),
            Just("enum"),
            Just("enum_by"),
            Just("param"),
            Just("choices"),
            Just("default"),
            Just("required"),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            words.clone().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 40, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec((words.clone(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_form_gives_back_the_arguments_it_was_filled_with(args in fitting()) {
            let params = params();

            prop_assert_eq!(params.from_form(&params.to_form(&args)), Ok(args));
        }

        #[test]
        fn arguments_that_fit_still_fit_with_defaults(args in fitting()) {
            let params = params();
            prop_assert_eq!(params.validate(&args), []);

            prop_assert_eq!(params.validate(&params.with_defaults(&args)), []);
        }

        #[test]
        fn no_document_and_no_argument_panics(document in any_json(), args in any_json(), typed in any::<Vec<(String, String)>>()) {
            let schema = Params::parse(&document).unwrap_or_else(|_| params());

            schema.validate(&args);
            schema.masked(&schema.with_defaults(&args));
            schema.to_form(&args);
            schema.fields();
            prop_assert_eq!(Params::parse(&schema.document()), Ok(schema.clone()));
            if let Ok(read) = schema.from_form(&typed) {
                prop_assert_eq!(schema.validate(&schema.with_defaults(&read)), []);
            }
        }
    }
}
