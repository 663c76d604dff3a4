//! Parameters as the rows of a table. What the columns cannot say stands as JSON in the row's `more`.
//!
//! | field of a form | holds |
//! |---|---|
//! | `params.N.name` `.title` `.description` | texts |
//! | `params.N.type` | one of [`TYPES`] |
//! | `params.N.required` | on or absent |
//! | `params.N.default` | as the type is typed |
//! | `params.N.options` | one choice per line |
//! | `params.N.more` | further keywords as a JSON object |
//! | `params.additional` | what becomes of other arguments: empty, `true`, `false` |
//! | `params.more` | further keywords of the whole as a JSON object |

use serde_json::{Map, Value, json};

use super::lines::{read_lines, spell_lines};
use crate::web::form::Form;
use crate::web::parts::Choice;

/// Most rows of the table; more parameters are written as JSON Schema.
pub const ROWS_MAX: usize = 50;

/// The types of the table: what forms send, what people read, and the keywords that mean it.
const TYPES: [(&str, &str, &str); 14] = [
    ("string", "Text", r#"{"type":"string"}"#),
    ("textarea", "Text, several lines", r#"{"type":"string","format":"textarea"}"#),
    ("integer", "Whole number", r#"{"type":"integer"}"#),
    ("number", "Number", r#"{"type":"number"}"#),
    ("boolean", "Yes or no", r#"{"type":"boolean"}"#),
    ("date", "Date", r#"{"type":"string","format":"date"}"#),
    ("date-time", "Date and time", r#"{"type":"string","format":"date-time"}"#),
    ("email", "E-mail address", r#"{"type":"string","format":"email"}"#),
    ("uri", "Link", r#"{"type":"string","format":"uri"}"#),
    ("secret", "Secret", r#"{"type":"string","secret":true}"#),
    ("file", "File", r#"{"type":"string","format":"file"}"#),
    ("list", "List of texts", r#"{"type":"array","items":{"type":"string"}}"#),
    ("array", "List of anything", r#"{"type":"array"}"#),
    ("object", "Object", r#"{"type":"object"}"#),
];

/// Lists the types of the select.
pub fn types() -> Vec<Choice> {
    TYPES.iter().map(|(value, label, _)| Choice::new(*value, *label)).collect()
}

fn keywords(kind: &str) -> Option<Map<String, Value>> {
    let (_, _, text) = TYPES.iter().find(|(value, _, _)| *value == kind)?;
    serde_json::from_str(text).ok()
}

/// One row, as it is typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParamRow {
    /// The name.
    pub name: String,
    /// What stands beside the field.
    pub title: String,
    /// A sentence below the field.
    pub description: String,
    /// One of the table's types.
    pub kind: String,
    /// Must be filled in.
    pub required: bool,
    /// What it is when nothing is filled in.
    pub default: String,
    /// One choice per line.
    pub options: String,
    /// Further keywords.
    pub more: String,
}

/// Something wrong in a row: the field's last part and a sentence.
pub type RowFault = (&'static str, String);

impl ParamRow {
    /// Makes an empty row.
    pub fn blank() -> Self {
        Self { kind: "string".into(), ..Self::default() }
    }

    /// Reads the row number `index` of a form.
    pub fn typed(form: &Form, index: usize) -> Self {
        let text = |part: &str| form.text(&format!("params.{index}.{part}")).to_owned();
        Self {
            name: text("name").trim().to_owned(),
            title: text("title").trim().to_owned(),
            description: text("description").trim().to_owned(),
            kind: Some(text("type")).filter(|kind| !kind.is_empty()).unwrap_or_else(|| "string".into()),
            required: form.is_on(&format!("params.{index}.required")),
            default: text("default").replace("\r\n", "\n"),
            options: text("options").replace("\r\n", "\n"),
            more: text("more"),
        }
    }

    /// Adds the row's fields to a form.
    pub fn into_form(self, form: Form, index: usize) -> Form {
        let field = |part: &str| format!("params.{index}.{part}");
        let on = if self.required { "on" } else { "" };
        form.with(&field("name"), self.name)
            .with(&field("title"), self.title)
            .with(&field("description"), self.description)
            .with(&field("type"), self.kind)
            .with(&field("required"), on)
            .with(&field("default"), self.default)
            .with(&field("options"), self.options)
            .with(&field("more"), self.more)
    }

    /// Tells whether nothing was typed into it.
    pub fn is_blank(&self) -> bool {
        *self == Self { kind: self.kind.clone(), ..Self::default() }
    }

    /// Tells whether the parts that stand folded hold anything.
    pub fn has_details(&self) -> bool {
        !(self.description.is_empty() && self.options.is_empty() && self.more.is_empty())
    }

    /// Gives the parameter's schema.
    ///
    /// # Errors
    /// Everything that could not be read.
    pub fn schema(&self) -> Result<Value, Vec<RowFault>> {
        let mut faults = Vec::new();
        let mut schema = keywords(&self.kind).unwrap_or_else(|| {
            faults.push(("type", format!("{:?} is none of the types", self.kind)));
            Map::new()
        });
        for (word, text) in [("title", &self.title), ("description", &self.description)] {
            if !text.is_empty() {
                schema.insert(word.into(), text.as_str().into());
            }
        }
        self.insert("default", self.default_value(), &mut schema, &mut faults);
        self.insert("enum", self.choices(), &mut schema, &mut faults);
        self.insert_more(&mut schema, &mut faults);
        if faults.is_empty() { Ok(Value::Object(schema)) } else { Err(faults) }
    }

    fn insert(
        &self,
        word: &'static str,
        value: Result<Option<Value>, String>,
        schema: &mut Map<String, Value>,
        faults: &mut Vec<RowFault>,
    ) {
        match value {
            Ok(Some(value)) => {
                schema.insert(word.into(), value);
            }
            Ok(None) => {}
            Err(sentence) => faults.push((if word == "enum" { "options" } else { word }, sentence)),
        }
    }

    fn default_value(&self) -> Result<Option<Value>, String> {
        if self.default.is_empty() {
            return Ok(None);
        }
        if self.kind == "list" {
            return Ok(Some(Value::from(read_lines(&self.default)?)));
        }
        self.scalar(&self.default).map(Some)
    }

    fn choices(&self) -> Result<Option<Value>, String> {
        let texts = read_lines(&self.options)?;
        let values = texts.iter().map(|text| self.scalar(text)).collect::<Result<Vec<_>, _>>()?;
        Ok((!values.is_empty()).then_some(Value::Array(values)))
    }

    /// Reads one value as the row's type spells it.
    fn scalar(&self, text: &str) -> Result<Value, String> {
        match self.kind.as_str() {
            "integer" | "number" | "boolean" | "array" | "object" => {
                serde_json::from_str(text.trim()).map_err(|_| format!("{text:?} is no JSON value of this type"))
            }
            _ => Ok(text.into()),
        }
    }

    fn insert_more(&self, schema: &mut Map<String, Value>, faults: &mut Vec<RowFault>) {
        match read_object(&self.more) {
            Ok(more) => match more.keys().find(|word| schema.contains_key(*word)) {
                Some(word) => faults.push(("more", format!("{word} stands in the table already"))),
                None => schema.extend(more),
            },
            Err(sentence) => faults.push(("more", sentence)),
        }
    }

    /// Spells a parameter as a row.
    pub fn of(name: &str, schema: &Value, required: bool) -> Self {
        let plain = Self { name: name.into(), required, ..Self::blank() };
        let Some(all) = schema.as_object() else { return plain };
        let found = TYPES.iter().rev().filter_map(|(kind, _, _)| Some((*kind, keywords(kind)?)));
        let kind = found
            .filter(|(_, words)| words.iter().all(|(word, value)| all.get(word) == Some(value)))
            .max_by_key(|(_, words)| words.len());
        let Some((kind, words)) = kind else { return Self { more: schema.to_string(), ..plain } };
        let mut row = Self { kind: kind.into(), ..plain };
        let mut more: Map<String, Value> = Map::new();
        for (word, value) in all.iter().filter(|(word, _)| !words.contains_key(*word)) {
            if !row.take(word, value) {
                more.insert(word.clone(), value.clone());
            }
        }
        if !more.is_empty() {
            row.more = Value::Object(more).to_string();
        }
        row
    }

    /// Puts a keyword into its column, if the column can say it.
    fn take(&mut self, word: &str, value: &Value) -> bool {
        let column = match (word, value) {
            ("title", Value::String(text)) if is_tidy(text) => &mut self.title,
            ("description", Value::String(text)) if is_tidy(text) => &mut self.description,
            ("default", _) => return self.take_default(value),
            ("enum", Value::Array(choices)) => return self.take_choices(choices),
            _ => return false,
        };
        *column = value.as_str().unwrap_or_default().to_owned();
        true
    }

    fn take_default(&mut self, value: &Value) -> bool {
        let text = match value {
            Value::Array(items) if self.kind == "list" => {
                let texts: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
                texts.filter(|texts| !texts.is_empty()).map(|texts| spell_lines(&texts))
            }
            other => Some(spell(other)),
        };
        let row = Self { default: text.unwrap_or_default(), ..self.clone() };
        let said = row.default_value() == Ok(Some(value.clone())) && !row.default.contains('\r');
        if said {
            self.default = row.default;
        }
        said
    }

    fn take_choices(&mut self, choices: &[Value]) -> bool {
        let texts: Vec<String> = choices.iter().map(spell).collect();
        let row = Self { options: spell_lines(&texts), ..self.clone() };
        let said = row.choices() == Ok(Some(Value::Array(choices.to_vec())));
        if said {
            self.options = row.options;
        }
        said
    }
}

/// A text of one line without space around it survives a form's field.
fn is_tidy(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.contains(['\n', '\r'])
}

fn spell(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Reads a JSON object; nothing typed is an empty one.
///
/// # Errors
/// A sentence.
pub fn read_object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text.trim()) {
        _ if text.trim().is_empty() => Ok(Map::new()),
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err("must be a JSON object, such as {\"maxLength\": 80}".into()),
        Err(error) => Err(format!("is no JSON: {error}")),
    }
}

/// Lists the rows of a form: as many as have a name field, in their order.
pub fn typed_rows(form: &Form) -> Vec<ParamRow> {
    let has = |index: &usize| form.all(&format!("params.{index}.name")).next().is_some();
    (0..ROWS_MAX).take_while(has).map(|index| ParamRow::typed(form, index)).collect()
}

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

    #[test]
    fn a_row_survives_its_form() {
        let row = ParamRow {
            name: "a".into(),
            title: "T".into(),
            required: true,
            options: "x\ny".into(),
            more: "{}".into(),
            ..ParamRow::blank()
        };

        let form = ParamRow::blank().into_form(row.clone().into_form(Form::default(), 0), 1);

        assert_eq!(typed_rows(&form), [row, ParamRow::blank()]);
    }
}
