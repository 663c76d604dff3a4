//! The state of a failure group: one pure rule, with the time as an argument. `admin::failures` asks the database by the same
//! rule in SQL; a test compares the two.

use chrono::TimeDelta;

use crate::base::clock::Time;

/// A group is new for so many hours, unless somebody touches it.
pub const NEW_HOURS: i64 = 24;
/// A group is quiet when it has not failed for so many hours.
pub const QUIET_HOURS: i64 = 24;
/// How unlikely a busy hour must be before a group counts as rising.
const RISING_CHANCE_MAX: f64 = 0.001;
/// Fewer failures than these are no rise, however quiet it was before.
const RISING_COUNT_MIN: u64 = 5;

/// What is to be done about a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupState {
    /// First seen a short while ago; nobody has touched it.
    New,
    /// Comes clearly more often than it used to.
    Rising,
    /// Comes as it used to.
    Steady,
    /// It was handled, and came again.
    Returned,
    /// Has not come for a while.
    Quiet,
    /// Nobody wants to hear of it until some time.
    Muted,
    /// Somebody has done something about it.
    Handled,
}

impl GroupState {
    /// Every state, those that want somebody first.
    pub const ALL: [Self; 7] =
        [Self::New, Self::Rising, Self::Steady, Self::Returned, Self::Quiet, Self::Muted, Self::Handled];

    /// Gives the state's name in addresses and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Rising => "rising",
            Self::Steady => "steady",
            Self::Returned => "returned",
            Self::Quiet => "quiet",
            Self::Muted => "muted",
            Self::Handled => "handled",
        }
    }

    /// Reads a state's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Tells whether the group is open: it fails, and nobody has put it aside.
    pub fn is_open(self) -> bool {
        match self {
            Self::New | Self::Rising | Self::Steady | Self::Returned => true,
            Self::Quiet | Self::Muted | Self::Handled => false,
        }
    }
}

/// What decides the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// First failure.
    pub first_seen: Time,
    /// Last failure.
    pub last_seen: Time,
    /// Muted until then.
    pub muted_until: Option<Time>,
    /// Somebody marked it handled.
    pub is_handled: bool,
    /// It came again after that, of a version from which it should not.
    pub has_returned: bool,
    /// [`is_rising`], as of a minute ago at most.
    pub is_rising: bool,
    /// Somebody has decided something about it.
    pub is_touched: bool,
}

impl Facts {
    /// Gives the state at `now`. What people decided goes before what the numbers say.
    pub fn state(&self, now: Time) -> GroupState {
        if self.muted_until.is_some_and(|until| until > now) {
            return GroupState::Muted;
        }
        match (self.is_handled, self.has_returned) {
            (true, true) => return GroupState::Returned,
            (true, false) => return GroupState::Handled,
            (false, _) => {}
        }
        if self.last_seen <= now - TimeDelta::hours(QUIET_HOURS) {
            GroupState::Quiet
        } else if !self.is_touched && self.first_seen > now - TimeDelta::hours(NEW_HOURS) {
            GroupState::New
        } else if self.is_rising {
            GroupState::Rising
        } else {
            GroupState::Steady
        }
    }
}

/// Tells whether `recent` failures within `recent_hours` are clearly more than `before` within `before_hours` let expect.
///
/// If both came at one rate, each of all of them fell into the recent hours with the chance `recent_hours / (recent_hours +
/// before_hours)`; the group rises when so many would fall there by chance less than once in a thousand times. (The conditional test
/// of two Poisson counts: Przyborowski and Wilenski, "Homogeneity of results in testing samples from Poisson series", Biometrika 31, 1940.)
pub fn is_rising((recent, recent_hours): (u64, f64), (before, before_hours): (u64, f64)) -> bool {
    if recent < RISING_COUNT_MIN || recent_hours <= 0.0 || before_hours <= 0.0 {
        return false;
    }
    let (all, share) = (recent + before, recent_hours / (recent_hours + before_hours));
    recent as f64 > all as f64 * share && upper_tail(all, recent, share) < RISING_CHANCE_MAX
}

/// The chance of at least `least` of `all` when each comes with the chance `share`. Called beyond the mean, where terms fall.
fn upper_tail(all: u64, least: u64, share: f64) -> f64 {
    let ways = ln_factorial(all) - ln_factorial(least) - ln_factorial(all - least);
    let mut term = (ways + least as f64 * share.ln() + (all - least) as f64 * (-share).ln_1p()).exp();
    let mut sum = 0.0;
    for count in least..=all {
        sum += term;
        term *= (all - count) as f64 / (count + 1) as f64 * share / (1.0 - share);
        if term < sum * 1e-9 {
            break;
        }
    }
    sum
}

