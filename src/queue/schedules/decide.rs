//! What becomes of the occurrences of one schedule that are due: a pure function of its plan, its policies, how it stands, and the time.
//!
//! ```text
//! due ─▶ left out by the plan ─▶ missed? (late by a minute or more: catch-up) ─▶ paused? ─▶ limit? ─▶ overlap ─▶ jitter, give-up
//! ```
//! Decided are the times of `[decided_until, now)`, so two decisions that follow one another never see the same one.

use std::collections::HashMap;

use chrono::TimeDelta;

use super::next::{Next, next, runs_between};
use super::values::{Act, Cause, Decision, Why};
use crate::base::clock::Time;
use crate::base::length::about;
use crate::queue::job::JobId;
use crate::timing::policies::Policies;
use crate::timing::schedule::{CatchUpPolicy, JitterKind, OverlapPolicy};
use crate::timing::{Fate, Occurrence, Open, Plan, Reason, Touch, stable_number};

/// What is decided later than this after its time was missed.
pub const LATE: TimeDelta = TimeDelta::seconds(60);
/// Most occurrences that are walked over in one decision; what is left is due again at once.
pub const WALKED_MAX: usize = 100_000;
/// Most missed occurrences that get a row of their own in one decision, the latest; a row of the first stands for those before. As many
/// of those that the plan leaves out.
const TOLD_MISSED_MAX: usize = 500;

/// How a schedule stands when its occurrences are decided.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Everything before is decided.
    pub decided_until: Time,
    /// Jobs that its rules have made.
    pub jobs: u64,
    /// Its name, which stable jitter goes by.
    pub name: String,
    /// Why its occurrences are left out: it is paused.
    pub paused: Option<String>,
    /// Its jobs that have not ended, the oldest first.
    pub live: Vec<JobId>,
    /// Occurrences that waited, which a change lets run now.
    pub released: Vec<Released>,
}

/// An occurrence whose time has passed and which runs now, because what let it wait was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The instant that the rules name.
    pub at: Time,
    /// What was changed, for people.
    pub why: String,
}

impl Released {
    fn occurrence(&self, now: Time) -> Occurrence {
        let fate = Fate::Runs(now, Some(Reason::Released(self.why.clone())));
        Occurrence { at: self.at, local: self.at.naive_utc(), touch: Touch::None, moment: now, fate, until: None }
    }
}

/// What was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// One each, in the order of their times.
    pub decisions: Vec<Decision>,
    /// Everything before is decided now.
    pub until: Time,
    /// When to look again; `None` = never.
    pub due_at: Option<Time>,
    /// When it runs next, as far as is known.
    pub next_at: Option<Time>,
    /// Nothing can come any more.
    pub ended: bool,
    /// That is because the limit is used up, when all these jobs are made.
    pub used_up: bool,
}

/// An occurrence that would run, and why not at its time.
struct Run<'o> {
    occurrence: &'o Occurrence,
    /// How late it is, when it was missed.
    missed: Option<TimeDelta>,
}

