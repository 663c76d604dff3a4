//! Which schedules are meant, and in which order.

use super::read::Standing;

/// In which order schedules are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// By name.
    #[default]
    Name,
    /// By the next run; those without one are left out.
    Next,
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
    /// Only what comes after the one of this name.
    pub after: Option<String>,
    /// Most of them.
    pub limit: i32,
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
