//! One job in a list: a template of its own, whole in the page, cell by cell in the stream.

use askama::Template;
use askama::filters::HtmlSafe;
use serde_json::Value;

use super::cell::Cell;
use crate::admin::jobs::acts::{Act, allowed};
use crate::admin::jobs::view::Columns;
use crate::admin::jobs::{JobRow, service};
use crate::base::clock::Time;
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::queue::params::Params;
use crate::queue::permission::Permission;
use crate::queue::state::JobState;
use crate::web::ansi::visible;
use crate::web::form::sentence;
use crate::web::format;
use crate::web::live::Panel;
use crate::web::paths;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// Longest text of a row's second line, in characters.
const LINE_CHARS_MAX: usize = 160;
/// Says in an address or form that the act was begun in a list.
pub const FROM_LIST: &str = "list";
/// Longest value of an argument in it, in characters.
const VALUE_CHARS_MAX: usize = 40;

/// A row. What it is made of can be sent alone: blocks, and the cells of the chosen columns.
#[derive(Template)]
#[template(path = "jobs/row.html", blocks = ["what", "menu"])]
pub struct Row {
    id: JobId,
    template: String,
    line: Line,
    /// The viewer may act on many at once.
    may_tick: bool,
    cells: Vec<Cell>,
    acts: Vec<Act>,
}

/// Escapes everything itself: it is one of our templates.
impl HtmlSafe for Row {}

impl Row {
    /// Shows a job as `actor` may see it.
    pub fn new(row: &JobRow, columns: &Columns, actor: &Actor, shell: &Shell) -> Self {
        Self {
            id: row.id,
            template: row.template.clone(),
            line: Line::of(row, actor),
            may_tick: actor.may(Permission::RunOperations),
            cells: columns.iter().map(|column| Cell::new(column, row, shell)).collect(),
            acts: allowed(row.state()).into_iter().filter(|act| actor.may(act.permission())).collect(),
        }
    }

    /// Gives the id of the element that holds a block.
    pub fn part_id(&self, block: &str) -> String {
        format!("job-{}-{block}", self.id)
    }

    /// Lists the cells of the chosen columns.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    fn href(&self) -> String {
        paths::job(self.id)
    }

    /// The question of an act, or the act itself, with the list to come back to.
    fn act_href(&self, act: &Act) -> String {
        let href = paths::job_act(self.id, act.as_str());
        if act.asks() && *act != Act::Edit { paths::with_query(&href, &[("from", FROM_LIST)]) } else { href }
    }

    /// Renders what changes while the work goes on, each under the id of its element.
    ///
    /// # Errors
    /// When the template fails.
    pub fn panels(&self) -> askama::Result<Vec<Panel>> {
        let mut panels = vec![
            Panel { id: self.part_id("what"), html: self.as_what().render()? },
            Panel { id: self.part_id("menu"), html: self.as_menu().render()? },
        ];
        for cell in &self.cells {
            panels.push(Panel { id: cell.id(), html: cell.render()? });
        }
        Ok(panels)
    }
}

/// Gives the words beside the state's icon.
pub fn label(state: JobState, run_at: Option<Time>, now: Time) -> String {
    let word = Tone::from(state).word();
    match (state, run_at) {
        (JobState::Retrying | JobState::Scheduled, Some(at)) if at > now => {
            format!("{word} {}", format::relative(at, now))
        }
        (JobState::Retrying | JobState::Scheduled, Some(_)) => format!("{word} now"),
        _ => word.into(),
    }
}

/// Gives how far a running job is, when it says so.
pub(super) fn percent(row: &JobRow) -> Option<u8> {
    let (done, total) = (row.done?, row.total?);
    crate::admin::jobs::pace::pace(done, total, None, row.at).percent.filter(|_| row.state() == JobState::Running)
}

/// Says since when a job is in its state.
pub(super) fn activity(state: JobState, at: Time, now: Time) -> String {
    match state {
        JobState::Running => format!("started {} ago", format::duration(format::between(at, now))),
        _ => format::relative(at, now),
    }
}

/// The second line of a row.
enum Line {
    Error(String),
    /// An error whose words the viewer may not see; says who may.
    Hidden(String),
    Args(String),
}

impl Line {
    /// The first line of the error while one is to be looked at, else the arguments.
    fn of(row: &JobRow, actor: &Actor) -> Self {
        let troubled = !matches!(row.state(), JobState::Succeeded | JobState::Running);
        let Some(error) = row.error.as_deref().filter(|_| troubled).and_then(|error| error.lines().next()) else {
            return Self::Args(short_args(row.args.as_ref(), row.params.as_ref(), actor));
        };
        match service::visible_error(actor, error) {
            service::HIDDEN_ERROR => Self::Hidden(sentence(service::HIDDEN_ERROR)),
            error => Self::Error(cut(&visible(error), LINE_CHARS_MAX)),
        }
    }
}