/// Decides what is due at `now`. `draw` gives random numbers for jitter.
pub fn decide(
    plan: &Plan,
    policies: &Policies,
    standing: &Standing,
    now: Time,
    draw: &mut dyn FnMut() -> u64,
) -> Decided {
    let mut due: Vec<Occurrence> = Vec::new();
    let mut course = plan.course(standing.decided_until);
    let mut is_all = false;
    while due.len() < WALKED_MAX {
        match course.next() {
            Some(one) if one.moment < now => due.push(one),
            // after a long time in which nothing ran, the next decision goes on from here
            None if !due.is_empty() && course.gave_up().is_some_and(|at| at < now) => break,
            _ => {
                is_all = true;
                break;
            }
        }
    }
    // a clock that was put back is waited for
    let until = match due.last() {
        Some(last) if !is_all => last.moment + TimeDelta::microseconds(1),
        _ => now.max(standing.decided_until),
    };
    // who catches nothing up and ends nothing need not know what else was missed
    let is_asked = standing.paused.is_none()
        && (policies.overlap.stops_others() || policies.catch_up != CatchUpPolicy::Skip)
        && due.iter().any(|one| one.runs_at().is_some_and(|at| now - at <= policies.window));
    let later = match (is_all, is_asked) {
        (true, _) => Some(0),
        (false, true) => runs_between(plan, until, now, policies.catch_up_max.max(1)),
        (false, false) => None,
    };
    let live = standing.live.len();
    let released = standing.released.iter().map(|one| one.occurrence(now));
    due.splice(0..0, released);
    let mut decider = Decider { plan, policies, standing, now, later, made: 0, live, decisions: Vec::new() };
    decider.all(&due, draw);
    let (made, decisions) = (decider.made, decider.decisions);
    let is_used_up = policies.limit.is_some_and(|limit| standing.jobs + made >= limit);
    if is_used_up {
        return Decided { decisions, until, ended: true, used_up: true, ..Decided::default() };
    }
    if !is_all {
        return Decided { decisions, until, due_at: Some(now), ..Decided::default() };
    }
    let Next { due_at, next_at } = next(plan, until);
    Decided { decisions, until, due_at, next_at, ended: due_at.is_none(), used_up: false }
}

struct Decider<'s> {
    plan: &'s Plan,
    policies: &'s Policies,
    standing: &'s Standing,
    now: Time,
    /// How many come after these that are missed as well, up to as many as are caught up; `None` = too many to count.
    later: Option<usize>,
    /// Jobs so far.
    made: u64,
    /// Jobs that have not ended, those of this decision included.
    live: usize,
    decisions: Vec<Decision>,
}

