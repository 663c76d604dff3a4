//! A template as a document of a file: `kind`, `name` and what [`TemplateSpec`] says (INTERFACES.md, section 8).

use serde::Deserialize;
use serde::ser::Error as _;
use serde_json::{Map, Value};

use super::{
    CommandWork, Debounce, Defaults, HandlerWork, HttpWork, Labels, Limits, RunnerKind, SqlWork, TemplateSpec, Unique,
};
use crate::base::text::TemplateName;
use crate::queue::params::Params;

/// A template as a document of a file. Unknown fields are refused with their place, which is why the fields of
/// [`TemplateSpec`] stand here once more: a flattened one would accept them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateDocument {
    /// `Template`.
    pub kind: TemplateKind,
    /// The template's name.
    pub name: TemplateName,
    #[serde(default)]
    description: String,
    runner: RunnerKind,
    command: Option<CommandWork>,
    http: Option<HttpWork>,
    sql: Option<SqlWork>,
    handler: Option<HandlerWork>,
    #[serde(default)]
    params: Params,
    #[serde(default)]
    defaults: Defaults,
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    limits: Limits,
    debounce: Option<Debounce>,
    unique: Option<Unique>,
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    requires: Labels,
}

/// The kind of a document that is a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum TemplateKind {
    /// The only one.
    Template,
}

impl TemplateDocument {
    /// Gives the name and what the template says.
    pub fn into_parts(self) -> (TemplateName, TemplateSpec) {
        let spec = TemplateSpec {
            description: self.description,
            runner: self.runner,
            command: self.command,
            http: self.http,
            sql: self.sql,
            handler: self.handler,
            params: self.params,
            defaults: self.defaults,
            limits: self.limits,
            debounce: self.debounce,
            unique: self.unique,
            requires: self.requires,
        };
        (self.name, spec)
    }
}

/// Writes a template as a document, its parameters in the order of the form.
///
/// # Errors
/// A number that JSON cannot spell, such as an infinite `factor`; [`TemplateSpec::check`] refuses those.
pub fn template_document(name: &TemplateName, spec: &TemplateSpec) -> Result<Value, serde_json::Error> {
    let mut document = Map::new();
    document.insert("kind".into(), "Template".into());
    document.insert("name".into(), name.as_str().into());
    if let Value::Object(fields) = serde_json::to_value(spec)? {
        document.extend(fields);
    }
    if let Some(params) = document.get_mut("params") {
        *params = spec.params.document();
    }
    Ok(Value::Object(document))
}

/// Writes a template as a YAML document.
///
/// # Errors
/// As [`template_document`].
pub fn template_yaml(name: &TemplateName, spec: &TemplateSpec) -> Result<String, serde_saphyr::SerializeError> {
    let document = template_document(name, spec).map_err(serde_saphyr::SerializeError::custom)?;
    serde_saphyr::to_string(&document)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::document::parse_documents;

    /// The documents of INTERFACES.md, section 8.
    const PUBLISHED: &str = r#"
kind: Template
name: files.compress
description: Packs a folder
runner: command            # command | http | sql | handler
command:
  argv: [/bin/tar, -czf, "{{ params.out }}", "{{ params.folder }}"]
  success_codes: [0]
  retry_codes: [75]
params:                    # JSON Schema subset; the enqueue form is made from it
  type: object
  required: [folder, out]
  properties: { folder: { type: string, title: Folder }, out: { type: string } }
defaults: { queue: files, priority: 3, max_attempts: 3, timeout_ms: 60000,
            backoff: { kind: exponential, base_ms: 1000, factor: 2, max_ms: 600000, jitter: 0.2 } }
---
kind: Template
name: shop.ping
runner: http
http: { method: GET, url: "https://{{ params.host }}/health", expect: [200-299], retry: [429, 500-599], timeout_ms: 10000 }
---
kind: Template
name: shop.rollup
runner: sql
sql: { statements: "INSERT INTO app.daily SELECT …", database: default }
---
kind: Template
name: demo.noop
runner: handler
handler: { name: diag.noop }
"#;

    fn published() -> Vec<(TemplateName, TemplateSpec)> {
        let documents: Vec<TemplateDocument> = parse_documents(PUBLISHED).unwrap();
        documents.into_iter().map(TemplateDocument::into_parts).collect()
    }

    #[test]
    fn the_published_documents_are_read_without_fault() {
        let templates = published();

        assert_eq!(templates.len(), 4);
        for (name, spec) in &templates {
            assert_eq!(spec.check(), [], "{name}");
        }
        let http = templates[1].1.http.as_ref().unwrap();
        assert!(http.expect.holds(204) && http.retry.holds(503) && !http.retry.holds(404));
    }

    #[test]
    fn a_written_document_reads_back() {
        for (name, spec) in published() {
            let yaml = template_yaml(&name, &spec).unwrap();
            let json = template_document(&name, &spec).unwrap().to_string();

            for text in [yaml, json] {
                let read: Vec<TemplateDocument> =
                    parse_documents(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
                assert_eq!(
                    read.into_iter().map(TemplateDocument::into_parts).collect::<Vec<_>>(),
                    [(name.clone(), spec.clone())]
                );
            }
        }
    }

    #[test]
    fn a_stored_spec_reads_back() {
        for (_, spec) in published() {
            let stored = serde_json::to_value(&spec).unwrap();

            assert_eq!(serde_json::from_value::<TemplateSpec>(stored).unwrap(), spec);
        }
    }

    #[test]
    fn faults_have_their_place() {
        let cases = [
            ("kind: Templat\nname: a\n", "line 1, column 7: unknown variant `Templat`, expected one of Template"),
            (
                "kind: Template\nname: a\nrunner: handler\nhandler: { nam: x }\n",
                "line 4, column 12: unknown field `nam`, expected one of name",
            ),
            ("kind: Template\nname: A b\nrunner: sql\n", "line 2, column 7: a template's name may hold only"),
            (
                "kind: Template\nname: a\nrunner: http\nhttp:\n  url: http://a\n  expect: [99]\n",
                "line 6, column 11: statuses lie between 100 and 599",
            ),
            (
                "kind: Template\nname: a\nrunner: sql\nparams:\n  type: object\n  properties: { a: { type: string, minLenght: 1 } }\n",
                "line 5, column 3: /properties/a/minLenght: is no keyword of a string",
            ),
        ];

        for (text, sentence) in cases {
            let error = parse_documents::<TemplateDocument>(text).unwrap_err().to_string();
            assert!(error.starts_with(sentence), "{error}");
        }
    }
}
