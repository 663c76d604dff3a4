//! What the editor shows: the form, what it would run, what changes, and a version that came in between.

use askama::Template;
use serde_json::Value;

use super::diff::Difference;
use super::look::{RUNNERS, RunnerLook};
use crate::admin::templates::KnownNames;
use crate::admin::templates::editor::rows::{ParamRow, types};
use crate::admin::templates::editor::units::units;
use crate::admin::templates::editor::{self, Typed, View, fields, typed};
use crate::admin::templates::preview::{Part, preview};
use crate::admin::templates::waits::{Wait, sentence, waits};
use crate::base::changes::{FieldChange, changes};
use crate::queue::render::TEXT_BYTES_MAX;
use crate::queue::template::TemplateSpec;
use crate::web::ansi::visible;
use crate::web::form::{Form, Problem};
use crate::web::format::Stamp;
use crate::web::json;
use crate::web::parts::Choice;
use crate::web::shell::Shell;
use crate::web::span::Span;

/// Pools that are named beside their field.
const POOLS_SHOWN_MAX: usize = 8;
/// Changes that are listed.
const CHANGES_SHOWN_MAX: usize = 12;

#[derive(Template)]
#[template(path = "templates/editor.html", blocks = ["editor", "params", "preview"])]
pub(super) struct EditPage {
    pub shell: Shell,
    pub form: Form,
    pub sheet: Sheet,
    pub shown: Shown,
    pub conflict: Option<Conflict>,
}

/// Where the editor stands and what it offers.
pub(super) struct Sheet {
    /// The template's name; empty for a new one.
    pub name: String,
    pub title: String,
    pub action: String,
    pub back: String,
    /// The version that a save makes.
    pub next: i32,
    pub may_publish: bool,
    pub known: KnownNames,
    /// Handlers that this binary has; empty = not known here.
    pub registered: Vec<String>,
}

impl Sheet {
    /// Tells whether the template is a new one.
    pub fn is_new(&self) -> bool {
        self.name.is_empty()
    }
}

/// A version that somebody else saved meanwhile.
pub(super) struct Conflict {
    pub latest: i32,
    pub base: i32,
    pub author: String,
    pub message: String,
    pub saved: Stamp,
    /// From the version that the editor was opened with to the one that was saved.
    pub theirs: Difference,
    /// From the one that was saved to what is in the editor.
    pub yours: Difference,
    /// Opens the editor with what was saved.
    pub take: String,
}

/// What is typed, shown beside the form.
pub(super) struct Shown {
    /// What stands in the way of saving.
    pub problems: Vec<Problem>,
    pub parts: Vec<Part>,
    pub args: Vec<Span>,
    pub refused: Vec<String>,
    pub retries: String,
    pub waits: Vec<Wait>,
    /// What differs from the version that the editor was opened with.
    pub changes: Vec<String>,
    pub more_changes: usize,
    /// That version; 0 for a new template.
    pub base: i32,
}

impl Shown {
    /// Shows what `read` holds beside `base`, the version it was made from.
    pub fn of(read: &Typed, base: Option<(i32, Value)>) -> Self {
        let mut shown = Self {
            problems: read.form.problems().to_vec(),
            parts: Vec::new(),
            args: Vec::new(),
            refused: Vec::new(),
            retries: String::new(),
            waits: Vec::new(),
            changes: Vec::new(),
            more_changes: 0,
            base: base.as_ref().map_or(0, |(version, _)| *version),
        };
        if let Some(spec) = &read.spec {
            shown.take_work(spec, read.form.text("sample"));
            shown.take_changes(spec, base);
        }
        shown
    }

    fn take_work(&mut self, spec: &TemplateSpec, sample: &str) {
        let args = match sample.trim() {
            "" => None,
            text if text.len() > TEXT_BYTES_MAX => {
                self.refused.push("These arguments are too long to be tried here".into());
                None
            }
            text => serde_json::from_str::<Value>(text)
                .map_err(|error| self.refused.push(format!("These arguments are no JSON: {error}")))
                .ok(),
        };
        let lead = match args {
            Some(_) => "It would refuse these arguments",
            None => "The arguments that were made up do not fit, so try your own below",
        };
        let work = preview(spec, args);
        self.refused.extend(work.refused.into_iter().map(|fault| format!("{lead}: {fault}")));
        self.args = json::pretty(&work.args);
        self.parts = work.parts.into_iter().map(seen).collect();
        self.retries = sentence(&spec.defaults);
        self.waits = waits(&spec.defaults);
    }

    fn take_changes(&mut self, spec: &TemplateSpec, base: Option<(i32, Value)>) {
        let now = serde_json::to_value(spec).unwrap_or_default();
        let Some((_, before)) = base.filter(|(version, _)| *version > 0) else { return };
        let found = changes(&before, &now);
        self.more_changes = found.len().saturating_sub(CHANGES_SHOWN_MAX);
        self.changes = found.iter().take(CHANGES_SHOWN_MAX).map(words).collect();
    }

    /// Tells whether anything stands in the way of saving.
    pub fn is_ready(&self) -> bool {
        self.problems.is_empty()
    }
}

