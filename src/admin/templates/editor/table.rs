//! The parameters of a template as one table of [`ParamRow`]s.

use serde_json::{Map, Value, json};

use super::rows::{ParamRow, ROWS_MAX, read_object};

/// The table as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParamTable {
    /// The rows.
    pub rows: Vec<ParamRow>,
    /// What becomes of other arguments: empty, `true`, `false`.
    pub additional: String,
    /// Further keywords of the whole.
    pub more: String,
}

impl ParamTable {
    /// Spells a document of parameters, if the table can say all of it.
    pub fn of(document: &Value) -> Option<Self> {
        let table = Self::spelled(document)?;
        let fits = table.rows.len() <= ROWS_MAX && table.document().is_ok_and(|said| said == tidied(document));
        fits.then_some(table)
    }

    fn spelled(document: &Value) -> Option<Self> {
        let empty = Map::new();
        let all = if document.is_null() { &empty } else { document.as_object()? };
        let required: Vec<&str> =
            all.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let properties = all.get("properties").and_then(Value::as_object);
        let row = |(name, schema): (&String, &Value)| ParamRow::of(name, schema, required.contains(&name.as_str()));
        let told = ["type", "properties", "required", "order", "additionalProperties"];
        let more: Map<String, Value> = all
            .iter()
            .filter(|(word, _)| !told.contains(&word.as_str()))
            .map(|(word, value)| (word.clone(), value.clone()))
            .collect();
        Some(Self {
            rows: properties.into_iter().flatten().map(row).collect(),
            additional: all.get("additionalProperties").map(Value::to_string).unwrap_or_default(),
            more: if more.is_empty() { String::new() } else { Value::Object(more).to_string() },
        })
    }

    /// Gives the document of the parameters; `null` when nothing is said. Blank rows are passed over.
    ///
    /// # Errors
    /// Everything that could not be read, each at its field.
    pub fn document(&self) -> Result<Value, Vec<(String, String)>> {
        let mut faults = Vec::new();
        let (mut properties, mut required) = (Map::new(), Vec::new());
        for (index, row) in self.rows.iter().enumerate().filter(|(_, row)| !row.is_blank()) {
            let at = |part: &str| format!("params.{index}.{part}");
            if row.name.is_empty() {
                faults.push((at("name"), "a parameter needs a name".into()));
            } else if properties.contains_key(&row.name) {
                faults.push((at("name"), format!("{} stands twice", row.name)));
            }
            match row.schema() {
                Ok(schema) => drop(properties.insert(row.name.clone(), schema)),
                Err(found) => faults.extend(found.into_iter().map(|(part, sentence)| (at(part), sentence))),
            }
            if row.required {
                required.push(Value::from(row.name.as_str()));
            }
        }
        let mut document = read_object(&self.more).unwrap_or_else(|sentence| {
            faults.push(("params.more".into(), sentence));
            Map::new()
        });
        let additional = match self.additional.as_str() {
            "" => None,
            "true" => Some(true),
            "false" => Some(false),
            other => {
                faults.push(("params.additional".into(), format!("{other:?} is none of the choices")));
                None
            }
        };
        if !faults.is_empty() {
            return Err(faults);
        }
        finish(&mut document, properties, required, additional);
        Ok(if document.is_empty() { Value::Null } else { Value::Object(document) })
    }
}

fn finish(
    document: &mut Map<String, Value>,
    properties: Map<String, Value>,
    required: Vec<Value>,
    additional: Option<bool>,
) {
    let says_more = !document.is_empty() || !properties.is_empty() || additional.is_some();
    if says_more {
        document.insert("type".into(), "object".into());
    }
    if !required.is_empty() {
        document.insert("required".into(), Value::Array(required));
    }
    if !properties.is_empty() {
        document.insert("properties".into(), Value::Object(properties));
    }
    if let Some(additional) = additional {
        document.insert("additionalProperties".into(), additional.into());
    }
}

