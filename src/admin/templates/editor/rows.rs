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
//! | `params.additional` | what becomes of other arguments: empty (refused unless there are no parameters), `true`, `false` |
//! | `params.more` | further keywords of the whole as a JSON object |

use serde_json::{Map, Value};

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

#[cfg(test)]
mod tests {
    use super::*;

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