/// Stirling's series; exact for small numbers.
fn ln_factorial(number: u64) -> f64 {
    if number < 16 {
        return (2..=number).map(|factor| (factor as f64).ln()).sum();
    }
    let n = number as f64;
    n * n.ln() - n + 0.5 * (std::f64::consts::TAU * n).ln() + 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Time {
        "2026-11-30T12:00:00Z".parse().expect("a time")
    }

    fn facts(first_h: i64, last_h: i64) -> Facts {
        Facts {
            first_seen: now() - TimeDelta::hours(first_h),
            last_seen: now() - TimeDelta::hours(last_h),
            muted_until: None,
            is_handled: false,
            has_returned: false,
            is_rising: false,
            is_touched: false,
        }
    }

    #[test]
    fn what_people_decided_goes_before_what_the_numbers_say() {
        use GroupState::{Handled, Muted, New, Quiet, Returned, Rising, Steady};
        let (young, old, silent) = (facts(2, 0), facts(200, 0), facts(200, 24));
        let muted = |hours: i64, facts: Facts| Facts { muted_until: Some(now() + TimeDelta::hours(hours)), ..facts };
        let handled = |has_returned, facts| Facts { is_handled: true, has_returned, ..facts };
        let touched = |facts| Facts { is_touched: true, ..facts };
        let rising = |facts| Facts { is_rising: true, ..facts };
        let cases = [
            ("young", young, New),
            ("young, at the bound", facts(24, 0), Steady),
            ("young and many", rising(young), New),
            ("young, somebody looks after it", touched(young), Steady),
            ("young, touched and many", touched(rising(young)), Rising),
            ("old", old, Steady),
            ("old and many", rising(old), Rising),
            ("silent at the bound", silent, Quiet),
            ("silent, the duty has not looked yet", rising(silent), Quiet),
            ("muted", muted(1, old), Muted),
            ("muted until now", muted(0, old), Steady),
            ("muted till lately", muted(-1, young), New),
            ("handled", handled(false, old), Handled),
            ("handled and silent", handled(false, silent), Handled),
            ("handled and muted", muted(1, handled(false, old)), Muted),
            ("returned", handled(true, old), Returned),
            ("returned, then silent", handled(true, silent), Returned),
            ("returned and muted", muted(1, handled(true, old)), Muted),
            ("returned, many", handled(true, rising(young)), Returned),
        ];

        for (what, facts, expected) in cases {
            assert_eq!(facts.state(now()), expected, "{what}");
        }
    }

    #[test]
    fn names_round_trip_and_open_is_what_fails_and_is_not_put_aside() {
        for state in GroupState::ALL {
            assert_eq!(GroupState::parse(state.as_str()), Some(state));
        }
        assert_eq!(GroupState::ALL.into_iter().filter(|state| state.is_open()).count(), 4);
    }

    #[test]
    fn only_what_chance_hardly_explains_is_a_rise() {
        let week = 166.0;
        let cases = [
            ((5, 1.0), (0, week), true),
            ((4, 1.0), (0, week), false),
            ((9, 1.0), (5 * 166, week), false),
            ((17, 1.0), (5 * 166, week), true),
            ((100, 1.0), (100 * 166, week), false),
            ((120, 1.0), (100 * 166, week), false),
            ((135, 1.0), (100 * 166, week), true),
            ((1_000_000, 1.5), (100_000_000, week), true),
            ((900_000, 1.5), (100_000_000, week), false),
            ((50, 1.0), (50, 1.0), false),
            ((0, 1.0), (0, week), false),
            ((50, 0.0), (0, week), false),
            ((50, 1.0), (0, 0.0), false),
        ];

        for (recent, before, expected) in cases {
            assert_eq!(is_rising(recent, before), expected, "{recent:?} {before:?}");
        }
    }

    #[test]
    fn tails_add_up() {
        assert!((upper_tail(10, 0, 0.3) - 1.0).abs() < 1e-9);
        assert!((upper_tail(3, 2, 0.5) - 0.5).abs() < 1e-12);
        assert!((ln_factorial(20) - (2..=20).map(|n| f64::from(n).ln()).sum::<f64>()).abs() < 1e-9);
    }
}
