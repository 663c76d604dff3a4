//! Reading the keywords of one schema, each refused with its place when it is not what it should be.

use serde_json::{Map, Number, Value};

use super::ParamsError;
use crate::base::pointer::Place;

/// The keywords of one schema.
#[derive(Clone, Copy)]
pub(super) struct Keywords<'a> {
    pub map: &'a Map<String, Value>,
    pub at: &'a Place<'a>,
}

/// Refuses what stands at `place`.
pub(super) fn refuse<T>(place: &Place<'_>, message: impl Into<String>) -> Result<T, ParamsError> {
    Err(ParamsError { pointer: place.to_string(), message: message.into() })
}

/// Names the kind of a JSON value for a person.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "a whole number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl<'a> Keywords<'a> {
    pub(super) fn of(value: &'a Value, at: &'a Place<'a>) -> Result<Self, ParamsError> {
        match value {
            Value::Object(map) => Ok(Self { map, at }),
            other => refuse(at, format!("must be an object of keywords, not {}", kind_of(other))),
        }
    }

    /// Refuses the keyword `name`.
    pub(super) fn refuse<T>(&self, name: &str, message: impl Into<String>) -> Result<T, ParamsError> {
        refuse(&self.at.key(name), message)
    }

    /// Refuses whatever stands in none of `known`.
    pub(super) fn only(&self, whose: &str, known: &[&[&str]]) -> Result<(), ParamsError> {
        let stranger = self.map.keys().find(|name| !known.iter().any(|names| names.contains(&name.as_str())));
        match stranger {
            None => Ok(()),
            Some(name) => {
                self.refuse(name, format!("is no keyword of {whose}; known are {}", known.concat().join(", ")))
            }
        }
    }

    pub(super) fn text(&self, name: &str, chars_max: usize) -> Result<Option<&'a str>, ParamsError> {
        match self.map.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.chars().count() > chars_max => {
                self.refuse(name, format!("has more than {chars_max} characters"))
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => self.refuse(name, format!("must be text, not {}", kind_of(other))),
        }
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, ParamsError> {
        match self.map.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => self.refuse(name, format!("must be true or false, not {}", kind_of(other))),
        }
    }

    pub(super) fn count(&self, name: &str) -> Result<Option<u64>, ParamsError> {
        match self.map.get(name) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(count) => Ok(Some(count)),
                None => self.refuse(name, "must be a whole number from 0"),
            },
        }
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<Number>, ParamsError> {
        match self.map.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number.clone())),
            Some(other) => self.refuse(name, format!("must be a number, not {}", kind_of(other))),
        }
    }

    pub(super) fn list(&self, name: &str) -> Result<Option<&'a Vec<Value>>, ParamsError> {
        match self.map.get(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(other) => self.refuse(name, format!("must be a list, not {}", kind_of(other))),
        }
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<&'a Map<String, Value>>, ParamsError> {
        match self.map.get(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(other) => self.refuse(name, format!("must be an object, not {}", kind_of(other))),
        }
    }

    /// Refuses a pair of limits of which the lower one is the larger.
    pub(super) fn rising(&self, low: &str, high: &str, rises: bool) -> Result<(), ParamsError> {
        if rises { Ok(()) } else { self.refuse(low, format!("is larger than {high}, so nothing would fit")) }
    }
}
