//! What all schedules together do within a span: how many runs each part has, minutes in which several start, and times in which more jobs would
//! run than a queue or a template lets run at once. Pure: it is given the schedules and when they run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use chrono::{TimeDelta, Timelike as _};

use super::span::{Runs, Span};
use crate::admin::schedules::fleet::Member;
use crate::base::clock::Time;
use crate::web::format::{between, duration, grouped};
use crate::web::paths;

/// Occurrences that are looked at for all schedules together.
const LOOKED_AT_MAX: usize = 200_000;
/// Who runs more often than every fifth minute is in every busy minute, and makes none of them.
const OFTEN: usize = 12;
/// Busy minutes, and times of too many jobs, that are named.
const NAMED_MAX: usize = 6;
/// Schedules that are named for each of them.
const NAMES_MAX: usize = 8;
/// A job of which it is not known how long it takes is there for a moment.
const SHORTEST: TimeDelta = TimeDelta::seconds(1);

/// What all of them do.
#[derive(Debug, Default)]
pub struct Crowd {
    /// Runs of each part of the span.
    pub totals: Vec<usize>,
    /// Not all schedules were counted: what is left out, in words; empty for nothing.
    pub cut: String,
    /// Minutes in which most schedules start, the busiest first.
    pub busy: Vec<Busy>,
    /// Times in which more jobs would run than may, the worst first.
    pub clashes: Vec<Clash>,
    /// How many more of these there are.
    pub more_clashes: usize,
}

/// A minute in which several schedules start.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy {
    pub time: String,
    pub starts: usize,
    pub names: Vec<(String, String)>,
    /// So many more start then.
    pub more: usize,
    /// They make jobs of one template, which then run beside each other.
    pub same_template: String,
}

/// A time in which more jobs would run than a limit lets run.
#[derive(Debug, PartialEq, Eq)]
pub struct Clash {
    pub time: String,
    /// "3 jobs would run, the queue reports takes 1 at a time".
    pub sentence: String,
    /// Schedule, address, since when and how long usually.
    pub names: Vec<(String, String, String)>,
    pub more: usize,
}

impl Crowd {
    /// Counts what `members` do; with `is_more` there are others that are not among them.
    pub fn of(members: &[Member], is_more: bool, span: &Span) -> Self {
        let members: Vec<&Member> = members.iter().filter(|member| !member.is_paused).collect();
        let (mut left, mut runs) = (LOOKED_AT_MAX, Vec::with_capacity(members.len()));
        for member in &members {
            runs.push(Runs::of(&member.known.plan, span, &mut left).until(member.ended_at, span));
            if left == 0 {
                break; // the last one may be counted in part
            }
        }
        let mut totals = vec![0; span.parts().count()];
        let running: Vec<(&Member, &Runs)> = members.iter().copied().zip(&runs).collect();
        for (_, runs) in &running {
            totals.iter_mut().zip(&runs.of_parts).for_each(|(total, (many, _))| *total += many);
        }
        let clashes = clashes(&running, span);
        Self {
            totals,
            cut: cut(runs.len(), members.len(), is_more),
            busy: busy(&running, span),
            more_clashes: clashes.len().saturating_sub(NAMED_MAX),
            clashes: clashes.into_iter().take(NAMED_MAX).map(|(_, clash)| clash).collect(),
        }
    }
}

fn cut(counted: usize, members: usize, is_more: bool) -> String {
    let of = grouped(counted as u64);
    match (counted < members, is_more) {
        (true, _) => {
            format!("The first {of} schedules by name are counted: together they have more runs than are looked at.")
        }
        (false, true) => format!("The first {of} schedules by name are counted; there are more."),
        (false, false) => String::new(),
    }
}

fn told(at: Time, span: &Span) -> String {
    at.with_timezone(&span.zone).format(if span.is_week { "%a %H:%M" } else { "%H:%M" }).to_string()
}

fn busy(running: &[(&Member, &Runs)], span: &Span) -> Vec<Busy> {
    let often = OFTEN * usize::try_from((span.end() - span.begin()).num_hours()).unwrap_or_default();
    let mut minutes: BTreeMap<Time, Vec<usize>> = BTreeMap::new();
    for (place, (_, runs)) in running.iter().enumerate().filter(|(_, (_, runs))| runs.at.len() <= often) {
        for at in &runs.at {
            let of = minutes.entry(*at - TimeDelta::seconds(i64::from(at.second()))).or_default();
            if of.last() != Some(&place) {
                of.push(place);
            }
        }
    }
    let mut many: Vec<(Time, Vec<usize>)> = minutes.into_iter().filter(|(_, of)| of.len() > 1).collect();
    many.sort_by(|one, other| other.1.len().cmp(&one.1.len()).then(one.0.cmp(&other.0)));
    let named = |(at, of): (Time, Vec<usize>)| {
        let mut templates: BTreeMap<&str, usize> = BTreeMap::new();
        for place in &of {
            *templates.entry(running[*place].0.template.as_str()).or_default() += 1;
        }
        let same = templates.into_iter().find(|(_, many)| *many > 1).map(|(name, _)| name.to_owned());
        let name = |place: &usize| (running[*place].0.name.clone(), paths::schedule(&running[*place].0.name));
        Busy {
            time: told(at, span),
            starts: of.len(),
            names: of.iter().take(NAMES_MAX).map(name).collect(),
            more: of.len().saturating_sub(NAMES_MAX),
            same_template: same.unwrap_or_default(),
        }
    };
    many.into_iter().take(NAMED_MAX).map(named).collect()
}