/// Writes arguments as `supplier=nordwind rows=5000`, secrets masked; only the names for those who may not see values.
pub fn short_args(args: Option<&Value>, params: Option<&Value>, actor: &Actor) -> String {
    let Some(args) = args else { return "arguments removed by retention".into() };
    let masked = match params.map(Params::parse) {
        None => args.clone(),
        Some(Ok(params)) => params.masked(args),
        Some(Err(_)) => Value::Null, // parameters that cannot be read may mark secrets that we do not know of
    };
    let names = params.and_then(|params| Params::parse(params).ok());
    let masked = in_order(masked, names.as_ref());
    let pairs = masked.as_object().into_iter().flatten();
    let text = match service::sees_payload(actor) {
        true => pairs.map(|(name, value)| format!("{name}={}", short(value))).collect::<Vec<_>>().join(" "),
        false => pairs.map(|(name, _)| name.clone()).collect::<Vec<_>>().join(", "),
    };
    cut(&visible(&text), LINE_CHARS_MAX)
}

/// Puts declared parameters first, as their template has them: the database forgets the order of members.
pub fn in_order(args: Value, params: Option<&Params>) -> Value {
    let (Value::Object(mut rest), Some(params)) = (args.clone(), params) else { return args };
    let mut ordered = serde_json::Map::new();
    for name in params.names() {
        ordered.extend(rest.shift_remove(name).map(|value| (name.to_owned(), value)));
    }
    ordered.extend(rest);
    Value::Object(ordered)
}

fn short(value: &Value) -> String {
    match value {
        Value::String(text) => cut(&text.replace(['\n', '\r'], " "), VALUE_CHARS_MAX),
        Value::Array(items) => format!("[{}]", items.len()),
        Value::Object(fields) if fields.is_empty() => "{}".into(),
        Value::Object(_) => "{…}".into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Cuts at the end, with a sign that something was cut.
pub fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
pub(super) mod sample {
    //! Rows for tests of templates.

    use super::*;
    use serde_json::json;

    /// A row of `mail.send` in `state`, as of 52 s before the sample shell's moment.
    pub(in crate::admin::jobs::page) fn row(state: JobState) -> JobRow {
        JobRow {
            k: 48_214_466,
            id: JobId(48_214_466),
            state: state.as_str().into(),
            template: "mail.send".into(),
            version: Some(3),
            queue: "mail.transactional".into(),
            priority: 2,
            attempt: 3,
            max_attempts: 8,
            at: "2026-11-24T13:31:16Z".parse().expect("a time"),
            run_at: Some("2026-11-24T13:32:12Z".parse().expect("a time")),
            created_at: Some("2026-11-24T13:30:00Z".parse().expect("a time")),
            node: Some("fra-02".into()),
            error: Some("SMTP 421: too many connections\nfrom host".into()),
            args: Some(json!({ "to": "a@example.org", "key": "s3cret", "rows": [1, 2], "o": { "a": 1 } })),
            params: Some(
                json!({ "additionalProperties": true, "properties": { "key": { "type": "string", "secret": true } } }),
            ),
            tags: Some(vec!["vip".into()]),
            enqueued_by: Some("token:api".into()),
            wait_ms: Some(180),
            run_ms: Some(2_400),
            done: Some(64),
            total: Some(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sample::row;
    use super::*;
    use crate::queue::permission::Role;
    use crate::web::shell::sample::shell;

    fn actor(role: Role) -> Actor {
        Actor { role, ..Actor::system("test") }
    }

    fn shown(state: JobState, role: Role) -> String {
        Row::new(&row(state), &Columns::default(), &actor(role), &shell()).to_string()
    }

    #[test]
    fn every_state_says_what_it_is_and_what_can_be_done() {
        assert!(shown(JobState::Retrying, Role::Admin).contains("Retrying in 4 s"));
        assert!(shown(JobState::Retrying, Role::Admin).contains("SMTP 421: too many connections<"));
        assert!(shown(JobState::Running, Role::Admin).contains("value=\"64\""));
        assert!(shown(JobState::Running, Role::Admin).contains("started 52 s ago"));
        for state in JobState::ALL {
            let html = shown(state, Role::Admin);
            for act in allowed(state) {
                assert!(html.contains(&paths::job_act(JobId(48_214_466), act.as_str())), "{state} {act:?}");
            }
        }
    }

    #[test]
    fn nobody_sees_a_secret_and_a_viewer_sees_no_value_and_no_act() {
        let admin = shown(JobState::Succeeded, Role::Admin);
        assert!(admin.contains("key=•••• to=a@example.org rows=[2] o={…}"), "{admin}");

        let viewer = shown(JobState::Succeeded, Role::Viewer);
        assert!(viewer.contains("key, to, rows, o") && !viewer.contains("example.org"));
        assert!(!viewer.contains("/again"));
    }

    #[test]
    fn whoever_may_not_act_ticks_nothing_and_is_told_quietly_what_is_hidden() {
        let viewer = shown(JobState::Failed, Role::Viewer);

        assert!(!viewer.contains("type=\"checkbox\"") && !viewer.contains("errl"), "{viewer}");
        assert!(viewer.contains("title=\"Its message needs the role analyst, operator or admin\">message hidden<"));
        let operator = shown(JobState::Failed, Role::Operator);
        assert!(operator.contains("type=\"checkbox\"") && operator.contains("errl") && !operator.contains("hidden\""));
    }

    #[test]
    fn a_long_text_is_cut_at_its_end() {
        assert_eq!(cut("abcdef", 3), "abc…");
        assert_eq!(cut("äbc", 3), "äbc");
    }
}
