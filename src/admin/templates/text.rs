//! Versions as texts: YAML for people and files, JSON for programs.

use serde_json::{Map, Value};

use super::VersionRow;
use crate::base::text::TemplateName;
use crate::queue::template::{template_document, template_yaml};

/// Spells a version as people compare it: YAML, or its JSON where this program does not understand it.
pub fn text_of(name: &str, version: &VersionRow) -> String {
    let understood = version.parsed().ok().zip(TemplateName::parse(name).ok());
    let yaml = understood.and_then(|(spec, name)| template_yaml(&name, &spec).ok());
    yaml.unwrap_or_else(|| format!("{:#}", document_of(name, version)))
}

/// Gives a version as a document, as it is stored where this program does not understand it.
pub fn document_of(name: &str, version: &VersionRow) -> Value {
    let understood = version.parsed().ok().zip(TemplateName::parse(name).ok());
    let document = understood.and_then(|(spec, name)| template_document(&name, &spec).ok());
    document.unwrap_or_else(|| {
        let mut whole = Map::new();
        whole.insert("kind".into(), "Template".into());
        whole.insert("name".into(), name.into());
        whole.extend(version.spec.as_object().cloned().unwrap_or_default());
        Value::Object(whole)
    })
}
