//! What people decide about a group.

use crate::base::clock::Time;
use crate::queue::actor::PersonId;

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Nobody wants to hear of it until then.
    Mute(Time),
    /// It is heard of again.
    Unmute,
    /// Something was done about it: it should not come again from this version of the template on; `None` = not at all.
    Handle(Option<i32>),
    /// It was not handled after all.
    Reopen,
    /// Somebody looks after it; `None` = nobody.
    Assign(Option<PersonId>),
    /// Something to know about it.
    Note(String),
    /// It has a ticket elsewhere; `None` = no more.
    Ticket(Option<String>),
}

impl Act {
    /// Gives its name in the audit trail.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Mute(_) => "failure.mute",
            Self::Unmute => "failure.unmute",
            Self::Handle(_) => "failure.handle",
            Self::Reopen => "failure.reopen",
            Self::Assign(_) => "failure.assign",
            Self::Note(_) => "failure.note",
            Self::Ticket(_) => "failure.ticket",
        }
    }
}
