//! What people did that may explain a bend in the throughput: publications, pauses, drains, from the audit trail.

use diesel::QueryableByName;
use diesel::sql_types::{Array, Integer, Nullable, Text, Timestamptz};

use super::Span;
use super::read::whole_queues;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, statement};
use crate::queue::actor::Scope;
use crate::web::charts::{Mark, spread};
use crate::web::format::middle;
use crate::web::shell::Shell;

/// Acts of the range that are looked at, the newest: whoever is limited may see fewer than there are.
const ACTS_MAX: i32 = 1_000;
/// Most marks on a chart.
const MARKS_MAX: i32 = 6;
/// Longest name in a mark, in characters.
const NAME_CHARS_MAX: usize = 24;

/// Something that people did to what runs.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Event {
    /// What, as the audit trail has it.
    #[diesel(sql_type = Text)]
    act: String,
    /// To what.
    #[diesel(sql_type = Text)]
    subject: String,
    /// Which version is in use since then.
    #[diesel(sql_type = Nullable<Text>)]
    version: Option<String>,
    /// When.
    #[diesel(sql_type = Timestamptz)]
    at: Time,
}

/// Reads what was done within a range, newest first, at most six. Whoever is limited sees what was done to their queues.
///
/// # Errors
/// Database failures.
pub fn events(conn: &mut PgConnection, scope: &Scope, span: Span, now: Time) -> Result<Vec<Event>, DbError> {
    const SQL: &str = "-- admin::dashboard::events
WITH newest AS MATERIALIZED (
    SELECT a.act, a.subject, a.at, a.after FROM millrace.audit a
    WHERE a.accepted AND a.act IN ('template.publish', 'template.roll_back', 'queue.pause', 'queue.resume', 'node.drain', 'node.resume')
        AND a.at >= $1 ORDER BY a.at DESC LIMIT $2
)
SELECT n.act, n.subject, n.after ->> 'active_version' AS version, n.at FROM newest n
WHERE ($3::text[] IS NULL OR n.act LIKE 'queue.%' AND n.subject = ANY ($3))
ORDER BY n.at DESC, n.subject LIMIT $4";
    let from = span.bars(now).first().copied().unwrap_or(now);
    statement(SQL)
        .bind::<Timestamptz, _>(from)
        .bind::<Integer, _>(ACTS_MAX)
        .bind::<Nullable<Array<Text>>, _>(whole_queues(scope))
        .bind::<Integer, _>(MARKS_MAX)
        .rows(conn)
}

/// Puts them on the chart of a range.
pub(super) fn marks(events: &[Event], span: Span, shell: &Shell) -> Vec<Mark> {
    let Some(first) = span.bars(shell.now).first().copied() else { return Vec::new() };
    let whole = span.length().as_secs_f64() * 1e3;
    let percent = |event: &Event| ((event.at - first).num_milliseconds() as f64 / whole * 100.0).clamp(0.0, 100.0);
    spread(events.iter().rev().map(|event| (percent(event), label(event, span, shell))).collect())
}

/// Says the same in a sentence, for those who do not see the chart.
pub(super) fn marked(events: &[Event], span: Span, shell: &Shell) -> String {
    let words: Vec<String> = events.iter().rev().map(|event| label(event, span, shell)).collect();
    if words.is_empty() { String::new() } else { format!(" Marked: {}.", words.join(", ")) }
}

fn label(event: &Event, span: Span, shell: &Shell) -> String {
    let at = event.at.with_timezone(&shell.zone);
    let at = at.format(if span == Span::Week { "%a %H:%M" } else { "%H:%M" });
    let name = middle(&event.subject, NAME_CHARS_MAX);
    let what = match (event.act.as_str(), &event.version) {
        ("template.publish" | "template.roll_back", Some(version)) => format!("v{version}"),
        ("template.publish", None) => "published".into(),
        ("template.roll_back", None) => "rolled back".into(),
        ("queue.pause", _) => "paused".into(),
        ("node.drain", _) => "drained".into(),
        _ => "resumed".into(),
    };
    format!("{at} {name} {what}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::shell::sample::shell;

    #[test]
    fn each_act_is_told_in_a_few_words_where_it_was() {
        let shell = shell();
        let event = |minutes_ago: i64, act: &str, version: Option<&str>| Event {
            act: act.into(),
            subject: "mail".into(),
            version: version.map(str::to_owned),
            at: shell.now - chrono::TimeDelta::minutes(minutes_ago),
        };
        let events =
            [event(1, "template.publish", Some("8")), event(30, "queue.pause", None), event(59, "node.drain", None)];

        let marks = marks(&events, Span::Hour, &shell);

        let words: Vec<&str> =
            marks.iter().filter_map(|mark| mark.label.split_once(' ')).map(|(_, rest)| rest).collect();
        assert_eq!(words, ["mail drained", "mail paused", "mail v8"], "oldest first");
        let places: Vec<f64> = marks.iter().map(|mark| mark.at.parse().unwrap()).collect();
        assert!(places[0] < 3.0 && (48.0..52.0).contains(&places[1]) && places[2] > 96.0, "{places:?}");
        assert!(label(&events[0], Span::Week, &shell).split(' ').count() == 4, "a week needs the day");
    }
}
