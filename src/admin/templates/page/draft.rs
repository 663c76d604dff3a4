//! What a press of a button does to a template that is being written.

use serde_json::Value;

use crate::admin::templates::editor::rows::{ParamRow, ROWS_MAX};
use crate::admin::templates::editor::table::ParamTable;
use crate::admin::templates::editor::{self, Typed, View, typed, without, written};
use crate::queue::params::Params;
use crate::web::form::Form;

/// What a button asks for; sent as `act`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// Save a version.
    Save,
    /// Save a version and go on to publishing it.
    Publish,
    /// Show what would run.
    Preview,
    /// Show the template the other way.
    Show(View),
    /// Change the table of parameters.
    Params(Rows),
}

/// A change of the table of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Adds a row.
    Add,
    /// Removes the row with this number.
    Remove(usize),
    /// Moves the row with this number one up.
    Up(usize),
    /// Shows JSON Schema instead.
    Schema,
    /// Shows the table instead of JSON Schema.
    Table,
}

impl Press {
    /// Reads the button of a form; one without is `save`, so that programs may post the fields alone.
    pub fn of(form: &Form) -> Option<Self> {
        let act = form.text("act");
        let numbered = |prefix: &str| act.strip_prefix(prefix)?.parse::<usize>().ok();
        match act {
            "" | "save" => Some(Self::Save),
            "publish" => Some(Self::Publish),
            "preview" => Some(Self::Preview),
            "view_form" => Some(Self::Show(View::Form)),
            "view_yaml" => Some(Self::Show(View::Yaml)),
            "param_add" => Some(Self::Params(Rows::Add)),
            "params_schema" => Some(Self::Params(Rows::Schema)),
            "params_table" => Some(Self::Params(Rows::Table)),
            _ => numbered("param_remove_")
                .map(Rows::Remove)
                .or_else(|| numbered("param_up_").map(Rows::Up))
                .map(Self::Params),
        }
    }
}

/// Changes the table of parameters; everything else that was typed stays.
pub fn change_rows(form: &Form, change: Rows) -> Form {
    let mut table = typed::table(form);
    match change {
        Rows::Add if table.rows.len() < ROWS_MAX => table.rows.push(ParamRow::blank()),
        Rows::Add => return refused(form, "params.more", "The table has its most rows; go on as JSON Schema"),
        Rows::Remove(at) if at < table.rows.len() => drop(table.rows.remove(at)),
        Rows::Up(at) if at > 0 && at < table.rows.len() => table.rows.swap(at - 1, at),
        Rows::Remove(_) | Rows::Up(_) => {}
        Rows::Schema => return as_schema(form, &table),
        Rows::Table => return as_table(form),
    }
    written::table_form(rest(form), table)
}

fn rest(form: &Form) -> Form {
    without(form, |name| name.starts_with("params") || name == "act")
}

fn refused(form: &Form, field: &str, sentence: &str) -> Form {
    let mut form = without(form, |name| name == "act");
    form.refuse(field, sentence);
    form
}

fn as_schema(form: &Form, table: &ParamTable) -> Form {
    match table.document() {
        Ok(document) => {
            let text = if document.is_null() { String::new() } else { format!("{document:#}") };
            rest(form).with("params_view", "schema").with("params", text)
        }
        Err(faults) => {
            let mut form = without(form, |name| name == "act");
            for (field, sentence) in faults {
                form.refuse(&field, sentence);
            }
            form
        }
    }
}

fn as_table(form: &Form) -> Form {
    let text = form.text("params").trim();
    let read = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(text) };
    let document = match read.map(|document: Value| (Params::parse(&document).map(|_| ()), document)) {
        Err(error) => return refused(form, "params", &format!("This is no JSON: {error}")),
        Ok((Err(fault), _)) => return refused(form, "params", &format!("{} {}", fault.pointer, fault.message)),
        Ok((Ok(()), document)) => document,
    };
    match ParamTable::of(&document) {
        Some(table) => written::table_form(rest(form), table),
        None => refused(form, "params", "The table cannot say all of this; it stays JSON Schema"),
    }
}

