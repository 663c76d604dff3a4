//! Why occurrences do not run when their rules say.

use std::fmt;

/// Why an occurrence does not run when its rule says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A holiday, with its name and its calendar's.
    Holiday(String),
    /// An excluded time: the rule.
    Excluded(String),
    /// No business day: why, and the calendar.
    NoBusinessDay(String),
    /// Outside of the allowed hours.
    Hours,
    /// A maintenance window, by its name.
    Window(String),
    /// The clock was put forward over it.
    ClockChange,
    /// It would run together with an earlier one.
    Merged,
    /// It would run before the start or after the end.
    Outside,
    /// It went from one closed time to the next, again and again.
    NeverOpen,
    /// It waited for the end of a closed time, and what closed it was changed: how.
    Released(String),
    /// Several things moved it, one after the other.
    Several(Vec<Reason>),
}

impl Reason {
    /// Adds what moved it further.
    pub(super) fn then(before: Option<Self>, next: Self) -> Self {
        match before {
            None => next,
            Some(Self::Several(all)) if all.contains(&next) => Self::Several(all),
            Some(Self::Several(all)) => Self::Several([all, vec![next]].concat()),
            Some(before) if before == next => before,
            Some(before) => Self::Several(vec![before, next]),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holiday(name) | Self::NoBusinessDay(name) | Self::Released(name) => f.write_str(name),
            Self::Excluded(what) => write!(f, "excluded: {what}"),
            Self::Hours => f.write_str("outside of the allowed hours"),
            Self::Window(name) => write!(f, "maintenance window {name}"),
            Self::ClockChange => f.write_str("the clock is put forward then"),
            Self::Merged => f.write_str("another one runs at the same instant"),
            Self::Outside => f.write_str("before the start or after the end"),
            Self::NeverOpen => f.write_str("it goes from one closed time into the next"),
            Self::Several(all) => {
                let told: Vec<String> = all.iter().map(ToString::to_string).collect();
                f.write_str(&told.join(", then "))
            }
        }
    }
}
