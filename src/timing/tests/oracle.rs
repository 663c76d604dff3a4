//! A second implementation of cron in a zone. It asks the zone only which wall-clock time a minute of UTC has, walks all minutes of three
//! years, and sees gaps and repetitions as jumps of that clock. It shares no code with the one under test but the zone database.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;

use crate::timing::{ClockChange, Gap, Overlap, Rule};

/// Fields of a rule as sets, made by whoever makes the rule: nothing is parsed here.
#[derive(Clone)]
pub(super) struct Sets {
    pub(super) minutes: Vec<u32>,
    pub(super) hours: Vec<u32>,
    pub(super) days: Option<Vec<u32>>,
    pub(super) months: Vec<u32>,
    pub(super) weekdays: Option<Vec<u32>>,
}

impl Sets {
    fn day_holds(&self, day: i64) -> bool {
        let date = chrono::NaiveDate::from_num_days_from_ce_opt(day as i32).expect("a day");
        let by_day = self.days.as_ref().map(|days| days.contains(&date.day()));
        let by_weekday = self.weekdays.as_ref().map(|days| days.contains(&date.weekday().num_days_from_sunday()));
        self.months.contains(&date.month())
            && match (by_day, by_weekday) {
                (None, None) => true,
                (Some(one), None) | (None, Some(one)) => one,
                (Some(one), Some(other)) => one || other,
            }
    }
}

/// A clock of a zone: what it shows at each minute of UTC from `from` on.
pub(super) struct Clock {
    from: i64,
    /// Stretches of minutes within one local day: the day, and the indices of `shows`.
    days: Vec<(i64, std::ops::Range<usize>)>,
    /// Minutes since year 0.
    shows: Vec<i64>,
    /// Shown before, and shown again later.
    repeats: Vec<(bool, bool)>,
    /// Where the clock left minutes out: the index after it, and what it left out.
    gaps: Vec<(usize, std::ops::Range<i64>)>,
}

impl Clock {
    pub(super) fn new(zone: Tz, from: DateTime<Utc>, minutes: i64) -> Self {
        let from = from.timestamp() / 60;
        let show = |minute: i64| {
            let local = DateTime::from_timestamp(minute * 60, 0).expect("a time").with_timezone(&zone).naive_local();
            i64::from(local.date().num_days_from_ce()) * 1_440 + i64::from(local.hour() * 60 + local.minute())
        };
        let shows: Vec<i64> = (from..from + minutes).map(show).collect();
        let mut repeats = vec![(false, false); shows.len()];
        let (mut gaps, mut days, mut latest): (Vec<_>, Vec<(i64, std::ops::Range<usize>)>, _) =
            (Vec::new(), Vec::new(), shows[0]);
        for (index, shown) in shows.iter().enumerate() {
            if index > 0 && *shown > latest + 1 {
                gaps.push((index, latest + 1..*shown));
            }
            if index > 0 && *shown <= latest {
                let first = shows[..index].iter().rposition(|before| before == shown).expect("shown before");
                (repeats[index].0, repeats[first].1) = (true, true);
            }
            latest = latest.max(*shown);
            match days.last_mut().filter(|(day, _)| *day == shown / 1_440) {
                Some((_, range)) => range.end = index + 1,
                None => days.push((shown / 1_440, index..index + 1)),
            }
        }
        Self { from, days, shows, repeats, gaps }
    }

    /// The minutes of UTC at which a rule runs.
    pub(super) fn runs(&self, sets: &Sets, (gap, overlap): (Gap, Overlap)) -> Vec<i64> {
        let holds = |local: i64| {
            let minute = (local % 1_440) as u32;
            sets.minutes.contains(&(minute % 60))
                && sets.hours.contains(&(minute / 60))
                && sets.day_holds(local / 1_440)
        };
        let mut runs = BTreeSet::new();
        for (day, range) in self.days.iter().filter(|(day, _)| sets.day_holds(*day)) {
            let of_day: BTreeSet<i64> = sets
                .hours
                .iter()
                .flat_map(|hour| sets.minutes.iter().map(move |minute| day * 1_440 + i64::from(hour * 60 + minute)))
                .collect();
            for index in range.clone().filter(|index| of_day.contains(&self.shows[*index])) {
                let (is_second, is_first) = self.repeats[index];
                let is_wanted = match overlap {
                    Overlap::Both => true,
                    Overlap::First => !is_second,
                    Overlap::Second => !is_first,
                };
                runs.extend(is_wanted.then_some(self.from + index as i64));
            }
        }
        for (index, missing) in &self.gaps {
            let after = self.from + *index as i64;
            match gap {
                Gap::Skip => {}
                Gap::RunAfter => runs.extend(missing.clone().any(holds).then_some(after)),
                Gap::Shift => runs
                    .extend(missing.clone().filter(|local| holds(*local)).map(|local| after + local - missing.start)),
            }
        }
        runs.into_iter().collect()
    }
}

/// SplitMix64: the same cases everywhere.
struct Dice(u64);

fn pick(dice: &mut Dice, below: u32) -> u32 {
    dice.0 = dice.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (dice.0 ^ (dice.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) % u64::from(below)) as u32
}

