//! The editor: a template as the fields of a form, or as a YAML document. Both hold the same.
//!
//! ```text
//! stored version ──written──▶ Form ──(a person)──▶ typed ──▶ document ──read_template──▶ spec, faults ──fields::place──▶ problems
//!                              ▲  │                            │
//!                     from_yaml│  └────────── to_yaml ─────────┘
//! ```
pub mod fields;
pub mod lines;
pub mod rows;
pub mod table;
pub mod typed;
pub mod units;
pub mod written;

use serde_json::Value;

use super::file;
use crate::base::text::TemplateName;
use crate::queue::params::Params;
use crate::queue::template::{ReadTemplate, TemplateSpec, read_template, template_document};
use crate::web::form::Form;

/// How the template is shown for editing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// As fields.
    Form,
    /// As a YAML document.
    Yaml,
}

impl View {
    /// Tells which view a form was typed in.
    pub fn of(form: &Form) -> Self {
        match form.text("view") {
            "yaml" => Self::Yaml,
            "" if form.text("runner").is_empty() && !form.text("document").is_empty() => Self::Yaml,
            _ => Self::Form,
        }
    }
}

/// What was typed, understood as far as it goes. Problems stand in the form, each at its field.
#[derive(Debug, Clone)]
pub struct Typed {
    /// The form, with problems.
    pub form: Form,
    /// The name, if it may be one.
    pub name: Option<TemplateName>,
    /// What it says, if it could be understood; it may break rules all the same.
    pub spec: Option<TemplateSpec>,
    /// The document, if every field could be read.
    pub document: Option<Value>,
}

/// Reads a form. `fixed` is the name of a template that exists: it cannot be changed.
pub fn read(form: Form, fixed: Option<&TemplateName>) -> Typed {
    match View::of(&form) {
        View::Form => read_fields(form, fixed),
        View::Yaml => read_yaml(form, fixed),
    }
}

fn read_fields(form: Form, fixed: Option<&TemplateName>) -> Typed {
    let mut form = match fixed {
        Some(name) => without(&form, |field| field == "name").with("name", name.as_str()),
        None => form,
    };
    let document = typed::document(&mut form);
    let read = read_template(&document);
    let rows = (!typed::is_schema(&form)).then(|| typed::table(&form).rows);
    if document.get("name").is_none() {
        form.refuse("name", "Name: enter a name, such as files.compress");
    }
    let unread: Vec<String> = form.problems().iter().map(|problem| problem.field.clone()).collect();
    let readable = unread.iter().all(|field| field == "name");
    for fault in &read.faults {
        let (field, lead) = fields::place(&fault.pointer, rows.as_deref());
        if !unread.contains(&field) {
            form.refuse(&field, format!("{lead}: {}", fault.message));
        }
    }
    Typed { form, name: read.name, spec: read.spec, document: readable.then_some(document) }
}

fn read_yaml(mut form: Form, fixed: Option<&TemplateName>) -> Typed {
    let text = form.text("document").to_owned();
    let (read, faults) = match file::read_one(&text) {
        Ok((read, faults)) => (read, faults),
        Err(fault) => (ReadTemplate { name: None, spec: None, faults: Vec::new() }, vec![fault]),
    };
    for fault in faults {
        form.refuse("document", fault.to_string());
    }
    let other = fixed.filter(|fixed| read.name.as_ref().is_some_and(|name| name != *fixed));
    if let Some(fixed) = other {
        form.refuse(
            "document",
            format!("The name must stay {fixed}; save a template of another name under New template"),
        );
    }
    Typed { form, name: read.name, spec: read.spec, document: None }
}

/// Keeps the fields whose name `drops` does not match; problems are not kept.
pub fn without(form: &Form, drops: impl Fn(&str) -> bool) -> Form {
    let kept = form.clone().into_fields().into_iter().filter(|(name, _)| !drops(name));
    kept.fold(Form::default(), |form, (name, value)| form.with(&name, value))
}

/// Opens a template for editing: as fields if they can hold all of it, else as YAML.
pub fn open(name: &TemplateName, spec: &TemplateSpec) -> Form {
    let form = written::form(spec).with("name", name.as_str());
    if holds(&form, spec) { form.with("view", "form") } else { to_yaml(Form::default(), &document_of(name, spec)) }
}

/// Tells whether the form, sent as browsers send it, says the same as `spec`: nothing may be lost by opening an editor.
fn holds(form: &Form, spec: &TemplateSpec) -> bool {
    let sent = form.clone().into_fields().into_iter().fold(Form::default(), |form, (name, value)| {
        form.with(&name, value.replace("\r\n", "\n").replace(['\r', '\n'], "\r\n"))
    });
    let read = read_template(&typed::document(&mut sent.clone()));
    read.spec.is_some_and(|read| same(&read, spec))
}

/// Compares two templates, spellings of their parameters that mean the same aside.
fn same(left: &TemplateSpec, right: &TemplateSpec) -> bool {
    let params = |spec: &TemplateSpec| table::tidied(&spec.params.document());
    let rest = |spec: &TemplateSpec| TemplateSpec { params: Params::default(), ..spec.clone() };
    params(left) == params(right) && rest(left) == rest(right)
}

/// Shows a document as YAML. Other fields of the form (message, base) are kept.
pub fn to_yaml(form: Form, document: &Value) -> Form {
    let kept = without(&form, is_content);
    let text = serde_saphyr::to_string(document).unwrap_or_else(|_| format!("{document:#}")); // JSON is YAML, too
    kept.with("view", "yaml").with("document", text)
}

/// Shows a template as fields, if they can hold all of it.
pub fn to_fields(form: &Form, name: Option<&TemplateName>, spec: &TemplateSpec) -> Option<Form> {
    let fields = written::form(spec).with("name", name.map(TemplateName::as_str).unwrap_or_default());
    if !holds(&fields, spec) {
        return None;
    }
    let kept = without(form, is_content).into_fields();
    Some(kept.into_iter().fold(fields, |form, (name, value)| form.with(&name, value)).with("view", "form"))
}

/// Tells whether a field is part of the template rather than of the act of saving it.
fn is_content(field: &str) -> bool {
    !matches!(field, "message" | "base" | "sample" | "csrf" | "op")
}

/// Gives the document that the form holds, for comparing it with a stored version.
pub fn document_of(name: &TemplateName, spec: &TemplateSpec) -> Value {
    template_document(name, spec).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests;