/// Spells a document of parameters without what changes nothing, so that two can be compared.
pub fn tidied(document: &Value) -> Value {
    let Some(all) = document.as_object().filter(|all| !all.is_empty()) else { return Value::Null };
    let mut tidy = all.clone();
    tidy.remove("order");
    tidy.insert("type".into(), "object".into());
    for word in ["required", "properties"] {
        if tidy.get(word).is_some_and(|value| *value == json!([]) || *value == json!({})) {
            tidy.remove(word);
        }
    }
    if let Some(Value::Array(names)) = tidy.get_mut("required") {
        let properties = all.get("properties").and_then(Value::as_object);
        let place =
            |name: &Value| properties.and_then(|all| all.keys().position(|key| Some(key.as_str()) == name.as_str()));
        names.sort_by_key(place);
    }
    Value::Object(tidy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(document: Value) -> ParamTable {
        ParamTable::of(&document).unwrap_or_else(|| panic!("the table cannot say {document}"))
    }

    #[test]
    fn the_columns_say_what_they_can_and_json_the_rest() {
        let table = table(json!({ "type": "object", "required": ["to"], "additionalProperties": false, "properties": {
            "to": { "type": "string", "title": "Recipient", "maxLength": 80 },
            "size": { "type": "integer", "enum": [1, 2], "default": 2 },
            "note": { "type": "string", "format": "textarea", "default": "a\nb" },
            "key": { "type": "string", "secret": true },
            "tags": { "type": "array", "items": { "type": "string" }, "default": ["a", ""] },
            "rows": { "type": "array", "items": { "type": "integer" }, "default": [1] },
            "deep": { "type": "object", "properties": { "x": { "type": "boolean" } } },
            "empty": { "type": "string", "default": "" },
        } }));

        let shown: Vec<_> = table
            .rows
            .iter()
            .map(|row| {
                format!("{} {} {}|{}|{}|{}", row.name, row.kind, row.required, row.default, row.options, row.more)
            })
            .collect();
        assert_eq!(
            shown,
            [
                r#"to string true|||{"maxLength":80}"#,
                "size integer false|2|1\n2|",
                "note textarea false|a\nb||",
                "key secret false|||",
                "tags list false|a\n\"\"||",
                r#"rows array false|[1]||{"items":{"type":"integer"}}"#,
                r#"deep object false|||{"properties":{"x":{"type":"boolean"}}}"#,
                r#"empty string false|||{"default":""}"#,
            ]
        );
        assert_eq!((table.additional.as_str(), table.rows[0].title.as_str()), ("false", "Recipient"));
    }

    #[test]
    fn nothing_said_is_an_empty_table() {
        for document in [json!(null), json!({})] {
            assert_eq!(table(document), ParamTable::default());
        }
        assert_eq!(ParamTable::default().document(), Ok(Value::Null));
        assert_eq!(ParamTable::of(&json!({ "type": "object" })), None);
    }

    #[test]
    fn every_fault_stands_at_its_field() {
        let row = |name: &str, kind: &str, default: &str, more: &str| ParamRow {
            name: name.into(),
            kind: kind.into(),
            default: default.into(),
            more: more.into(),
            ..ParamRow::blank()
        };
        let table = ParamTable {
            rows: vec![
                row("a", "integer", "x", ""),
                ParamRow::blank(),
                row("a", "text", "", "["),
                row("", "string", "b", "{\"default\":1}"),
            ],
            additional: "maybe".into(),
            more: "[]".into(),
        };

        let told: Vec<_> =
            table.document().unwrap_err().into_iter().map(|(at, what)| format!("{at}: {what}")).collect();

        assert_eq!(
            told,
            [
                "params.0.default: \"x\" is no JSON value of this type",
                "params.2.type: \"text\" is none of the types",
                "params.2.more: is no JSON: EOF while parsing a list at line 1 column 1",
                "params.3.name: a parameter needs a name",
                "params.3.more: default stands in the table already",
                "params.more: must be a JSON object, such as {\"maxLength\": 80}",
                "params.additional: \"maybe\" is none of the choices",
            ]
        );
    }
}
