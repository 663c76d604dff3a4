//! View models of components that need more than words: one struct per macro in `templates/ui`.

use super::format::Stamp;
use super::tone::Tone;

/// One tab, segment or saved view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tab {
    /// The word.
    pub label: String,
    /// Where it leads.
    pub href: String,
    /// How many are behind it; empty for none.
    pub count: String,
    /// State whose icon stands before the word.
    pub tone: Option<Tone>,
    /// Whether it is the one (or one of those) shown.
    pub current: bool,
}

impl Tab {
    /// Makes a tab without count and icon.
    pub fn new(label: impl Into<String>, href: impl Into<String>, current: bool) -> Self {
        Self { label: label.into(), href: href.into(), count: String::new(), tone: None, current }
    }

    /// Adds the number of things behind it.
    pub fn counting(self, count: impl ToString) -> Self {
        Self { count: count.to_string(), ..self }
    }

    /// Adds the icon of a state.
    pub fn toned(self, tone: Tone) -> Self {
        Self { tone: Some(tone), ..self }
    }
}

/// One option of a select, a radio group or a list of boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Sent with the form.
    pub value: String,
    /// Read by people.
    pub label: String,
    /// One sentence below the label; empty for none.
    pub help: String,
}

impl Choice {
    /// Makes an option without help.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), help: String::new() }
    }

    /// Adds the sentence below the label.
    pub fn helped(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }
}

/// A column's header that sorts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortHeader {
    /// The word, with the unit if there is one.
    pub label: String,
    /// The list sorted by it (or turned around).
    pub href: String,
    /// How the list is sorted by it now.
    pub order: Order,
}

/// How a list is sorted by a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By another column.
    None,
    /// Smallest or oldest first.
    Ascending,
    /// Largest or newest first.
    Descending,
}

/// The way to the neighbouring pages of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pages {
    /// What is shown: `50 of 2,214`.
    pub shown: String,
    /// The page before; in a list of what happened, the one with newer rows.
    pub newer: Option<String>,
    /// The page after; in a list of what happened, the one with older rows.
    pub older: Option<String>,
}

/// One record of the audit trail, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// Letters for the avatar.
    pub initials: String,
    /// Who.
    pub who: String,
    /// What they did, in words.
    pub what: String,
    /// Why, in their words; may be empty.
    pub reason: String,
    /// When.
    pub at: Stamp,
}

/// Something to say once: above a page, or as a toast.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Notice {
    /// Good, bad or neutral.
    pub tone: Tone,
    /// What happened, with its full stop.
    pub title: String,
    /// What follows from it; empty for none.
    pub text: String,
    /// The way on or back: word and address.
    pub link: Option<(String, String)>,
}

impl Notice {
    /// Makes a notice of a title alone.
    pub fn new(tone: Tone, title: impl Into<String>) -> Self {
        Self { tone, title: title.into(), text: String::new(), link: None }
    }

    /// Says that something was done.
    pub fn done(title: impl Into<String>) -> Self {
        Self::new(Tone::Done, title)
    }

    /// Says that something was refused or failed; such a toast stays until it is dismissed.
    pub fn failed(title: impl Into<String>) -> Self {
        Self::new(Tone::Failed, title)
    }

    /// Adds what follows from it.
    pub fn saying(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }

    /// Adds the way on or back.
    pub fn linking(self, word: impl Into<String>, href: impl Into<String>) -> Self {
        Self { link: Some((word.into(), href.into())), ..self }
    }

    /// Names the icon: a state's own, but a warning sign for what went wrong.
    pub fn icon(&self) -> &'static str {
        match self.tone {
            Tone::Failed => "circle-alert",
            Tone::Retrying => "triangle-alert",
            Tone::Ready | Tone::Running => "info",
            tone => tone.icon(),
        }
    }

    /// Tells whether it stays until somebody dismisses it.
    pub fn stays(&self) -> bool {
        self.tone == Tone::Failed
    }
}

/// One line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiffRow {
    /// What happened to the line.
    pub change: Change,
    /// The line without its newline.
    pub text: String,
}

/// What happened to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// In both.
    Kept,
    /// Only in the new text.
    Added,
    /// Only in the old text.
    Removed,
}

impl DiffRow {
    /// Gives the class of the row.
    pub fn class(&self) -> &'static str {
        match self.change {
            Change::Kept => "",
            Change::Added => "a",
            Change::Removed => "d",
        }
    }

    /// Gives the sign before the text.
    pub fn sign(&self) -> char {
        match self.change {
            Change::Kept => ' ',
            Change::Added => '+',
            Change::Removed => '-',
        }
    }
}