/// `Priority: 3 → 2`, with the words of the form.
fn words(change: &FieldChange) -> String {
    let (_, lead) = fields::place(&change.pointer, None);
    let spell = |value: &Option<Value>| match value {
        None => "nothing".to_owned(),
        Some(Value::String(text)) => short(text),
        Some(other) => short(&other.to_string()),
    };
    format!("{lead}: {} → {}", spell(&change.before), spell(&change.after))
}

fn short(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    let line = text.lines().next().unwrap_or_default();
    let cut = line.chars().count() > CHARS_MAX || text.lines().count() > 1;
    let start: String = line.chars().take(CHARS_MAX).collect();
    if cut { format!("{start}…") } else { start }
}

impl EditPage {
    fn runners(&self) -> [RunnerLook; 4] {
        RUNNERS
    }

    fn is_yaml(&self) -> bool {
        View::of(&self.form) == View::Yaml
    }

    fn is_schema(&self) -> bool {
        typed::is_schema(&self.form)
    }

    fn rows(&self) -> Vec<ParamRow> {
        typed::table(&self.form).rows
    }

    fn types(&self) -> Vec<Choice> {
        types()
    }

    fn units(&self) -> Vec<Choice> {
        units()
    }

    fn methods(&self) -> Vec<Choice> {
        ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"].map(|method| Choice::new(method, method)).into()
    }

    fn priorities(&self) -> Vec<Choice> {
        ["1 highest", "2", "3", "4", "5 lowest"].map(|label| Choice::new(&label[..1], label)).into()
    }

    fn backoffs(&self) -> Vec<Choice> {
        [
            ("constant", "Always the same"),
            ("linear", "Longer by the same each time"),
            ("exponential", "Several times longer each time"),
            ("list", "As listed"),
        ]
        .map(|(value, label)| Choice::new(value, label))
        .into()
    }

    fn interrupts(&self) -> Vec<Choice> {
        [
            ("retry", "Repeat the attempt"),
            ("fail", "The job fails"),
            ("hold", "Hold the job until a person releases it"),
        ]
        .map(|(value, label)| Choice::new(value, label))
        .into()
    }

    fn reserve_help(&self) -> String {
        const MEANS: &str = "What each of its jobs holds while it runs";
        match self.sheet.known.pools.as_slice() {
            [] => format!("{MEANS}. There is no pool yet: make one under Nodes, Pools"),
            pools => format!(
                "{MEANS}, of {}",
                pools.iter().take(POOLS_SHOWN_MAX).map(String::as_str).collect::<Vec<_>>().join(", ")
            ),
        }
    }

    fn when_full(&self) -> Vec<Choice> {
        [
            ("wait", "Waits for a place"),
            ("skip_newest", "Is cancelled"),
            ("cancel_oldest", "Takes the place of the oldest, which is cancelled"),
        ]
        .map(|(value, label)| Choice::new(value, label))
        .into()
    }

    fn unique_scopes(&self) -> Vec<Choice> {
        [
            ("", "As many as are asked for"),
            ("unfinished", "One until it ends"),
            ("waiting", "One until it runs"),
            ("period", "One within a time"),
        ]
        .map(|(value, label)| Choice::new(value, label))
        .into()
    }

    fn debounce_modes(&self) -> Vec<Choice> {
        [("last", "Nothing: the last one counts"), ("accumulate", "The items of a list, before its own")]
            .map(|(value, label)| Choice::new(value, label))
            .into()
    }

    fn others(&self) -> Vec<Choice> {
        [
            ("", "Are refused, unless there are no parameters"),
            ("true", "Are accepted and offered in the form"),
            ("false", "Are always refused"),
        ]
        .map(|(value, label)| Choice::new(value, label))
        .into()
    }

    /// Lists the registered handlers, and the one that was typed if it is none of them.
    fn handlers(&self) -> Vec<Choice> {
        let typed = self.form.text("handler.name");
        let known = &self.sheet.registered;
        let stranger = (!typed.is_empty() && !known.iter().any(|name| name == typed))
            .then(|| Choice::new(typed, format!("{typed} (not registered here)")));
        known.iter().map(|name| Choice::new(name.as_str(), name.as_str())).chain(stranger).collect()
    }

    /// Gives the field that holds the unit of a span of time.
    fn unit_of(&self, field: &str) -> String {
        format!("{field}.unit")
    }

    fn row_field(&self, index: &usize, part: &str) -> String {
        format!("params.{index}.{part}")
    }

    /// Tells whether a folded group of fields holds anything, so that it is shown open.
    fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| !self.form.text(name).is_empty() || !self.form.problem(name).is_empty())
    }

    fn row_is_open(&self, row: &ParamRow, index: &usize) -> bool {
        let refused = ["description", "options", "more"]
            .iter()
            .any(|part| !self.form.problem(&format!("params.{index}.{part}")).is_empty());
        row.has_details() || refused
    }
}

/// Strips what belongs to one press only.
pub(super) fn clean(form: &Form) -> Form {
    editor::without(form, |name| matches!(name, "act" | "csrf" | "op"))
}

/// Arguments may hold what would not be seen, or would reorder what stands beside it.
fn seen(part: Part) -> Part {
    let seen = |text: Result<String, String>| text.map(|text| visible(&text));
    Part { texts: part.texts.into_iter().map(seen).collect(), ..part }
}
