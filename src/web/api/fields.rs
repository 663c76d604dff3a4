//! The members of a JSON object, taken out one by one with their types; what is left over is unknown.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::PROBLEMS_MAX;
use crate::base::clock::Time;
use crate::web::error::WebError;
use crate::web::form::Problem;

/// An object that is being read, with all problems found so far.
pub struct Fields {
    at: String,
    members: Map<String, Value>,
    problems: Vec<Problem>,
}

impl Fields {
    /// Begins to read `value`, which stands at the pointer `at`.
    pub fn of(value: Value, at: impl Into<String>) -> Self {
        let at = at.into();
        match value {
            Value::Object(members) => Self { at, members, problems: Vec::new() },
            other => {
                let message = format!("must be an object, not {}", kind(&other));
                let problems = vec![Problem { field: at.clone(), message }];
                Self { at, members: Map::new(), problems }
            }
        }
    }

    /// Notes that something is wrong with a member.
    pub fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.refuse_at(&format!("/{}", name.replace('~', "~0").replace('/', "~1")), message);
    }

    fn refuse_at(&mut self, pointer: &str, message: impl Into<String>) {
        self.problems.push(Problem { field: format!("{}{pointer}", self.at), message: message.into() });
    }

    /// Tells whether a member is there and not null.
    pub fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    /// Takes a member as it is; `None` when it is absent.
    pub fn value(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name) // not `swap_remove`: problems come in the order of the text
    }

    /// Takes a member; `None` when it is absent, null or refused.
    fn take<T>(&mut self, name: &str, wanted: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let value = self.value(name).filter(|value| !value.is_null())?;
        let taken = read(&value);
        if taken.is_none() {
            self.refuse(name, format!("{name} must be {wanted}, not {}", kind(&value)));
        }
        taken
    }

    /// Takes a text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        self.take(name, "a text", |value| value.as_str().map(str::to_owned))
    }

    /// Takes a text that must be there.
    pub fn required_text(&mut self, name: &str) -> String {
        if !self.has(name) {
            self.refuse(name, format!("{name} is required"));
        }
        self.text(name).unwrap_or_default()
    }

    /// Takes a whole number that `N` can hold; a refusal tells the bounds. Whoever acts on it refuses what else lies outside of them.
    pub fn whole<N: TryFrom<i64>>(&mut self, name: &str, bounds: RangeInclusive<i64>) -> Option<N> {
        let wanted = match bounds.into_inner() {
            (least, i64::MAX) => format!("a whole number from {least} on"),
            (least, most) => format!("a whole number from {least} to {most}"),
        };
        self.take(name, &wanted, |value| N::try_from(value.as_i64()?).ok())
    }

    /// Takes a whole number that `N` can hold, or null (`Some(None)`); `None` when it is absent or refused.
    pub fn whole_or_null<N: TryFrom<i64>>(&mut self, name: &str, bounds: RangeInclusive<i64>) -> Option<Option<N>> {
        if self.members.get(name).is_some_and(Value::is_null) {
            self.members.remove(name);
            return Some(None);
        }
        self.whole(name, bounds).map(Some)
    }

    /// Takes a time: RFC 3339 with an offset, from 1970 to 9999.
    pub fn time(&mut self, name: &str) -> Option<Time> {
        use chrono::Datelike;
        let read = |value: &Value| {
            let time = chrono::DateTime::parse_from_rfc3339(value.as_str()?).ok()?.to_utc();
            crate::queue::enqueue::YEARS.contains(&time.year()).then_some(time)
        };
        self.take(name, "a time such as 2026-11-24T05:30:00Z", read)
    }

    /// Takes true or false.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        self.take(name, "true or false", Value::as_bool)
    }

    /// Takes a list of whole numbers.
    pub fn wholes(&mut self, name: &str) -> Option<Vec<i64>> {
        let read = |value: &Value| value.as_array()?.iter().map(Value::as_i64).collect();
        self.take(name, "a list of whole numbers", read)
    }

    /// Takes a list of texts.
    pub fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let read = |value: &Value| value.as_array()?.iter().map(|one| one.as_str().map(str::to_owned)).collect();
        self.take(name, "a list of texts", read)
    }

    /// Ends the reading: whatever was not taken is unknown.
    ///
    /// # Errors
    /// Every problem that was found.
    pub fn end(mut self) -> Result<(), Vec<Problem>> {
        let unknown: Vec<String> = self.members.keys().cloned().collect();
        for name in unknown {
            self.refuse(&name, format!("{name:?} is not a field here"));
        }
        if self.problems.is_empty() { Ok(()) } else { Err(self.problems) }
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("{:?}", text.chars().take(40).collect::<String>()),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

/// Makes one refusal of all problems, at most 100 of them.
pub fn told(mut problems: Vec<Problem>) -> WebError {
    let more = problems.len().saturating_sub(PROBLEMS_MAX);
    if more > 0 {
        problems.truncate(PROBLEMS_MAX);
        problems.push(Problem { field: String::new(), message: format!("There are {more} more problems") });
    }
    WebError::Invalid(problems)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_problem_is_told_at_its_place() {
        let body =
            json!({"name": 7, "size": 1.5, "small": 400, "at": "yesterday", "tags": ["a", 1], "x/y": 1, "ok": "yes"});
        let mut fields = Fields::of(body, "/3");

        assert_eq!(fields.required_text("name"), "");
        assert_eq!((fields.whole::<i64>("size", 1..=i64::MAX), fields.whole::<u8>("small", 0..=200)), (None, None));
        assert_eq!((fields.time("at"), fields.texts("tags")), (None, None));
        assert_eq!(fields.text("ok").as_deref(), Some("yes"));
        fields.required_text("gone");

        let problems = fields.end().unwrap_err();
        let told: Vec<_> = problems.iter().map(|one| format!("{} {}", one.field, one.message)).collect();
        assert_eq!(
            told,
            [
                "/3/name name must be a text, not 7",
                "/3/size size must be a whole number from 1 on, not 1.5",
                "/3/small small must be a whole number from 0 to 200, not 400",
                "/3/at at must be a time such as 2026-11-24T05:30:00Z, not \"yesterday\"",
                "/3/tags tags must be a list of texts, not a list",
                "/3/gone gone is required",
                "/3/x~1y \"x/y\" is not a field here",
            ]
        );
    }

    #[test]
    fn null_is_absent_and_times_are_utc() {
        let mut fields =
            Fields::of(json!({"a": null, "at": "2026-11-24T06:30:00+01:00", "far": "9999-12-31T23:59:59Z"}), "");

        assert_eq!(fields.text("a"), None);
        assert_eq!(fields.time("at").unwrap().to_rfc3339(), "2026-11-24T05:30:00+00:00");
        assert!(fields.time("far").is_some());
        assert_eq!(fields.end(), Ok(()));
        let mut old = Fields::of(json!({"at": "1969-12-31T23:59:59Z"}), "");
        assert!(old.time("at").is_none() && old.end().is_err());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(Fields::of(json!([1]), "/0").end().unwrap_err()[0].message, "must be an object, not a list");
    }

    #[test]
    fn a_flood_of_problems_is_cut() {
        let many = vec![Problem { field: "/x".into(), message: "bad".into() }; 250];

        let WebError::Invalid(problems) = told(many) else { panic!("another error") };
        assert_eq!((problems.len(), problems[100].message.as_str()), (101, "There are 150 more problems"));
    }
}
