//! From a document to a [`Schema`].

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::Value;

use super::keywords::{Keywords, kind_of, refuse};
use super::schema::{Choices, ListRules, NumberRules, ObjectRules, Schema, Shape, TextRules, compare};
use super::{DEPTH_MAX, DESCRIPTION_CHARS_MAX, PARAM_NAME_BYTES_MAX, ParamsError, TITLE_CHARS_MAX};
use super::{PATTERN_BYTES_MAX, PATTERN_COMPILED_BYTES_MAX, PROPERTIES_MAX};
use super::{choices, format::Format, validate};
use crate::base::pointer::Place;

const TYPES: &str = "object, string, number, integer, boolean or array";
const COMMON: &[&str] = &["type", "title", "description", "default"];
const CHOICE: &[&str] = &["enum", "enum_by"];
const TEXT: &[&str] = &["minLength", "maxLength", "pattern", "format", "secret"];
const NUMBER: &[&str] = &["minimum", "maximum"];
const LIST: &[&str] = &["items", "minItems", "maxItems"];
const OBJECT: &[&str] = &["properties", "required", "additionalProperties", "order"];
/// Longest `format`, in characters: longer than any that is known.
const FORMAT_CHARS_MAX: usize = 20;

pub(super) type Parsed<T> = Result<T, ParamsError>;

/// Checks a document of parameters.
pub(super) fn parse(document: &Value) -> Parsed<Schema> {
    let mut parser = Parser { properties: 0 };
    let root = parser.schema(document, &Place::ROOT, 1)?;
    match root.shape {
        Shape::Object(_) => Ok(root),
        _ => refuse(&Place::ROOT.key("type"), "must be object: arguments have names"),
    }
}

struct Parser {
    /// Parameters met so far.
    properties: usize,
}

impl Parser {
    fn schema(&mut self, value: &Value, at: &Place<'_>, depth: usize) -> Parsed<Schema> {
        if depth > DEPTH_MAX {
            return refuse(at, format!("is nested more than {DEPTH_MAX} deep"));
        }
        let words = Keywords::of(value, at)?;
        let shape = self.shape(words, depth)?;
        let mut schema = Schema {
            title: words.text("title", TITLE_CHARS_MAX)?.map(str::to_owned),
            description: words.text("description", DESCRIPTION_CHARS_MAX)?.map(str::to_owned),
            default: None,
            choices: Choices::Free,
            shape,
        };
        schema.choices = choices::choices(words, &schema)?;
        schema.default = default(words, &schema)?;
        Ok(schema)
    }

    fn shape(&mut self, words: Keywords<'_>, depth: usize) -> Parsed<Shape> {
        match type_name(words, depth)? {
            "string" => text(words).map(Shape::Text),
            "number" => number(words, false).map(Shape::Number),
            "integer" => number(words, true).map(Shape::Number),
            "boolean" => words.only("a boolean", &[COMMON, CHOICE]).map(|()| Shape::Flag),
            "array" => self.list(words, depth).map(Shape::List),
            "object" => self.object(words, depth).map(Shape::Object),
            other => words.refuse("type", format!("must be {TYPES}, not {other:?}")),
        }
    }

    fn list(&mut self, words: Keywords<'_>, depth: usize) -> Parsed<ListRules> {
        words.only("an array", &[COMMON, LIST])?;
        let items = match words.map.get("items") {
            None => None,
            Some(items) => Some(Box::new(self.schema(items, &words.at.key("items"), depth + 1)?)),
        };
        if items.as_ref().is_some_and(|items| items.chosen_by().is_some()) {
            return refuse(
                &words.at.key("items").key("enum_by"),
                "needs a sibling, but the elements of a list have none",
            );
        }
        let (min_items, max_items) = (words.count("minItems")?, words.count("maxItems")?);
        words.rising("minItems", "maxItems", min_items.unwrap_or(0) <= max_items.unwrap_or(u64::MAX))?;
        Ok(ListRules { items, min_items, max_items })
    }

    fn object(&mut self, words: Keywords<'_>, depth: usize) -> Parsed<ObjectRules> {
        words.only("an object", &[COMMON, OBJECT])?;
        let mut properties = Vec::new();
        for name in names_in_order(words)? {
            properties.push((name.to_owned(), self.property(words, name, depth)?));
        }
        // an object that lists its members is closed: a misspelt argument must not vanish
        let additional = words.flag("additionalProperties")?.unwrap_or(!words.map.contains_key("properties"));
        let rules = ObjectRules { properties, required: required(words)?, additional };
        choices::check_dependent(words, &rules)?;
        Ok(rules)
    }

