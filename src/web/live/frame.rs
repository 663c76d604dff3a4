//! What a page shows at one moment, and what of it is new to whom. Pure.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::web::respond::partial;

/// One element of the page, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel {
    /// The element's id: `panel-progress`, `job-7`.
    pub id: String,
    /// Its inside, as the page's own block renders it.
    pub html: String,
}

/// Rows that are only ever added at the end of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tail {
    /// Id of the list they are added to.
    pub id: String,
    /// Rising numbers and rendered rows.
    pub rows: Vec<(u64, String)>,
}

/// Everything a page shows live.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// The elements.
    pub panels: Vec<Panel>,
    /// Log rows, if the page has a log.
    pub tail: Option<Tail>,
}

/// Remembers the hash of each panel as it was last sent to everybody.
#[derive(Default)]
pub(super) struct Sent(HashMap<String, u64>);

impl Sent {
    /// Gives the panels that differ from what was sent, and remembers them as sent.
    pub(super) fn changed<'f>(&mut self, frame: &'f Frame) -> Vec<&'f Panel> {
        let is_new = |panel: &&Panel| {
            let hash = hash(&panel.html);
            self.0.insert(panel.id.clone(), hash) != Some(hash)
        };
        frame.panels.iter().filter(is_new).collect()
    }
}

fn hash(html: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    html.hash(&mut hasher);
    hasher.finish()
}

/// Writes a message of `panels` and of the rows after `cursor`; `None` when there is nothing to say. The second part is the
/// new cursor.
pub(super) fn message<'p>(
    panels: impl IntoIterator<Item = &'p Panel>,
    tail: Option<&Tail>,
    cursor: u64,
) -> (Option<String>, u64) {
    let mut body: String = panels.into_iter().map(|panel| partial(&panel.id, &panel.html)).collect();
    let mut last = cursor;
    if let Some(tail) = tail {
        let rows: Vec<_> = tail.rows.iter().filter(|(number, _)| *number > cursor).collect();
        if let Some((number, _)) = rows.last() {
            last = *number;
            let html: String = rows.iter().map(|(_, html)| html.as_str()).collect();
            body.push_str(&format!("<hx-partial hx-target=\"#{}\" hx-swap=\"beforeend\">{html}</hx-partial>", tail.id));
        }
    }
    if body.is_empty() { (None, last) } else { (Some(event(&body, tail.map(|_| last))), last) }
}

/// Writes an unnamed event: one `data:` line per line, the cursor as its id.
fn event(body: &str, id: Option<u64>) -> String {
    let mut out = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    for line in body.lines() {
        out.push_str("data: ");
        out.push_str(line);
        out.push('\n');
    }
    out.push('\n');
    out
}

/// Writes a named event of one line; line ends in `data` would begin another field.
pub(super) fn named(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {}\n\n", data.replace(['\n', '\r'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panel(id: &str, html: &str) -> Panel {
        Panel { id: id.into(), html: html.into() }
    }

    #[test]
    fn only_what_changed_is_sent_again() {
        let mut sent = Sent::default();
        let first = Frame { panels: vec![panel("a", "1"), panel("b", "2")], tail: None };
        let second = Frame { panels: vec![panel("a", "1"), panel("b", "3")], tail: None };

        assert_eq!(sent.changed(&first).len(), 2);
        assert_eq!(sent.changed(&first).len(), 0);
        assert_eq!(sent.changed(&second), [&panel("b", "3")]);
    }

    #[test]
    fn a_message_has_one_data_line_per_line_and_the_cursor_as_id() {
        let tail = Tail { id: "log-rows".into(), rows: vec![(3, "<li>3</li>".into()), (4, "<li>4</li>".into())] };

        let (text, cursor) = message(&[panel("a", "x\ny")], Some(&tail), 3);

        assert_eq!(cursor, 4);
        assert_eq!(
            text.expect("a message"),
            "id: 4\ndata: <hx-partial hx-target=\"#a\" hx-swap=\"innerMorph\">x\ndata: y</hx-partial>\
             <hx-partial hx-target=\"#log-rows\" hx-swap=\"beforeend\"><li>4</li></hx-partial>\n\n"
        );
    }

    #[test]
    fn nothing_new_is_no_message() {
        let tail = Tail { id: "log-rows".into(), rows: vec![(3, "<li>3</li>".into())] };

        assert_eq!(message(&[], Some(&tail), 3), (None, 3));
        assert_eq!(message(&[], None, 0), (None, 0));
    }

    #[test]
    fn a_reason_cannot_begin_another_field() {
        assert_eq!(named("bye", "a\nevent: x"), "event: bye\ndata: a event: x\n\n");
    }
}