impl Decider<'_> {
    fn all(&mut self, due: &[Occurrence], draw: &mut dyn FnMut() -> u64) {
        let caught_up = self.caught_up(due);
        // one that would be ended by a later one does not begin
        let last_run = due.iter().rposition(|one| one.runs_at().is_some()).filter(|_| self.later == Some(0));
        let (mut gone, mut out) = (Gone::default(), Gone::default());
        let untold = missed(due, self.now).count().saturating_sub(TOLD_MISSED_MAX + caught_up.len());
        let untold_out = due.iter().filter(|one| one.runs_at().is_none()).count().saturating_sub(TOLD_MISSED_MAX);
        let (mut seen, mut seen_out) = (0, 0);
        for (at, occurrence) in due.iter().enumerate() {
            let Some(run_at) = occurrence.runs_at() else {
                seen_out += 1;
                out.push(&mut self.decisions, occurrence, why_left_out(occurrence), seen_out <= untold_out);
                continue;
            };
            let late = self.now - run_at;
            if late < LATE {
                self.run(&Run { occurrence, missed: None }, Some(at) == last_run, draw);
            } else if caught_up.binary_search(&at).is_ok() {
                self.run(&Run { occurrence, missed: Some(late) }, Some(at) == last_run, draw);
            } else {
                seen += 1;
                let why = match &self.standing.paused {
                    Some(reason) => Why { cause: Cause::Paused, reason: reason.clone() },
                    None => self.why_missed(late),
                };
                gone.push(&mut self.decisions, occurrence, why, seen <= untold);
            }
        }
    }

    /// The places of the missed occurrences that run after all, in order.
    fn caught_up(&self, due: &[Occurrence]) -> Vec<usize> {
        let most = match self.policies.catch_up {
            CatchUpPolicy::Skip => 0,
            // an occurrence that is in time stands for those that are not
            CatchUpPolicy::One if due.iter().any(|one| one.runs_at().is_some_and(|at| self.now - at < LATE)) => 0,
            CatchUpPolicy::One => 1,
            CatchUpPolicy::All => self.policies.catch_up_max,
        };
        // what comes after this decision's is missed as well, and later
        let most = self.later.map_or(0, |later| most.saturating_sub(later));
        let in_window = |late: TimeDelta| late <= self.policies.window;
        let mut places: Vec<usize> =
            missed(due, self.now).filter(|(_, late)| in_window(*late)).map(|(at, _)| at).collect();
        places.split_off(places.len().saturating_sub(most))
    }

    fn why_missed(&self, late: TimeDelta) -> Why {
        let is_old = late > self.policies.window;
        let (cause, and) = match self.policies.catch_up {
            CatchUpPolicy::Skip => (Cause::Missed, "missed runs are left out".to_owned()),
            _ if is_old => (Cause::Missed, format!("only the last {} is caught up", about(self.policies.window))),
            CatchUpPolicy::One => (Cause::Superseded, "a later run stands for it".into()),
            CatchUpPolicy::All if self.later.is_none() => {
                (Cause::Superseded, "how many later ones were missed could not be told".into())
            }
            CatchUpPolicy::All => {
                (Cause::Superseded, format!("only the {} latest are caught up", self.policies.catch_up_max))
            }
        };
        Why { cause, reason: format!("nothing ran then ({} before this was noticed), and {and}", about(late)) }
    }

    /// Decides one that would run.
    fn run(&mut self, run: &Run<'_>, is_last: bool, draw: &mut dyn FnMut() -> u64) {
        let leave = |cause, reason| Act::Leave(Why { cause, reason });
        let act = if let Some(why) = &self.standing.paused {
            leave(Cause::Paused, why.clone())
        } else if self.policies.limit.is_some_and(|limit| self.standing.jobs + self.made >= limit) {
            let limit = self.policies.limit.unwrap_or_default();
            leave(Cause::Limit, format!("it has made the {limit} jobs that it may make"))
        } else {
            self.overlapped(run, is_last, draw)
        };
        if matches!(act, Act::Enqueue { .. }) {
            self.made += 1;
            self.live += 1;
        }
        self.decisions.push(Decision { at: run.occurrence.at, until: None, more: 0, act });
    }

    fn overlapped(&self, run: &Run<'_>, is_last: bool, draw: &mut dyn FnMut() -> u64) -> Act {
        let leave = |reason| Act::Leave(Why { cause: Cause::Overlap, reason });
        match (self.policies.overlap, self.live) {
            (OverlapPolicy::AllowAll, _) => self.enqueue(run, false, draw),
            (OverlapPolicy::Skip, 0) => self.enqueue(run, false, draw),
            (OverlapPolicy::Skip, _) => leave(format!("{} had not ended", self.earlier())),
            (OverlapPolicy::BufferOne, 2..) => {
                leave(format!("{} had not ended, and one waited already", self.earlier()))
            }
            (policy, _) if policy.stops_others() && !is_last => {
                leave("a later one was due at once, which would have ended it".into())
            }
            (
                OverlapPolicy::BufferOne
                | OverlapPolicy::BufferAll
                | OverlapPolicy::CancelOther
                | OverlapPolicy::TerminateOther,
                _,
            ) => self.enqueue(run, true, draw),
        }
    }

    fn earlier(&self) -> String {
        match self.standing.live.first() {
            Some(job) => format!("job {job} of an earlier run"),
            None => "an earlier run".into(),
        }
    }

    fn enqueue(&self, run: &Run<'_>, in_turn: bool, draw: &mut dyn FnMut() -> u64) -> Act {
        let occurrence = run.occurrence;
        let at = occurrence.runs_at().unwrap_or(occurrence.at);
        let spread_ms = self.policies.jitter.map_or(0, |jitter| {
            let span = u64::from(jitter.seconds) * 1_000;
            let number = match jitter.kind {
                JitterKind::Stable => stable_number(&self.standing.name),
                JitterKind::Random => draw(),
            };
            number % span.max(1)
        });
        let spread = at + TimeDelta::milliseconds(i64::try_from(spread_ms).unwrap_or_default());
        let mut why: Vec<(Cause, String)> = Vec::new();
        // nothing is spread, or caught up, into a time in which nothing may run
        let begin = match run.missed {
            Some(late) => {
                why.push((Cause::CaughtUp, format!("nothing ran then; caught up {} later", about(late))));
                match self.plan.open_from(self.now) {
                    Open::Over => {
                        let reason = "nothing ran then, and the schedule is over".into();
                        return Act::Leave(Why { cause: Cause::Missed, reason });
                    }
                    Open::From(open) if open > self.now => {
                        why.push((Cause::CaughtUp, "it waits for a time in which it may run".into()));
                        open
                    }
                    Open::From(_) | Open::Unknown => spread,
                }
            }
            None if spread > at && self.plan.open_from(spread) != Open::From(spread) => at,
            None => spread,
        };
        why.extend(why_moved(occurrence));
        why.extend((in_turn && self.live > 0).then(|| (Cause::Buffered, self.behind())));
        let not_before = |time: Time| if run.missed.is_some() { time.max(self.now).max(begin) } else { time };
        let cause = why.first().map(|(cause, _)| *cause);
        let reason = why.into_iter().map(|(_, reason)| reason).collect::<Vec<_>>().join("; ");
        Act::Enqueue {
            run_at: begin,
            deadline: self.policies.give_up_after.map(|length| not_before(begin) + length),
            finish_by: self.policies.finish_within.map(|length| not_before(at) + length),
            in_turn,
            stops: self.policies.overlap.stops_others() && self.live > 0,
            why: cause.map(|cause| Why { cause, reason }),
        }
    }

    fn behind(&self) -> String {
        match self.policies.overlap {
            OverlapPolicy::CancelOther => format!("{} was told to stop; this one waits for its end", self.earlier()),
            OverlapPolicy::TerminateOther => format!("{} was ended; this one waits for its end", self.earlier()),
            _ => match self.standing.live.last() {
                Some(job) => format!("it waits for the end of job {job} of an earlier run"),
                None => "it waits for the end of an earlier run".into(),
            },
        }
    }
}

