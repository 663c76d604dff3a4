//! The bar of acts on many jobs at once: what fits none of the states that the list is filtered for rests, and says why.

use crate::admin::operations::Bulk;
use crate::base::clock::Time;
use crate::queue::state::JobState;
use crate::web::tone::Tone;

/// An act as the bar offers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkAct {
    /// The word of the address.
    pub name: &'static str,
    /// What the button says.
    pub label: &'static str,
    /// Its icon.
    pub icon: &'static str,
    /// Why it can be done to none of the jobs shown; empty when it can.
    pub why: String,
}

/// Lists the acts, first those of the bar, then those that are wanted rarely and stand in its menu. `shown` are the states that the
/// list is filtered for, none for all.
pub fn bulk_acts(shown: &[JobState]) -> [Vec<BulkAct>; 2] {
    let in_front = [
        (Bulk::Retry, "Retry…", "rotate-cw"),
        (Bulk::Hold, "Hold…", "hand"),
        (Bulk::Release, "Release…", "lock-open"),
        (Bulk::Cancel, "Cancel…", "ban"),
    ];
    // values do not count: the states that allow an act do not depend on them
    let more = [
        (Bulk::Reschedule(Time::default()), "Reschedule…", "clock"),
        (Bulk::Priority(3), "Priority…", "arrow-up-down"),
        (Bulk::Move(String::new()), "Move to a queue…", "layers"),
        (Bulk::Discard, "Discard…", "trash-2"),
    ];
    let offered = |(act, label, icon): (Bulk, &'static str, &'static str)| {
        let why = why_not(&act, label, shown);
        BulkAct { name: act.name(), label, icon, why }
    };
    [in_front.map(offered).into(), more.map(offered).into()]
}

fn why_not(act: &Bulk, label: &str, shown: &[JobState]) -> String {
    let allowed = act.states();
    if shown.is_empty() || shown.iter().any(|state| allowed.contains(state)) {
        return String::new();
    }
    let words: Vec<String> = allowed.iter().map(|state| Tone::from(*state).word().to_lowercase()).collect();
    format!("{} is for {} jobs; the list shows none of them", label.trim_end_matches('…'), words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resting(shown: &[JobState]) -> Vec<&'static str> {
        bulk_acts(shown).into_iter().flatten().filter(|act| !act.why.is_empty()).map(|act| act.name).collect()
    }

    #[test]
    fn only_what_fits_none_of_the_states_rests() {
        assert_eq!(resting(&[]), [""; 0]);
        assert_eq!(resting(&[JobState::Failed]), ["hold", "release", "cancel", "reschedule", "priority", "move"]);
        assert_eq!(resting(&[JobState::Failed, JobState::Held]), ["hold"]);
    }

    #[test]
    fn the_reason_names_the_states_that_it_is_for() {
        let [front, _] = bulk_acts(&[JobState::Failed]);

        assert_eq!(front[2].why, "Release is for held jobs; the list shows none of them");
    }
}
