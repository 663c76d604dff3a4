//! One control per parameter of a template: what is shown, what was typed, what is sent on.

use chrono_tz::Tz;
use serde_json::Value;

use crate::base::clock::Time;
use crate::queue::params::{ArgError, Field, FieldKind, OTHERS, Params};
use crate::web::form::Form;
use crate::web::moment;
use crate::web::parts::Choice;

/// Stands before the name of every parameter in the form.
pub const ARGS: &str = "args.";

/// One control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Name of the form field.
    pub name: String,
    /// What stands above it.
    pub label: String,
    /// What stands below it.
    pub help: String,
    /// How it is filled in.
    pub kind: Kind,
}

/// How a control is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One line; the browser's kind of field: `text`, `date`, `datetime-local`.
    Line(&'static str),
    /// A number between bounds, each empty for none.
    Number {
        /// Smallest.
        min: String,
        /// Largest.
        max: String,
        /// `1` for whole numbers, `any` else.
        step: &'static str,
    },
    /// Several lines; how many are seen.
    Area(u32),
    /// One of these.
    Choice(Vec<Choice>),
    /// One of these, which depend on another field: changing that one asks for them again.
    Dependent(Vec<Choice>),
    /// Yes or no.
    Flag,
    /// Never shown again; `true` = leaving it empty keeps what was there.
    Secret(bool),
}

/// Makes the controls of `params` for what `form` holds. `old` are the arguments that are edited.
pub fn controls(params: &Params, form: &Form, old: Option<&Value>) -> Vec<Control> {
    params.fields().iter().map(|field| control(field, form, old)).collect()
}

/// Names the fields on which others depend.
pub fn sources(params: &Params) -> Vec<String> {
    let by = |field: &Field| match &field.kind {
        FieldKind::CascadingChoice { by, .. } => Some(format!("{ARGS}{by}")),
        _ => None,
    };
    params.fields().iter().filter_map(by).collect()
}

fn control(field: &Field, form: &Form, old: Option<&Value>) -> Control {
    let optional = if field.required || field.kind == FieldKind::Flag { "" } else { " (optional)" };
    Control {
        name: format!("{ARGS}{}", field.name),
        label: format!("{}{optional}", field.title),
        help: help(field),
        kind: kind(field, form, old),
    }
}

fn kind(field: &Field, form: &Form, old: Option<&Value>) -> Kind {
    let spelled = |number: &Option<serde_json::Number>| number.as_ref().map(ToString::to_string).unwrap_or_default();
    match &field.kind {
        FieldKind::Text | FieldKind::File => Kind::Line("text"),
        FieldKind::Date => Kind::Line("date"),
        FieldKind::DateTime => Kind::Line("datetime-local"),
        FieldKind::TextArea | FieldKind::List(_) => Kind::Area(4),
        FieldKind::Json => Kind::Area(8),
        FieldKind::Number { integer } => Kind::Number {
            min: spelled(&field.range.0),
            max: spelled(&field.range.1),
            step: if *integer { "1" } else { "any" },
        },
        FieldKind::Choice(texts) => Kind::Choice(choices(texts)),
        FieldKind::CascadingChoice { by, choices: all } => {
            let chosen = form.text(&format!("{ARGS}{by}"));
            let texts = all.iter().find(|(value, _)| value == chosen).map_or(&[][..], |(_, texts)| texts);
            Kind::Dependent(choices(texts))
        }
        FieldKind::Flag => Kind::Flag,
        FieldKind::Secret => Kind::Secret(at(old, &field.name).is_some()),
    }
}

fn choices(texts: &[String]) -> Vec<Choice> {
    texts.iter().map(|text| Choice::new(text.clone(), text.clone())).collect()
}

fn help(field: &Field) -> String {
    let bounds = match (&field.range, &field.length) {
        ((Some(min), Some(max)), _) => format!("{min} to {max}"),
        ((Some(min), None), _) => format!("At least {min}"),
        ((None, Some(max)), _) => format!("At most {max}"),
        (_, (None, Some(max))) if !matches!(field.kind, FieldKind::List(_)) => format!("At most {max} characters"),
        _ => String::new(),
    };
    let how = match &field.kind {
        FieldKind::List(_) => "One per line",
        FieldKind::File => "Path of a file on the node",
        FieldKind::Json if field.name == OTHERS => "",
        FieldKind::Json => "JSON",
        _ => "",
    };
    let pattern = field.pattern.as_ref().map(|pattern| format!("Must match {pattern}")).unwrap_or_default();
    let described = field.description.clone().unwrap_or_default();
    [described, how.into(), bounds, pattern].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(". ")
}