/// The missed ones among those that run, with how late they are.
fn missed(due: &[Occurrence], now: Time) -> impl Iterator<Item = (usize, TimeDelta)> + '_ {
    let late = move |one: &Occurrence| one.runs_at().map(|at| now - at).filter(|late| *late >= LATE);
    due.iter().enumerate().filter_map(move |(at, one)| Some((at, late(one)?)))
}

/// Occurrences that do not run: for each cause and reason the row that stands for further ones.
#[derive(Default)]
struct Gone {
    rows: HashMap<(Cause, String), usize>,
}

impl Gone {
    fn push(&mut self, decisions: &mut Vec<Decision>, one: &Occurrence, why: Why, is_untold: bool) {
        // how late differs from one to the next; what the plan leaves out is told with those of the same reason
        let reason = if one.runs_at().is_some() { String::new() } else { why.reason.clone() };
        let key = (why.cause, reason);
        match self.rows.get(&key).and_then(|row| decisions.get_mut(*row)).filter(|_| is_untold) {
            Some(row) => {
                row.until = Some(one.until.unwrap_or(one.at));
                row.more += 1;
            }
            None => {
                self.rows.insert(key, decisions.len());
                let act = Act::Leave(why);
                decisions.push(Decision { at: one.at, until: one.until, more: 0, act });
            }
        }
    }
}

fn why_left_out(one: &Occurrence) -> Why {
    match &one.fate {
        Fate::Skipped(reason) => Why { cause: Cause::of(reason), reason: one.why_left_out().unwrap_or_default() },
        Fate::Runs(..) => Why { cause: Cause::Outside, reason: "it runs at another time".into() }, // never asked
    }
}

fn why_moved(one: &Occurrence) -> Option<(Cause, String)> {
    let Fate::Runs(_, Some(reason)) = &one.fate else { return None };
    let cause = if matches!(reason, Reason::Released(_)) { Cause::Changed } else { Cause::Moved };
    Some((cause, reason.to_string()))
}