    fn property(&mut self, words: Keywords<'_>, name: &str, depth: usize) -> Parsed<Schema> {
        let all = words.at.key("properties");
        let at = all.key(name);
        check_name(name, &at)?;
        self.properties += 1;
        if self.properties > PROPERTIES_MAX {
            return refuse(&at, format!("is one too many: a template has at most {PROPERTIES_MAX} parameters"));
        }
        let value = words.map.get("properties").and_then(|all| all.get(name)).unwrap_or(&Value::Null);
        self.schema(value, &at, depth + 1)
    }
}

fn type_name<'a>(words: Keywords<'a>, depth: usize) -> Parsed<&'a str> {
    match words.map.get("type") {
        Some(Value::String(name)) => Ok(name),
        Some(other) => words.refuse("type", format!("must be {TYPES}, not {}", kind_of(other))),
        None if depth == 1 => Ok("object"), // arguments are always an object
        None => words.refuse("type", format!("is missing; it is {TYPES}")),
    }
}

fn check_name(name: &str, at: &Place<'_>) -> Parsed<()> {
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        && name.len() <= PARAM_NAME_BYTES_MAX;
    if fits {
        return Ok(());
    }
    refuse(at, format!("is no name: 1 to {PARAM_NAME_BYTES_MAX} of A-Z a-z 0-9 _ -, beginning with a letter or _"))
}

/// Lists the names of the properties: those that `order` names first, the others as they stand.
fn names_in_order(words: Keywords<'_>) -> Parsed<Vec<&str>> {
    let Some(properties) = words.object("properties")? else {
        return if words.map.contains_key("order") {
            words.refuse("order", "orders nothing without properties")
        } else {
            Ok(Vec::new())
        };
    };
    let mut names = texts(words, "order")?;
    if let Some((index, name)) = names.iter().enumerate().find(|(_, name)| !properties.contains_key(**name)) {
        return refuse(&words.at.key("order").index(index), format!("{name:?} is none of the properties"));
    }
    for name in properties.keys() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    Ok(names)
}

fn required(words: Keywords<'_>) -> Parsed<BTreeSet<String>> {
    let names = texts(words, "required")?;
    for (index, name) in names.iter().enumerate() {
        if words.map.get("properties").and_then(|all| all.get(name)).is_none() {
            return refuse(&words.at.key("required").index(index), format!("{name:?} is none of the properties"));
        }
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// Reads a list of texts of which none stands twice.
fn texts<'a>(words: Keywords<'a>, keyword: &str) -> Parsed<Vec<&'a str>> {
    let mut texts = Vec::new();
    for (index, value) in words.list(keyword)?.into_iter().flatten().enumerate() {
        let list = words.at.key(keyword);
        let at = list.index(index);
        match value {
            Value::String(text) if texts.contains(&text.as_str()) => {
                return refuse(&at, format!("{text:?} stands twice"));
            }
            Value::String(text) => texts.push(text.as_str()),
            other => return refuse(&at, format!("must be text, not {}", kind_of(other))),
        }
    }
    Ok(texts)
}

fn text(words: Keywords<'_>) -> Parsed<TextRules> {
    words.only("a string", &[COMMON, CHOICE, TEXT])?;
    let rules = TextRules {
        min_length: words.count("minLength")?,
        max_length: words.count("maxLength")?,
        pattern: pattern(words)?,
        format: format(words)?,
        secret: words.flag("secret")?.unwrap_or(false),
    };
    words.rising("minLength", "maxLength", rules.min_length.unwrap_or(0) <= rules.max_length.unwrap_or(u64::MAX))?;
    let told = ["default", "enum", "enum_by"].into_iter().find(|name| words.map.contains_key(*name));
    match told.filter(|_| rules.secret) {
        Some(name) => words.refuse(name, "would tell a secret to everybody who sees the template"),
        None => Ok(rules),
    }
}

fn pattern(words: Keywords<'_>) -> Parsed<Option<regex::Regex>> {
    let Some(text) = words.text("pattern", PATTERN_BYTES_MAX)? else { return Ok(None) };
    match regex::RegexBuilder::new(text).size_limit(PATTERN_COMPILED_BYTES_MAX).build() {
        Ok(pattern) => Ok(Some(pattern)),
        Err(error) => {
            words.refuse("pattern", format!("is no pattern that can be used: {}", last_line(&error.to_string())))
        }
    }
}

/// The regex crate draws the fault over several lines; the last one says it.
fn last_line(text: &str) -> String {
    let line = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or(text);
    line.trim().trim_start_matches("error: ").to_owned()
}

fn format(words: Keywords<'_>) -> Parsed<Option<Format>> {
    let Some(text) = words.text("format", FORMAT_CHARS_MAX)? else { return Ok(None) };
    match Format::ALL.into_iter().find(|format| format.name() == text) {
        Some(format) => Ok(Some(format)),
        None => {
            let known: Vec<_> = Format::ALL.map(Format::name).into();
            words.refuse("format", format!("{text:?} is not known; known are {}", known.join(", ")))
        }
    }
}

