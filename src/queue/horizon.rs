//! How far the numbers of a sequence are settled. Numbers are drawn before their transactions commit, so a row may still come
//! below the newest; below the horizon none can.

use std::collections::VecDeque;

/// Most looks that are remembered; when transactions stay open for long, the newest are left out.
const LOOKS_MAX: usize = 64;

/// What one statement saw, in this order: its snapshot, then the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// The newest number that was drawn.
    pub drawn: i64,
    /// All transactions below it had ended.
    pub oldest_open: i64,
    /// The looker's own transaction id, given out by this statement: whoever wrote before has a lower one. The end of the snapshot
    /// will not do in its place, because it lies behind the last transaction that *ended*: others beyond it may be under way.
    pub own: i64,
}

/// Up to which number everything was committed or given up.
///
/// A number that one look saw drawn belongs to a transaction older than the next look's own; once all those have ended, so has
/// whatever drew it. So whoever draws numbers takes its transaction id before (`pg_current_xact_id()`, or a
/// row lock) or within the same row's insert, and waits for nobody in between; whoever relies on a horizon looks below it now and
/// then all the same.
#[derive(Debug, Default)]
pub struct Horizon {
    drawn: Option<i64>,
    open: VecDeque<(i64, i64)>,
    settled: i64,
}

impl Horizon {
    /// Learns from a look and gives the horizon. Looks lie at least a second apart. A sequence that went back (another server
    /// took over) begins anew.
    pub fn look(&mut self, sight: Sight) -> i64 {
        if self.drawn.is_some_and(|drawn| sight.drawn < drawn) {
            *self = Self::default();
        }
        while let Some((number, _)) = self.open.pop_front_if(|(_, own)| *own <= sight.oldest_open) {
            self.settled = number;
        }
        if let Some(drawn) = self.drawn.replace(sight.drawn)
            && self.open.len() < LOOKS_MAX
        {
            self.open.push_back((drawn, sight.own));
        }
        self.settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(drawn: i64, oldest_open: i64, own: i64) -> Sight {
        Sight { drawn, oldest_open, own }
    }

    #[test]
    fn a_number_is_settled_when_all_have_ended_that_might_have_drawn_it() {
        let mut horizon = Horizon::default();

        assert_eq!(horizon.look(sight(100, 7, 9)), 0);
        assert_eq!(horizon.look(sight(200, 7, 12)), 0, "7 is open and may have drawn 100");
        assert_eq!(horizon.look(sight(300, 11, 15)), 0, "11 began before the look that followed 100");
        assert_eq!(horizon.look(sight(400, 12, 20)), 100);
        assert_eq!(horizon.look(sight(500, 30, 30)), 300, "several at once");
    }

    #[test]
    fn a_sequence_that_goes_back_begins_anew() {
        let mut horizon = Horizon::default();
        for at in [sight(100, 1, 1), sight(200, 2, 2), sight(300, 3, 3)] {
            horizon.look(at);
        }

        assert_eq!(horizon.look(sight(50, 4, 4)), 0);
    }

    #[test]
    fn a_transaction_that_stays_open_holds_it_back_and_costs_no_memory() {
        let mut horizon = Horizon::default();
        for look in 1..10_000 {
            assert_eq!(horizon.look(sight(look * 10, 5, 100 + look)), 0);
        }

        assert!(horizon.open.len() <= LOOKS_MAX);
        let settled = horizon.look(sight(200_000, 20_000, 20_000));
        assert!(settled > 0 && settled <= 99_990, "{settled}");
    }
}