/// Finds the value of `outer.inner`.
fn at<'v>(args: Option<&'v Value>, name: &str) -> Option<&'v Value> {
    name.split('.').try_fold(args?, |value, part| value.get(part))
}

/// Fills a form with `args` as its controls want them; fields that `form` has already are left alone.
pub fn filled(params: &Params, args: &Value, zone: Tz, mut form: Form) -> Form {
    let pairs = params.to_form(&params.masked(args));
    for field in params.fields() {
        let name = format!("{ARGS}{}", field.name);
        let texts: Vec<&str> =
            pairs.iter().filter(|(known, _)| *known == field.name).map(|(_, text)| text.as_str()).collect();
        if texts.is_empty() || form.group(&name).any(|(rest, _)| rest.is_empty()) {
            continue;
        }
        form = match &field.kind {
            FieldKind::Secret => form,
            FieldKind::List(_) => form.with(&name, texts.join("\n")),
            FieldKind::DateTime => form.with(&name, local(texts[0], zone)),
            FieldKind::Json => form.with(&name, indented(texts[0])),
            _ => form.with(&name, texts[texts.len() - 1]),
        };
    }
    form
}

fn local(text: &str, zone: Tz) -> String {
    match text.parse::<Time>() {
        Ok(moment) => moment::write(moment, zone),
        Err(_) => text.to_owned(),
    }
}

fn indented(text: &str) -> String {
    let value = serde_json::from_str::<Value>(text);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| text.to_owned())
}

/// Reads the arguments out of a form, with the defaults of those that are not there; `None` when something is wrong, which then stands at
/// its field.
pub fn arguments(params: &Params, form: &mut Form, zone: Tz, old: Option<&Value>) -> Option<Value> {
    typed(params, form, zone, old).map(|args| params.with_defaults(&args))
}

/// Reads the arguments that stand in a form; `None` when something is wrong, which then stands at its field.
pub fn typed(params: &Params, form: &mut Form, zone: Tz, old: Option<&Value>) -> Option<Value> {
    let (fields, before) = (params.fields(), form.problems().len());
    let pairs: Vec<(String, String)> = sent(&fields, form, zone, old);
    match params.from_form(&pairs) {
        Ok(args) => (form.problems().len() == before).then_some(args),
        Err(errors) => {
            errors.iter().for_each(|error| refuse(form, &fields, error));
            None
        }
    }
}

/// What the parameters are read from: lists line by line, moments in UTC, secrets that stay.
fn sent(fields: &[Field], form: &mut Form, zone: Tz, old: Option<&Value>) -> Vec<(String, String)> {
    let typed: Vec<(String, String)> =
        form.group(ARGS).map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    let mut pairs = Vec::new();
    for (name, text) in typed {
        let field = fields.iter().find(|field| field.name == name);
        match field.map(|field| &field.kind) {
            Some(FieldKind::List(_)) => {
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                pairs.extend(lines.map(|line| (name.clone(), line.to_owned())));
            }
            Some(FieldKind::DateTime) if !text.trim().is_empty() => match moment::read(&text, zone) {
                Ok(moment) => pairs.push((name, moment.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))),
                Err(error) => form.refuse(&format!("{ARGS}{name}"), error),
            },
            Some(FieldKind::Secret) if text.is_empty() => {
                let kept = at(old, &name).and_then(Value::as_str);
                pairs.extend(kept.map(|kept| (name.clone(), kept.to_owned())));
            }
            _ => pairs.push((name, text)),
        }
    }
    pairs
}

/// Notes a fault at the field it belongs to: the declared parameter at or above its place.
fn refuse(form: &mut Form, fields: &[Field], error: &ArgError) {
    let (name, message) = placed(fields, &error.pointer, &error.message);
    form.refuse(&name, message);
}

