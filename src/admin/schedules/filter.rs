//! Which schedules are meant, and in which order.

use std::fmt;

use chrono::{DateTime, SecondsFormat};

use super::read::{ScheduleRow, Standing};
use crate::base::clock::Time;

/// In which order schedules are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// By name.
    #[default]
    Name,
    /// By the next run; those without one are left out.
    Next,
}

/// Behind which schedule a page begins. In the order by next run it keeps when that was to be: a schedule that has run meanwhile does not
/// take the page along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The next run, in the order by that.
    pub next_at: Option<Time>,
    /// The name.
    pub name: String,
}

impl Cursor {
    /// Gives the place behind a schedule of a list.
    pub fn behind(row: &ScheduleRow, sort: Sort) -> Self {
        Self { next_at: row.next_at.filter(|_| sort == Sort::Next), name: row.name.clone() }
    }

    /// Reads what [`Display`](fmt::Display) writes for this order; `None` for what is no such place.
    pub fn parse(text: &str, sort: Sort) -> Option<Self> {
        match (sort, text.split_once('~')) {
            (_, None) if text.is_empty() => None,
            (Sort::Name, _) => Some(Self { next_at: None, name: text.to_owned() }),
            (Sort::Next, Some((at, name))) => {
                Some(Self { next_at: Some(DateTime::parse_from_rfc3339(at).ok()?.to_utc()), name: name.to_owned() })
            }
            (Sort::Next, None) => None,
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.next_at {
            write!(f, "{}~", at.to_rfc3339_opts(SecondsFormat::Micros, true))?;
        }
        f.write_str(&self.name)
    }
}

/// Which schedules are meant. Everything that is set must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleFilter {
    /// A text that name, template or description holds, whatever its case.
    pub text: Option<String>,
    /// The template of their jobs.
    pub template: Option<String>,
    /// How they are.
    pub standing: Option<Standing>,
    /// A calendar that they mind.
    pub calendar: Option<String>,
    /// The order.
    pub sort: Sort,
    /// Only what comes behind.
    pub after: Option<Cursor>,
    /// Most of them.
    pub limit: i32,
}

/// How the last run of a schedule went, as its rules made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastResult {
    /// Its job succeeded.
    Succeeded,
    /// Its job failed for good, or its deadline passed before it began.
    Failed,
    /// Its job was cancelled.
    Cancelled,
    /// Its job has not ended, or is no longer kept.
    Open,
    /// Its rules have not made it run yet.
    Never,
}

impl LastResult {
    /// Every one, as the list offers them.
    pub const ALL: [Self; 5] = [Self::Succeeded, Self::Failed, Self::Cancelled, Self::Open, Self::Never];

    /// Gives its name in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Open => "open",
            Self::Never => "never",
        }
    }

    /// Reads its name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|result| result.as_str() == text)
    }
}

/// What narrows a list beside its filter. Everything that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowing {
    /// The time zone of the version in force.
    pub zone: Option<String>,
    /// How the last run went.
    pub last: Option<LastResult>,
}

impl Default for ScheduleFilter {
    fn default() -> Self {
        let (text, template, standing, calendar, after) = (None, None, None, None, None);
        Self { text, template, standing, calendar, sort: Sort::default(), after, limit: 50 }
    }
}

impl ScheduleFilter {
    /// Gives the pattern of `text` for `LIKE` over what is said in lower case; a NUL matches nothing that a database can hold.
    pub(super) fn pattern(&self) -> Option<String> {
        let text = self.text.as_deref()?.to_lowercase().replace('\0', "\u{fffd}");
        Some(format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_was_written_and_what_is_none_is_not() {
        let at = DateTime::from_timestamp_micros(1_800_000_000_000_007);
        for (sort, next_at) in [(Sort::Name, None), (Sort::Next, at)] {
            let place = Cursor { next_at, name: "courier-manifest".into() };
            assert_eq!(Cursor::parse(&place.to_string(), sort), Some(place));
        }
        assert_eq!(Cursor::parse("", Sort::Name), None);
        assert_eq!(Cursor::parse("courier-manifest", Sort::Next), None, "no moment");
        assert_eq!(Cursor::parse("soon~courier-manifest", Sort::Next), None);
    }
}