fn number(words: Keywords<'_>, integer: bool) -> Parsed<NumberRules> {
    words.only(if integer { "an integer" } else { "a number" }, &[COMMON, CHOICE, NUMBER])?;
    let (minimum, maximum) = (words.number("minimum")?, words.number("maximum")?);
    let rises =
        minimum.as_ref().zip(maximum.as_ref()).is_none_or(|(low, high)| compare(low, high) != Ordering::Greater);
    words.rising("minimum", "maximum", rises)?;
    Ok(NumberRules { integer, minimum, maximum })
}

fn default(words: Keywords<'_>, schema: &Schema) -> Parsed<Option<Value>> {
    let Some(value) = words.map.get("default") else { return Ok(None) };
    fits(schema, value, &words.at.key("default"))?;
    Ok(Some(value.clone()))
}

/// Refuses a value of the document that the schema around it would refuse.
pub(super) fn fits(schema: &Schema, value: &Value, at: &Place<'_>) -> Parsed<()> {
    match validate::first_fault(schema, value) {
        None => Ok(()),
        Some(fault) => refuse(at, format!("does not fit: {fault}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(properties: Value) -> Value {
        json!({ "type": "object", "properties": properties })
    }

    #[test]
    fn every_refusal_names_its_place_and_reason() {
        let cases = [
            (json!([]), "", "must be an object of keywords, not a list"),
            (json!({ "type": "string" }), "/type", "must be object: arguments have names"),
            (json!({ "type": ["object"] }), "/type", "must be object, string, number"),
            (json!({ "$ref": "#/a" }), "/$ref", "is no keyword of an object"),
            (object(json!({ "a": {} })), "/properties/a/type", "is missing"),
            (object(json!({ "a b": { "type": "string" } })), "/properties/a b", "is no name"),
            (object(json!({ "a": { "type": "text" } })), "/properties/a/type", "not \"text\""),
            (
                object(json!({ "a": { "type": "string", "minimum": 3 } })),
                "/properties/a/minimum",
                "is no keyword of a string",
            ),
            (
                object(json!({ "a": { "type": "string", "minLength": -1 } })),
                "/properties/a/minLength",
                "whole number from 0",
            ),
            (
                object(json!({ "a": { "type": "string", "minLength": 3, "maxLength": 2 } })),
                "/properties/a/minLength",
                "is larger than maxLength",
            ),
            (object(json!({ "a": { "type": "string", "pattern": "(?=x)" } })), "/properties/a/pattern", "look-around"),
            (
                object(json!({ "a": { "type": "string", "pattern": "(a{1000}){1000}" } })),
                "/properties/a/pattern",
                "size limit",
            ),
            (object(json!({ "a": { "type": "string", "format": "ipv4" } })), "/properties/a/format", "known are date"),
            (
                object(json!({ "a": { "type": "integer", "enum": [1, "2"] } })),
                "/properties/a/enum/1",
                "must be a whole number, not text",
            ),
            (object(json!({ "a": { "type": "string", "enum": [] } })), "/properties/a/enum", "has 0 choices"),
            (object(json!({ "a": { "type": "string", "enum": ["x", "x"] } })), "/properties/a/enum/1", "stands twice"),
            (object(json!({ "a": { "type": "integer", "default": 1.5 } })), "/properties/a/default", "does not fit"),
            (
                object(json!({ "a": { "type": "string", "secret": true, "default": "x" } })),
                "/properties/a/default",
                "would tell",
            ),
            (
                json!({ "properties": { "a": { "type": "string" } }, "required": ["b"] }),
                "/required/0",
                "none of the properties",
            ),
            (
                json!({ "properties": { "a": { "type": "string" } }, "order": ["b"] }),
                "/order/0",
                "none of the properties",
            ),
            (json!({ "additionalProperties": { "type": "string" } }), "/additionalProperties", "must be true or false"),
            (
                object(json!({ "a": { "type": "array", "items": { "type": "array", "items": { "type": "x" } } } })),
                "/properties/a/items/items/type",
                "must be object",
            ),
        ];

        for (document, pointer, message) in cases {
            let fault = parse(&document).err().unwrap_or_else(|| panic!("{document} was accepted"));

            assert_eq!(fault.pointer, pointer, "{document}: {fault}");
            assert!(fault.message.contains(message), "{document}: {fault}");
        }
    }

    #[test]
    fn depth_and_number_of_parameters_are_limited() {
        let mut deep = json!({ "type": "string" });
        for _ in 0..DEPTH_MAX {
            deep = object(json!({ "a": deep }));
        }
        assert!(parse(&deep).unwrap_err().message.contains("more than 16 deep"));

        let many = (0..=PROPERTIES_MAX).map(|n| (format!("p{n}"), json!({ "type": "string" })));
        let many = object(Value::Object(many.collect()));
        assert!(parse(&many).unwrap_err().message.contains("at most 200"));
    }
}
