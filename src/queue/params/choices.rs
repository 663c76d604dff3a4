//! Choices: `enum` and `enum_by`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::keywords::{Keywords, kind_of, refuse};
use super::parse::{Parsed, fits};
use super::schema::{Choices, ObjectRules, Schema, Shape, spell};
use super::{CHOICES_MAX, PARAM_NAME_BYTES_MAX};
use crate::base::pointer::Place;

/// Reads the choices of a value that `schema` describes so far.
pub(super) fn choices(words: Keywords<'_>, schema: &Schema) -> Parsed<Choices> {
    match (words.map.get("enum"), words.map.get("enum_by")) {
        (None, None) => Ok(Choices::Free),
        (Some(list), None) => one_of(list, &words.at.key("enum"), schema).map(Choices::OneOf),
        (None, Some(by)) => dependent(by, &words.at.key("enum_by"), schema),
        (Some(_), Some(_)) => words.refuse("enum_by", "cannot stand beside enum"),
    }
}

fn one_of(list: &Value, at: &Place<'_>, schema: &Schema) -> Parsed<Vec<Value>> {
    let Value::Array(list) = list else {
        return refuse(at, format!("must be a list of choices, not {}", kind_of(list)));
    };
    if list.is_empty() || list.len() > CHOICES_MAX {
        return refuse(at, format!("has {} choices; it needs 1 to {CHOICES_MAX}", list.len()));
    }
    let mut seen = BTreeSet::new();
    for (index, choice) in list.iter().enumerate() {
        let at = at.index(index);
        fits(schema, choice, &at)?;
        if !seen.insert(spell(choice)) {
            return refuse(&at, "stands twice");
        }
    }
    Ok(list.clone())
}

fn dependent(by: &Value, at: &Place<'_>, schema: &Schema) -> Parsed<Choices> {
    let words = Keywords::of(by, at)?;
    words.only("enum_by", &[&["param", "choices"]])?;
    let Some(param) = words.text("param", PARAM_NAME_BYTES_MAX)? else {
        return words.refuse("param", "is missing; it names the parameter on which the choices depend");
    };
    let Some(lists) = words.object("choices")? else {
        return words.refuse("choices", "is missing; it has a list of choices for each value of the other parameter");
    };
    let mut choices = BTreeMap::new();
    for (value, list) in lists {
        choices.insert(value.clone(), one_of(list, &at.key("choices").key(value), schema)?);
    }
    Ok(Choices::By { param: param.to_owned(), choices })
}

/// Checks that every dependent choice has its sibling, that the sibling can have the values, and that there is no circle.
pub(super) fn check_dependent(words: Keywords<'_>, rules: &ObjectRules) -> Parsed<()> {
    for (name, schema) in &rules.properties {
        let Choices::By { param, choices } = &schema.choices else { continue };
        let (all, by) = (words.at.key("properties"), "enum_by");
        let own = all.key(name);
        let at = own.key(by);
        let Some(parent) = rules.property(param) else {
            return refuse(&at.key("param"), format!("{param:?} is none of the properties beside it"));
        };
        if matches!(parent.shape, Shape::List(_) | Shape::Object(_)) || parent.is_secret() {
            return refuse(&at.key("param"), format!("{param:?} must be a text, number or flag that is no secret"));
        }
        if let Some(stray) = choices.keys().find(|value| !can_be(parent, value)) {
            return refuse(&at.key("choices").key(stray), format!("{param:?} can never be {stray:?}"));
        }
    }
    let placed: BTreeSet<_> = rules.parents_first().into_iter().map(|(name, _)| name).collect();
    match rules.properties.iter().find(|(name, _)| !placed.contains(name)) {
        Some((name, _)) => {
            refuse(&words.at.key("properties").key(name).key("enum_by"), "depends on itself in a circle")
        }
        None => Ok(()),
    }
}

fn can_be(parent: &Schema, text: &str) -> bool {
    match &parent.choices {
        Choices::Free => true,
        Choices::OneOf(choices) => choices.iter().any(|choice| spell(choice) == text),
        Choices::By { choices, .. } => choices.values().flatten().any(|choice| spell(choice) == text),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use serde_json::{Value, json};

    #[test]
    fn dependent_choices_need_a_sibling_that_can_have_the_values() {
        let city = |param: &str, choices: Value| {
            json!({ "properties": json!({
                "country": { "type": "string", "enum": ["IT", "FR"] },
                "city": { "type": "string", "enum_by": { "param": param, "choices": choices } },
            }) })
        };

        assert!(parse(&city("country", json!({ "IT": ["Rome"], "FR": ["Paris"] }))).is_ok());
        let unknown = parse(&city("land", json!({}))).unwrap_err();
        assert_eq!(unknown.pointer, "/properties/city/enum_by/param");
        let stray = parse(&city("country", json!({ "DE": ["Bonn"] }))).unwrap_err();
        assert_eq!(stray.pointer, "/properties/city/enum_by/choices/DE");
        let circle = parse(&city("city", json!({ "Rome": ["Rome"] }))).unwrap_err();
        assert!(circle.message.contains("circle"), "{circle}");
    }
}
