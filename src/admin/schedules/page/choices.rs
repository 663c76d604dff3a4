//! What the selects of a schedule's form offer.

use super::around::CalendarLine;
use super::rules::{CRON, RuleKind};
use super::sheet::SheetPage;
use crate::web::parts::Choice;

macro_rules! choices {
    ($($name:ident: $($value:literal $label:literal),+;)+) => {
        impl SheetPage {
            $(pub(super) fn $name(&self) -> Vec<Choice> {
                vec![$(Choice::new($value, $label)),+]
            })+
        }
    };
}

choices! {
    rolls: "skip" "Leave it out", "next" "Move to the next business day", "previous" "Move to the business day before",
        "modified_next" "Next business day, or the one before when that is in another month";
    actions: "delay" "Wait for the end", "skip" "Leave it out";
    gaps: "run_after" "Run right after the change", "shift" "Run as much later", "skip" "Leave it out";
    passes: "first" "Run the first time", "second" "Run the second time", "both" "Run both times";
    overlaps: "skip" "Skip the new one and record why", "buffer_one" "Let the new one wait, one at most",
        "buffer_all" "Let the new ones wait, all of them", "cancel_other" "Tell the earlier one to stop, then run",
        "terminate_other" "End the earlier one at once, then run", "allow_all" "Run them beside each other";
    catch_ups: "one" "Run once, for the latest missed time", "all" "Run all that were missed", "skip" "Leave missed runs out";
    spreads: "stable" "The same delay each time", "random" "Another delay each time";
}

impl SheetPage {
    /// The months, by number and word.
    pub(super) fn months(&self) -> Vec<(String, &'static str)> {
        let names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        (1..).zip(names).map(|(number, name): (i32, _)| (number.to_string(), name)).collect()
    }

    pub(super) fn is_source(&self, name: &str) -> bool {
        self.sources.iter().any(|source| source == name)
    }

    pub(super) fn kinds(&self) -> Vec<Choice> {
        RuleKind::ALL.into_iter().map(|kind| Choice::new(kind.as_str(), kind.label())).collect()
    }

    pub(super) fn is_kind(&self, name: &str) -> bool {
        RuleKind::of(&self.form).as_str() == name
    }

    pub(super) fn cron_fields(&self) -> Vec<(&'static str, &'static str)> {
        CRON.into_iter().zip(["minute", "hour", "day", "month", "weekday"]).collect()
    }

    pub(super) fn with_windows(&self) -> impl Iterator<Item = &CalendarLine> {
        self.calendars.iter().filter(|calendar| calendar.has_windows || !self.form.text(&calendar.field).is_empty())
    }

    pub(super) fn calendar_choices(&self) -> Vec<Choice> {
        self.calendars.iter().map(|calendar| Choice::new(calendar.name.as_str(), calendar.name.as_str())).collect()
    }

    /// The button that saves.
    pub(super) fn save_label(&self) -> String {
        match &self.head {
            Some(head) => format!("Save as v{}", head.latest + 1),
            None => "Save schedule".into(),
        }
    }
}
