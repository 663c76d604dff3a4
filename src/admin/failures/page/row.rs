//! One group as it stands, for the list and its own page.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::admin::failures::read::{Course, GroupRow};
use crate::admin::failures::service::sees_messages;
use crate::admin::failures::{Look, Range, Sort, look, word};
use crate::queue::actor::Actor;
use crate::queue::failures::GroupState;
use crate::web::ansi::visible;
use crate::web::charts::{Trend, trend};
use crate::web::format::{Count, Stamp, count, relative};
use crate::web::live::Panel;
use crate::web::paths;
use crate::web::shell::Shell;

/// Longest message of a row, in characters.
const MESSAGE_CHARS_MAX: usize = 300;

/// A group's row.
#[derive(Template)]
#[template(path = "failures/row.html", blocks = ["state", "count", "seen"])]
pub struct Row {
    /// Its identity.
    pub fingerprint: String,
    /// Its page.
    pub href: String,
    /// First line of the newest message; normalised for those who may not read it.
    pub message: String,
    /// Its template.
    pub template: String,
    /// State with its look.
    pub look: Look,
    /// Attempts in the range.
    pub count: Count,
    /// The same as bars.
    pub trend: Trend,
    /// First failure, as an age.
    pub first: String,
    /// The same as a moment.
    pub first_at: Stamp,
    /// Last failure, as an age.
    pub last: String,
    /// The same as a moment.
    pub last_at: Stamp,
    /// Queues in the range.
    pub queues: String,
    /// Versions ever.
    pub versions: String,
    /// Who looks after it; may be empty.
    pub assignee: String,
    /// What it is sorted by.
    pub cursor: String,
}

/// Its template escapes what it shows; the whole must not be escaped again.
impl HtmlSafe for Row {}

impl Row {
    /// Shows a group and how it came during `range`.
    pub fn new(
        group: &GroupRow,
        course: Option<&Course>,
        (range, sort): (Range, Sort),
        actor: &Actor,
        shell: &Shell,
    ) -> Self {
        let bars = course.map_or_else(|| vec![0; range.bars() as usize], |course| course.bars(range));
        let attempts = course.map_or(0, |course| course.attempts);
        let state = group.state(shell.now);
        Self {
            href: paths::failure(&group.fingerprint),
            message: first_line(group, actor),
            template: group.template.clone(),
            look: Look { word: label(group, state, shell), ..look(state) },
            count: count(attempts),
            trend: trend(&bars, "b-bad", format!("{attempts} attempts failed so in the last {}", words(range))),
            first: relative(group.first_seen, shell.now),
            first_at: shell.stamp(group.first_seen),
            last: relative(group.last_seen, shell.now),
            last_at: shell.stamp(group.last_seen),
            queues: course.map_or_else(String::new, |course| course.queues.join(", ")),
            versions: versions(group),
            assignee: group.assignee.clone().unwrap_or_default(),
            cursor: group.cursor(sort),
            fingerprint: group.fingerprint.clone(),
        }
    }

    /// Renders the cells that change while the work goes on.
    ///
    /// # Errors
    /// When the template fails.
    pub fn panels(&self) -> askama::Result<Vec<Panel>> {
        let id = |cell: &str| format!("failure-{}-{cell}", self.fingerprint);
        Ok(vec![
            Panel { id: id("state"), html: self.as_state().render()? },
            Panel { id: id("count"), html: self.as_count().render()? },
            Panel { id: id("seen"), html: self.as_seen().render()? },
        ])
    }
}

/// Says what a range covers.
pub fn words(range: Range) -> &'static str {
    match range {
        Range::Day => "24 hours",
        Range::Week => "7 days",
        Range::Month => "30 days",
    }
}

/// The first line of the message, as far as the viewer may read it.
pub fn first_line(group: &GroupRow, actor: &Actor) -> String {
    let whole = if sees_messages(actor) { &group.error } else { &group.message };
    let line = whole.lines().find(|line| !line.trim().is_empty()).unwrap_or("without a message");
    visible(&line.trim().chars().take(MESSAGE_CHARS_MAX).collect::<String>())
}

/// Gives the state's word with what belongs to it.
fn label(group: &GroupRow, state: GroupState, shell: &Shell) -> String {
    match (state, group.muted_until, group.handled_from) {
        (GroupState::Muted, Some(until), _) => format!("Muted until {}", shell.stamp(until).text),
        (GroupState::Handled, _, Some(from)) => format!("Handled from v{from}"),
        _ => word(state).into(),
    }
}

fn versions(group: &GroupRow) -> String {
    match (group.first_version, group.last_version) {
        (one, other) if one == other => format!("v{one}"),
        (first, last) => format!("v{first}–v{last}"),
    }
}