/// What lets only so many jobs run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Limit<'a> {
    Queue(&'a str, u32),
    Template(&'a str, u32),
}

impl Limit<'_> {
    fn most(self) -> usize {
        let (Self::Queue(_, most) | Self::Template(_, most)) = self;
        most as usize
    }

    fn sentence(self, jobs: usize) -> String {
        match self {
            Self::Queue(name, most) => format!("{jobs} jobs would run, and the queue {name} takes {most} at a time"),
            Self::Template(name, most) => {
                format!("{jobs} jobs would run, and of the template {name} {most} run at a time")
            }
        }
    }
}

/// A run by what it is expected to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Expected {
    start: Time,
    end: Time,
    place: usize,
}

/// Times in which more jobs would run than a limit lets run, with by how many, the worst first. A schedule whose own runs overlap counts once:
/// what then happens is for its overlap policy.
fn clashes(running: &[(&Member, &Runs)], span: &Span) -> Vec<(usize, Clash)> {
    let mut limits: BTreeMap<Limit<'_>, Vec<Expected>> = BTreeMap::new();
    for (place, (member, runs)) in running.iter().enumerate() {
        let length = member.usual.unwrap_or(SHORTEST).max(SHORTEST);
        let queue = member.queue.as_deref().zip(member.queue_limit).map(|(name, most)| Limit::Queue(name, most));
        let template = member.template_limit.map(|most| Limit::Template(&member.template, most));
        for limit in [queue, template].into_iter().flatten() {
            let expected = runs.at.iter().map(|at| Expected { start: *at, end: *at + length, place });
            limits.entry(limit).or_default().extend(expected);
        }
    }
    let mut all = Vec::new();
    for (limit, mut expected) in limits {
        expected.sort_unstable();
        for worst in peaks(limit.most(), &expected) {
            all.push((worst.len() - limit.most(), worst[worst.len() - 1].start, clash(limit, &worst, running, span)));
        }
    }
    all.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
    all.into_iter().map(|(excess, _, clash)| (excess, clash)).collect()
}

/// The worst moments of times in which more than `most` schedules have a job, which are given by their start.
fn peaks(most: usize, expected: &[Expected]) -> Vec<Vec<Expected>> {
    let mut ends = BinaryHeap::new();
    let mut now: HashMap<usize, (Expected, usize)> = HashMap::new();
    let (mut found, mut worst) = (Vec::new(), Vec::<Expected>::new());
    for one in expected {
        while let Some(Reverse((_, place))) = ends.peek().copied().filter(|Reverse((end, _))| *end <= one.start) {
            ends.pop();
            if let Some((first, jobs)) = now.remove(&place).filter(|(_, jobs)| *jobs > 1) {
                now.insert(place, (first, jobs - 1));
            }
        }
        if now.len() <= most && !worst.is_empty() {
            found.push(std::mem::take(&mut worst));
        }
        ends.push(Reverse((one.end, one.place)));
        now.entry(one.place).or_insert((*one, 0)).1 += 1;
        if now.len() > most && now.len() > worst.len() {
            worst = now.values().map(|(first, _)| *first).collect();
            worst.sort_unstable();
        }
    }
    found.extend(Some(worst).filter(|worst| !worst.is_empty()));
    found
}