/// Shows the template the other way, if nothing is lost by it; else says why not.
pub fn turn(read: Typed, view: View) -> Form {
    let clean = without(&read.form, |name| name == "act");
    match view {
        _ if View::of(&clean) == view => clean,
        View::Yaml => match &read.document {
            Some(document) => editor::to_yaml(clean, document),
            None => without_act(read.form),
        },
        View::Form => match read.spec.as_ref().map(|spec| editor::to_fields(&clean, read.name.as_ref(), spec)) {
            Some(Some(fields)) => fields,
            Some(None) => refused(&clean, "document", "The form cannot hold all of this; it stays YAML"),
            None => without_act(read.form),
        },
    }
}

/// Keeps the problems: they are why the view could not be turned.
fn without_act(form: Form) -> Form {
    let problems = form.problems().to_vec();
    let mut clean = without(&form, |name| name == "act");
    for problem in problems {
        clean.refuse(&problem.field, problem.message);
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with_rows(names: &[&str]) -> Form {
        let row = |name: &&str| ParamRow { name: (*name).to_owned(), ..ParamRow::blank() };
        let table = ParamTable { rows: names.iter().map(row).collect(), ..ParamTable::default() };
        written::table_form(
            Form::default().with("name", "a").with("runner", "handler").with("handler.name", "h"),
            table,
        )
    }

    fn names(form: &Form) -> Vec<String> {
        typed::table(form).rows.into_iter().map(|row| row.name).collect()
    }

    #[test]
    fn buttons_are_read() {
        let press = |act: &str| Press::of(&Form::default().with("act", act));

        assert_eq!(press(""), Some(Press::Save));
        assert_eq!(press("param_remove_12"), Some(Press::Params(Rows::Remove(12))));
        assert_eq!(press("param_up_0"), Some(Press::Params(Rows::Up(0))));
        assert_eq!((press("param_remove_x"), press("destroy")), (None, None));
    }

    #[test]
    fn rows_are_added_moved_and_removed_and_the_rest_stays() {
        let form = with_rows(&["a", "b", "c"]);

        assert_eq!(names(&change_rows(&form, Rows::Add)), ["a", "b", "c", ""]);
        assert_eq!(names(&change_rows(&form, Rows::Remove(1))), ["a", "c"]);
        assert_eq!(names(&change_rows(&form, Rows::Up(2))), ["a", "c", "b"]);
        assert_eq!(names(&change_rows(&form, Rows::Up(0))), ["a", "b", "c"]);
        assert_eq!(names(&change_rows(&form, Rows::Remove(9))), ["a", "b", "c"]);
        assert_eq!(change_rows(&form, Rows::Add).text("handler.name"), "h");
    }

    #[test]
    fn the_table_and_json_schema_hold_the_same() {
        let form = with_rows(&["a", "b"]);

        let schema = change_rows(&form, Rows::Schema);
        let document: Value = serde_json::from_str(schema.text("params")).unwrap();
        let again = change_rows(&schema, Rows::Table);

        assert_eq!(document["properties"], json!({ "a": { "type": "string" }, "b": { "type": "string" } }));
        assert_eq!(names(&again), ["a", "b"]);
        let broken = change_rows(&Form::default().with("params_view", "schema").with("params", "{"), Rows::Table);
        assert!(broken.problem("params").starts_with("This is no JSON") && typed::is_schema(&broken));
    }

    #[test]
    fn the_view_turns_only_when_nothing_is_lost() {
        let good = turn(editor::read(with_rows(&["a"]), None), View::Yaml);
        assert_eq!(good.text("view"), "yaml");
        assert!(good.text("document").contains("handler:") && good.text("handler.name").is_empty());

        let back = turn(editor::read(good, None), View::Form);
        assert_eq!((back.text("view"), back.text("handler.name"), back.text("name")), ("form", "h", "a"));

        let unread = turn(editor::read(with_rows(&[]).with("defaults.priority", "many"), None), View::Yaml);
        assert_eq!(View::of(&unread), View::Form);
        assert!(unread.problem("defaults.priority").contains("is no number"));

        let broken = Form::default().with("view", "yaml").with("document", "a: [");
        let broken = turn(editor::read(broken, None), View::Form);
        assert!(View::of(&broken) == View::Yaml && broken.is_refused());
    }
}
