//! What a schedule says about when it runs, in sentences.

use chrono_tz::Tz;

use super::document::{ExclusionText, RollText, Timing};
use super::plan::Action;
use super::rule::Rule;
use super::words::joined;
use super::zone::{Gap, Overlap};

impl Timing {
    /// Says it for people: first when its rules hold, then what changes that, a sentence each. `name` is the schedule's: it settles what `H`
    /// means. Rules that cannot be read are left out.
    pub fn sentences(&self, name: &str) -> Vec<String> {
        let mut all = vec![self.rules_sentence(name)];
        all.extend(self.excluded());
        all.extend(self.rolled());
        all.extend(self.held_to_hours());
        all.extend(self.kept_out_of_windows());
        all.extend(self.clock_changes());
        all.extend(self.bounds());
        all
    }

    fn rules_sentence(&self, name: &str) -> String {
        let read: Vec<Rule> =
            self.rules.iter().filter_map(|text| Some(text.read(self.timezone).ok()?.seeded(name))).collect();
        let mut rules: Vec<String> = read.iter().map(|rule| rule.sentence(self.timezone)).collect();
        for later in rules.iter_mut().skip(1) {
            *later = uncapitalised(later);
        }
        let speaks_of_hours = read.iter().any(|rule| !rule.is_interval_like());
        let zone = if speaks_of_hours { format!(", {}", zone_words(self.timezone)) } else { String::new() };
        format!("{}{zone}", joined(&rules))
    }

    fn excluded(&self) -> Option<String> {
        let one = |exclusion: &ExclusionText| match exclusion {
            ExclusionText::Calendar { calendar } => format!("on holidays of {calendar}"),
            ExclusionText::Days { from, to } if from == to => format!("on {}", from.format("%-d %B %Y")),
            ExclusionText::Days { from, to } => {
                format!("from {} to {}", from.format("%-d %B %Y"), to.format("%-d %B %Y"))
            }
            ExclusionText::Rule(rule) => {
                rule.read(self.timezone).map_or_else(|_| "at excluded times".into(), |rule| rule.held(self.timezone))
            }
        };
        let all: Vec<String> = self.exclude.iter().map(one).collect();
        (!all.is_empty()).then(|| format!("Not {}", all.join(", nor ")))
    }

    fn rolled(&self) -> Option<String> {
        let business = self.business_days.as_ref()?;
        let calendar = &business.calendar;
        Some(match business.roll {
            RollText::Skip => format!("Only on business days of {calendar}"),
            RollText::Next => format!("On another day it moves to the next business day of {calendar}"),
            RollText::Previous => format!("On another day it moves to the business day of {calendar} before"),
            RollText::ModifiedNext => format!(
                "On another day it moves to the next business day of {calendar}, or to the one before when that is in another month"
            ),
        })
    }

    fn held_to_hours(&self) -> Option<String> {
        let hours = self.hours.as_ref()?;
        Some(match hours.action {
            Action::Skip => format!("Only from {} to {}; what falls outside is left out", hours.from, hours.to),
            Action::Delay => {
                format!("Only from {} to {}; what falls outside runs when they begin", hours.from, hours.to)
            }
        })
    }

    fn kept_out_of_windows(&self) -> Option<String> {
        let of = |action: Action| {
            let names: Vec<String> = self
                .windows
                .iter()
                .filter(|window| window.action == action)
                .map(|window| window.calendar.clone())
                .collect();
            (!names.is_empty()).then(|| joined(&names))
        };
        match (of(Action::Delay), of(Action::Skip)) {
            (None, None) => None,
            (Some(delayed), None) => Some(format!("During maintenance windows of {delayed} it waits for their end")),
            (None, Some(skipped)) => Some(format!("During maintenance windows of {skipped} it is left out")),
            (Some(delayed), Some(skipped)) => Some(format!(
                "During maintenance windows of {delayed} it waits for their end, during those of {skipped} it is left out"
            )),
        }
    }

    fn clock_changes(&self) -> Option<String> {
        let gap = self.dst.gap.map(|gap| match gap {
            Gap::Skip => "times that the clock is put forward over are left out",
            Gap::RunAfter => "times that the clock is put forward over run right after",
            Gap::Shift => "times that the clock is put forward over run as much later",
        });
        let overlap = self.dst.overlap.map(|overlap| match overlap {
            Overlap::First => "times that come twice run the first time",
            Overlap::Second => "times that come twice run the second time",
            Overlap::Both => "times that come twice run twice",
        });
        let told: Vec<String> = [gap, overlap].into_iter().flatten().map(str::to_owned).collect();
        (!told.is_empty()).then(|| capitalised(&joined(&told)))
    }

    fn bounds(&self) -> Option<String> {
        let told = |at: &chrono::DateTime<chrono::FixedOffset>| {
            at.with_timezone(&self.timezone).format("%-d %B %Y, %H:%M").to_string()
        };
        match (&self.start, &self.end) {
            (None, None) => None,
            (Some(start), None) => Some(format!("Not before {}", told(start))),
            (None, Some(end)) => Some(format!("Until {}", told(end))),
            (Some(start), Some(end)) => Some(format!("From {} until {}", told(start), told(end))),
        }
    }
}

impl Rule {
    /// Says when a rule holds that takes times out: "in August".
    pub(super) fn held(&self, zone: Tz) -> String {
        let sentence = self.sentence(zone);
        let days = sentence.strip_prefix("Every minute").map(|rest| rest.trim_start_matches([',', ' ']));
        days.filter(|days| !days.is_empty()).map_or_else(|| uncapitalised(&sentence), uncapitalised)
    }
}

/// Names a zone as people do: "Rome time", "UTC".
pub fn zone_words(zone: Tz) -> String {
    match zone.name().rsplit_once('/') {
        Some(("Etc", _)) | None => zone.name().to_owned(),
        Some((_, city)) => format!("{} time", city.replace('_', " ")),
    }
}

fn uncapitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
