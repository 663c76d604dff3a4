//! The question of each decision about a group, as a page or a dialog.

use askama::Template;

use crate::admin::failures::detail::Assignable;
use crate::admin::failures::read::GroupRow;
use crate::web::form::Form;
use crate::web::parts::Choice;
use crate::web::paths;
use crate::web::shell::Shell;

/// Which decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Mute,
    Unmute,
    Handle,
    Reopen,
    Assign,
    Note,
    Ticket,
}

impl Verb {
    const ALL: [Self; 7] =
        [Self::Mute, Self::Unmute, Self::Handle, Self::Reopen, Self::Assign, Self::Note, Self::Ticket];

    /// Reads the last part of an address.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == text)
    }

    /// Gives the last part of its address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mute => "mute",
            Self::Unmute => "unmute",
            Self::Handle => "handle",
            Self::Reopen => "reopen",
            Self::Assign => "assign",
            Self::Note => "note",
            Self::Ticket => "ticket",
        }
    }

    fn question(self) -> &'static str {
        match self {
            Self::Mute => "Mute the group",
            Self::Unmute => "Unmute the group",
            Self::Handle => "Mark the group handled",
            Self::Reopen => "Open the group again",
            Self::Assign => "Assign the group",
            Self::Note => "Write a note",
            Self::Ticket => "Link a ticket",
        }
    }

    fn effect(self) -> &'static str {
        match self {
            Self::Mute => {
                "Until then it is not among the open groups. It is counted as before, and its jobs are run and retried as before."
            }
            Self::Unmute => "It is among the open groups again when it fails.",
            Self::Handle => {
                "It leaves the open groups. When it fails again from this version on, it comes back as Returned."
            }
            Self::Reopen => "It is no longer marked handled and is among the open groups when it fails.",
            Self::Assign => "Everybody sees who looks after it.",
            Self::Note => "Everybody who sees the group reads it.",
            Self::Ticket => {
                "The address of the ticket in your own system, beginning with https://. Leave it empty to take the link away."
            }
        }
    }

    fn button(self) -> &'static str {
        match self {
            Self::Mute => "Mute it",
            Self::Unmute => "Unmute it",
            Self::Handle => "Mark handled",
            Self::Reopen => "Open it again",
            Self::Assign => "Assign it",
            Self::Note => "Add the note",
            Self::Ticket => "Save the link",
        }
    }
}

/// The page.
#[derive(Template)]
#[template(path = "failures/ask.html", blocks = ["dialog"])]
pub struct AskPage {
    pub shell: Shell,
    pub verb: Verb,
    pub back: String,
    pub action: String,
    pub choices: Vec<Choice>,
    pub form: Form,
}

impl AskPage {
    /// Asks about a decision; `choices` are those of the verb.
    pub fn new(shell: Shell, (verb, group): (Verb, &GroupRow), choices: Vec<Choice>, form: Form) -> Self {
        let back = paths::failure(&group.fingerprint);
        Self { shell, verb, action: paths::failure_act(&group.fingerprint, verb.as_str()), back, choices, form }
    }
}

/// For how long a group can be muted.
pub fn mute_choices() -> Vec<Choice> {
    [("1", "1 hour"), ("8", "8 hours"), ("24", "1 day"), ("168", "1 week"), ("720", "30 days")]
        .map(|(hours, label)| Choice::new(hours, label))
        .into()
}

/// From which version on it is handled.
pub fn version_choices((active, newest): (Option<i32>, i32), group: &GroupRow) -> Vec<Choice> {
    let mut choices = vec![
        Choice::new("", "At once").helped("Any further failure brings it back: the cause was not in the template."),
    ];
    if let Some(active) = active.filter(|active| *active > group.last_version) {
        choices.push(
            Choice::new(active.to_string(), format!("From v{active}, the active version"))
                .helped("Jobs of older versions may still fail; they do not bring it back."),
        );
    }
    let next = newest + 1;
    choices.push(
        Choice::new(next.to_string(), format!("From v{next}, the next version"))
            .helped("The fix comes with the next version of the template."),
    );
    choices
}

/// To whom it can be assigned.
pub fn people_choices(people: &[Assignable]) -> Vec<Choice> {
    people
        .iter()
        .map(|person| Choice::new(person.id.to_string(), format!("{} ({})", person.name, person.email)))
        .collect()
}