/// A random field: its text and its values.
fn field(rng: &mut Dice, first: u32, last: u32) -> (String, Vec<u32>, bool) {
    let size = last - first + 1;
    let all: Vec<u32> = (first..=last).collect();
    match pick(rng, 6) {
        0 | 1 => ("*".into(), all, false),
        2 => {
            let step = 2 + pick(rng, size / 2);
            (format!("*/{step}"), all.into_iter().filter(|n| (n - first).is_multiple_of(step)).collect(), true)
        }
        3 => {
            let low = first + pick(rng, size);
            let high = low + pick(rng, last - low + 1);
            (format!("{low}-{high}"), (low..=high).collect(), true)
        }
        4 => {
            let one = first + pick(rng, size);
            (one.to_string(), vec![one], true)
        }
        _ => {
            let mut some: Vec<u32> = (0..1 + pick(rng, 4)).map(|_| first + pick(rng, size)).collect();
            let text = some.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
            some.sort_unstable();
            some.dedup();
            (text, some, true)
        }
    }
}

/// A random rule: its text, its sets, and whether it is interval-like (G13).
fn rule(rng: &mut Dice) -> (String, Sets, bool) {
    let parts = [field(rng, 0, 59), field(rng, 0, 23), field(rng, 1, 31), field(rng, 1, 12), field(rng, 0, 6)];
    let text = parts.iter().map(|(text, ..)| text.as_str()).collect::<Vec<_>>().join(" ");
    let is_interval_like = parts[..2].iter().any(|(text, ..)| text.contains(['*', '/', '-']));
    let [minutes, hours, days, months, weekdays] = parts;
    let some = |(_, values, is_restricted): (String, Vec<u32>, bool)| is_restricted.then_some(values);
    let sets =
        Sets { minutes: minutes.1, hours: hours.1, days: some(days), months: months.1, weekdays: some(weekdays) };
    (text, sets, is_interval_like)
}

/// Three years in each zone that people fall over, with the year in which they do.
const ZONES: [(Tz, &str); 12] = [
    (Tz::Australia__Lord_Howe, "2024-01-01T00:00:00Z"),
    (Tz::Pacific__Apia, "2010-06-01T00:00:00Z"),
    (Tz::Europe__Dublin, "2024-01-01T00:00:00Z"),
    (Tz::Africa__Casablanca, "2024-01-01T00:00:00Z"),
    (Tz::Antarctica__Troll, "2024-01-01T00:00:00Z"),
    (Tz::America__Sao_Paulo, "2016-06-01T00:00:00Z"),
    (Tz::America__New_York, "2025-06-01T00:00:00Z"),
    (Tz::Europe__Rome, "2026-01-01T00:00:00Z"),
    (Tz::Asia__Kathmandu, "2026-01-01T00:00:00Z"),
    (Tz::America__St_Johns, "2009-01-01T00:00:00Z"),
    (Tz::Asia__Beirut, "2021-01-01T00:00:00Z"),
    (Tz::UTC, "2026-01-01T00:00:00Z"),
];

const MINUTES: i64 = 3 * 366 * 1_440;

/// `MILLRACE_ORACLE_CASES` asks for more than the usual number.
fn cases() -> usize {
    std::env::var("MILLRACE_ORACLE_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(60)
}

#[test]
fn cron_in_a_zone_is_what_a_walk_over_all_minutes_finds() {
    let gaps = [None, Some(Gap::Skip), Some(Gap::RunAfter), Some(Gap::Shift)];
    let overlaps = [None, Some(Overlap::First), Some(Overlap::Second), Some(Overlap::Both)];
    let mut rng = Dice(7);
    for (place, (zone, from)) in ZONES.into_iter().enumerate() {
        let from: DateTime<Utc> = from.parse().expect("a time");
        let (begin, clock) = (from + TimeDelta::days(2), Clock::new(zone, from, MINUTES));
        let end = from + TimeDelta::minutes(MINUTES) - TimeDelta::days(2);
        for _ in (place..cases()).step_by(ZONES.len()) {
            let (text, sets, is_interval_like) = rule(&mut rng);
            let change =
                ClockChange { gap: gaps[pick(&mut rng, 4) as usize], overlap: overlaps[pick(&mut rng, 4) as usize] };
            let usual = if is_interval_like { (Gap::Skip, Overlap::Both) } else { (Gap::RunAfter, Overlap::First) };
            let policy = (change.gap.unwrap_or(usual.0), change.overlap.unwrap_or(usual.1));
            let within = begin.timestamp() / 60..end.timestamp() / 60;
            let expected: Vec<i64> = clock.runs(&sets, policy).into_iter().filter(|run| within.contains(run)).collect();

            let rule = Rule::parse(&text, Tz::UTC).expect("a rule");
            let slots = rule.slots(zone, change, begin).map(|slot| slot.at).take_while(|at| *at < end);
            let found: Vec<i64> = slots.map(|at| at.timestamp() / 60).collect();

            let differs = expected.iter().zip(&found).find(|(one, other)| one != other);
            assert!(
                found == expected,
                "{text:?} in {zone} with {change:?}: {differs:?}, {} of {}",
                found.len(),
                expected.len()
            );
        }
    }
}
