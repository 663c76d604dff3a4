//! The days of an iCalendar file put into a calendar. Pure.

use std::collections::HashSet;

use crate::timing::calendar::{Calendar, OwnDate};
use crate::timing::ics::Imported;

/// What becomes of the days that the calendar has of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// They stay.
    Add,
    /// The file's take their place.
    Replace,
}

impl Merge {
    /// Gives its name in forms.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Replace => "replace",
        }
    }

    /// Reads its name; anything else is [`Merge::Add`], which loses nothing.
    pub fn parse(text: &str) -> Self {
        if text == Self::Replace.as_str() { Self::Replace } else { Self::Add }
    }
}

/// What putting a file's days into a calendar comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The calendar with them.
    pub calendar: Calendar,
    /// Entries that came with the file.
    pub added: Vec<OwnDate>,
    /// Entries of the file that the calendar has already, by itself or as public holidays of its countries.
    pub known: usize,
    /// Entries of the calendar that went.
    pub dropped: usize,
}

/// Puts what a file gave into a calendar. A day that is a holiday of the calendar already is not added once more.
pub fn merged(calendar: &Calendar, imported: &Imported, merge: Merge) -> Merged {
    let kept = match merge {
        Merge::Add => calendar.dates.clone(),
        Merge::Replace => Vec::new(),
    };
    let bare = Calendar { dates: kept.clone(), windows: Vec::new(), ..calendar.clone() };
    let days = bare.days().ok();
    let has: HashSet<&OwnDate> = kept.iter().collect();
    let is_known = |own: &OwnDate| {
        let holiday = own.date.and_then(|date| days.as_ref().map(|days| days.is_holiday(date).is_some()));
        has.contains(own) || holiday == Some(true)
    };
    let added: Vec<OwnDate> = imported.dates.iter().filter(|own| !is_known(own)).cloned().collect();
    Merged {
        known: imported.dates.len() - added.len(),
        dropped: calendar.dates.iter().filter(|own| !has.contains(own) && !added.contains(own)).count(),
        calendar: Calendar { dates: [kept.as_slice(), added.as_slice()].concat(), ..calendar.clone() },
        added,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::text::CalendarName;

    fn own(date: &str) -> OwnDate {
        OwnDate { date: date.parse().ok(), name: "Day off".into(), ..OwnDate::default() }
    }

    #[test]
    fn days_that_are_there_are_not_added_again() {
        let mut calendar = Calendar::empty(CalendarName::parse("it").expect("a name"));
        calendar.holidays = serde_saphyr::from_str("- { country: IT }").expect("places");
        calendar.dates = vec![own("2026-12-24")];
        let imported =
            Imported { dates: vec![own("2026-12-24"), own("2026-12-25"), own("2026-12-28")], not_taken: Vec::new() };

        let added = merged(&calendar, &imported, Merge::Add);
        assert_eq!((added.added.as_slice(), added.known, added.dropped), ([own("2026-12-28")].as_slice(), 2, 0));
        assert_eq!(added.calendar.dates, [own("2026-12-24"), own("2026-12-28")]);

        calendar.dates.push(own("2026-11-02"));
        let replaced = merged(&calendar, &imported, Merge::Replace);
        assert_eq!((replaced.calendar.dates.len(), replaced.known, replaced.dropped), (2, 1, 1));
    }
}