fn clash(limit: Limit<'_>, worst: &[Expected], running: &[(&Member, &Runs)], span: &Span) -> Clash {
    let name = |one: &Expected| {
        let member = running[one.place].0;
        let since = told(one.start, span);
        let length = match member.usual {
            Some(_) => format!("from {since}, usually {}", duration(between(one.start, one.end))),
            None => format!("from {since}"),
        };
        (member.name.clone(), paths::schedule(&member.name), length)
    };
    Clash {
        time: worst.last().map_or_else(String::new, |last| told(last.start, span)),
        sentence: limit.sentence(worst.len()),
        names: worst.iter().take(NAMES_MAX).map(name).collect(),
        more: worst.len().saturating_sub(NAMES_MAX),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::queue::schedules::Known;
    use crate::timing::document::Calendars;

    fn member(name: &str, cron: &str) -> Member {
        let spec = json!({ "kind": "Schedule", "name": name, "template": "report", "timezone": "Europe/Rome", "rules": [{ "cron": cron }] });
        let known = Known::of(serde_json::from_value(spec).unwrap(), &Calendars::new()).unwrap();
        Member {
            name: name.into(),
            template: name.into(),
            template_limit: None,
            queue: Some("reports".into()),
            queue_limit: None,
            usual: None,
            is_paused: false,
            ended_at: None,
            known,
        }
    }

    fn day() -> Span {
        Span::day("2026-12-01".parse().unwrap(), chrono_tz::Europe::Rome)
    }

    fn names(clash: &Clash) -> Vec<&str> {
        clash.names.iter().map(|(name, ..)| name.as_str()).collect()
    }

    #[test]
    fn each_hour_has_its_runs_and_paused_schedules_have_none() {
        let paused = Member { is_paused: true, ..member("paused", "0 6 * * *") };
        let ended = Member { ended_at: Some("2026-12-01T06:00:00Z".parse().unwrap()), ..member("ended", "30 * * * *") };
        let all = [member("a", "0 6 * * *"), member("b", "*/10 6,7 * * *"), paused, ended];

        let crowd = Crowd::of(&all, false, &day());

        assert_eq!((crowd.totals.len(), crowd.cut.as_str()), (24, ""));
        assert_eq!(crowd.totals[5..9], [1, 8, 6, 0], "what has ended at seven runs no more");
    }

    #[test]
    fn the_busiest_minutes_are_named_whoever_starts_in_them() {
        let mut all: Vec<Member> = (0..12).map(|n| member(&format!("at-six-{n:02}"), "0 6 * * *")).collect();
        all.extend([member("noon", "30 12 * * *"), member("noon-too", "30 12 * * *"), member("always", "* * * * *")]);

        let crowd = Crowd::of(&all, true, &day());

        let busy: Vec<(&str, usize, usize)> =
            crowd.busy.iter().map(|one| (one.time.as_str(), one.starts, one.more)).collect();
        assert_eq!(busy, [("06:00", 12, 4), ("12:30", 2, 0)], "who runs every minute makes none of them busy");
        assert_eq!(crowd.cut, "The first 15 schedules by name are counted; there are more.");
    }

    #[test]
    fn jobs_that_would_still_run_when_others_begin_clash_under_a_limit() {
        let limited = |name: &str, cron: &str, minutes: i64| Member {
            queue_limit: Some(1),
            usual: Some(TimeDelta::minutes(minutes)),
            ..member(name, cron)
        };
        let all =
            [limited("long", "0 6 * * *", 30), limited("inside", "20 6 * * *", 1), limited("after", "30 6 * * *", 1)];

        let crowd = Crowd::of(&all, false, &day());

        assert_eq!(crowd.busy, [], "no two start in one minute");
        assert_eq!(crowd.clashes.len(), 1, "what begins when the other ends does not clash");
        let clash = &crowd.clashes[0];
        assert_eq!((clash.time.as_str(), names(clash)), ("06:20", vec!["long", "inside"]));
        assert_eq!(clash.sentence, "2 jobs would run, and the queue reports takes 1 at a time");
        assert_eq!(clash.names[0].2, "from 06:00, usually 30m");
        let unlimited: Vec<Member> = all.into_iter().map(|one| Member { queue_limit: None, ..one }).collect();
        assert_eq!(Crowd::of(&unlimited, false, &day()).clashes, [], "without a limit they run beside each other");
    }

    #[test]
    fn the_limit_of_a_template_clashes_too_and_the_worst_comes_first() {
        let of = |name: &str, template: &str, cron: &str| Member {
            template: template.into(),
            template_limit: Some(1),
            ..member(name, cron)
        };
        let all = [
            of("a", "x", "0 5 * * *"),
            of("b", "x", "0 5 * * *"),
            of("c", "y", "0 6 * * *"),
            of("d", "y", "0 6 * * *"),
            of("e", "y", "0 6 * * *"),
        ];

        let crowd = Crowd::of(&all, false, &day());

        let told: Vec<&str> = crowd.clashes.iter().map(|clash| clash.sentence.as_str()).collect();
        assert_eq!(
            told,
            [
                "3 jobs would run, and of the template y 1 run at a time",
                "2 jobs would run, and of the template x 1 run at a time"
            ]
        );
    }

    #[test]
    fn a_schedule_does_not_clash_with_itself() {
        let own = Member { queue_limit: Some(1), usual: Some(TimeDelta::hours(3)), ..member("hourly", "0 * * * *") };

        assert_eq!(Crowd::of(&[own], false, &day()).clashes, []);
    }

    #[test]
    fn more_runs_than_are_looked_at_are_told() {
        let all: Vec<Member> = (0..80).map(|n| member(&format!("often-{n:02}"), "* * * * * *")).collect();

        let crowd = Crowd::of(&all, false, &day());

        assert!(crowd.cut.contains("more runs than are looked at"), "{}", crowd.cut);
    }
}