/// Finds the field of a place in the arguments and the sentence that stands there.
pub fn placed(fields: &[Field], pointer: &str, message: &str) -> (String, String) {
    let path = pointer.trim_start_matches('/').replace('/', ".");
    let own = fields.iter().filter(|field| path == field.name || path.starts_with(&format!("{}.", field.name)));
    let Some(field) = own.max_by_key(|field| field.name.len()) else {
        let others = fields.iter().find(|field| field.name == OTHERS).or(fields.first());
        let name = others.map_or_else(|| ARGS.to_owned(), |field| format!("{ARGS}{}", field.name));
        return (name, format!("{path} {message}").trim_start().to_owned());
    };
    let inside = path[field.name.len()..].trim_start_matches('.');
    let place = match inside.parse::<usize>() {
        Ok(index) => format!(", line {}", index + 1),
        Err(_) if inside.is_empty() => String::new(),
        Err(_) => format!(", {inside}"),
    };
    (format!("{ARGS}{}", field.name), format!("{}{place} {message}", field.title))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ROME: Tz = chrono_tz::Europe::Rome;

    fn params() -> Params {
        Params::parse(&json!({
            "required": ["to", "tags"],
            "properties": {
                "to": { "type": "string", "title": "Recipient", "maxLength": 40 },
                "copies": { "type": "integer", "minimum": 1, "maximum": 9, "default": 2 },
                "note": { "type": "string", "format": "textarea" },
                "day": { "type": "string", "format": "date" },
                "at": { "type": "string", "format": "date-time" },
                "dry": { "type": "boolean" },
                "key": { "type": "string", "secret": true },
                "tags": { "type": "array", "items": { "type": "string", "minLength": 2 } },
                "country": { "type": "string", "enum": ["IT", "FR"] },
                "city": { "type": "string", "enum_by": { "param": "country", "choices": { "IT": ["Rome"], "FR": ["Paris"] } } },
                "mail": { "type": "object", "properties": { "from": { "type": "string" } } },
                "raw": { "type": "object" },
            },
        }))
        .expect("parameters")
    }

    fn named<'c>(controls: &'c [Control], name: &str) -> &'c Control {
        controls.iter().find(|control| control.name == format!("args.{name}")).expect("a control")
    }

    #[test]
    fn each_kind_of_parameter_has_its_control() {
        let form = Form::default().with("args.country", "FR");

        let controls = controls(&params(), &form, Some(&json!({ "key": "s3cret" })));

        assert_eq!(named(&controls, "to").label, "Recipient");
        assert_eq!(named(&controls, "note").label, "Note (optional)");
        assert_eq!(named(&controls, "copies").help, "1 to 9");
        let number = Kind::Number { min: "1".into(), max: "9".into(), step: "1" };
        assert_eq!(named(&controls, "copies").kind, number);
        assert_eq!(named(&controls, "at").kind, Kind::Line("datetime-local"));
        assert_eq!(named(&controls, "tags").help, "One per line");
        assert_eq!(named(&controls, "city").kind, Kind::Dependent(vec![Choice::new("Paris", "Paris")]));
        assert_eq!(named(&controls, "key").kind, Kind::Secret(true));
        assert_eq!(named(&controls, "mail.from").label, "From (optional)");
        assert_eq!(sources(&params()), ["args.country"]);
    }

    #[test]
    fn arguments_go_into_a_form_and_come_back_the_same() {
        let args = json!({
            "to": "a@b", "copies": 3, "at": "2026-11-24T13:30:00Z", "dry": false, "key": "s3cret",
            "tags": ["aa", "bb"], "mail": { "from": "x" }, "raw": { "a": [1] },
        });

        let mut form = filled(&params(), &args, ROME, Form::default()).with("args.key", "");

        assert_eq!(form.text("args.at"), "2026-11-24T14:30");
        assert_eq!(form.text("args.tags"), "aa\nbb");
        assert!(!form.into_fields().iter().any(|(_, text)| text.contains("s3cret")));
        form = filled(&params(), &args, ROME, Form::default()).with("args.key", "");
        assert_eq!(arguments(&params(), &mut form, ROME, Some(&args)), Some(args));
    }

    #[test]
    fn faults_stand_at_their_fields_and_nothing_typed_is_lost() {
        let mut form = Form::default()
            .with("args.copies", "12")
            .with("args.tags", "aa\nb\n")
            .with("args.country", "IT")
            .with("args.city", "Paris");

        assert_eq!(arguments(&params(), &mut form, ROME, None), None);

        assert!(form.problem("args.to").starts_with("Recipient "), "{:?}", form.problems());
        assert!(form.problem("args.copies").starts_with("Copies "));
        assert!(form.problem("args.tags").starts_with("Tags, line 2 "));
        assert!(!form.problem("args.city").is_empty());
        assert_eq!(form.text("args.copies"), "12");
    }

    #[test]
    fn a_moment_that_is_none_is_refused_in_words() {
        let mut form = Form::default().with("args.at", "2026-03-29T02:30").with("args.to", "x").with("args.tags", "aa");

        assert_eq!(arguments(&params(), &mut form, ROME, None), None);
        assert!(form.problem("args.at").contains("clocks go forward"));
    }

    #[test]
    fn a_template_without_parameters_takes_json() {
        let any = Params::default();
        let mut form = filled(&any, &json!({ "a": 1 }), ROME, Form::default());

        assert_eq!(form.text("args.+"), "{\n  \"a\": 1\n}");
        assert_eq!(arguments(&any, &mut form, ROME, None), Some(json!({ "a": 1 })));
        let mut broken = Form::default().with("args.+", "{");
        assert_eq!(arguments(&any, &mut broken, ROME, None), None);
        assert!(!broken.problem("args.+").is_empty());
    }
}
