//! `millrace schedule preview`: when rules and schedules run. Needs neither server nor database.

use std::fs;
use std::io::{self, Write};

use chrono::{DateTime, Datelike as _, SecondsFormat, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::file::{self, Read};
use super::out::Out;
use super::text;
use crate::admin::schedules::preview::{OCCURRENCES_MAX, Preview};
use crate::base::clock::{Clock, SystemClock};
use crate::cli::{Answer, Failure};
use crate::timing::{ClockChange, Plan, Rule};

/// Instants that are printed when nobody says how many.
const COUNT: usize = 10;
/// Most instants that are printed: more than three years of seconds.
const COUNT_MAX: usize = 100_000_000;
/// Latest year that is understood.
const YEAR_MAX: i32 = 9_999;

/// Reads an RFC 3339 time, or a day, which begins at midnight UTC.
pub(super) fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    let day = || text.parse::<chrono::NaiveDate>().ok().map(|day| day.and_time(chrono::NaiveTime::MIN).and_utc());
    let time = DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc());
    let near = time.or_else(day).filter(|at| (0..=YEAR_MAX).contains(&at.year()));
    near.ok_or_else(|| "write a time such as 2026-11-24T05:30:00Z, or a day such as 2026-11-24".into())
}

/// What is asked of a preview.
#[derive(clap::Args, Debug)]
pub(in crate::cli) struct Asked {
    /// A cron text, "every 90s", an RRULE block, or @FILE with a schedule and the calendars that it names
    #[arg(value_parser = clap::builder::NonEmptyStringValueParser::new())]
    rule: String,
    /// The zone in whose wall-clock time the rule speaks; a file says its own
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: Tz,
    /// From then on; now when absent
    #[arg(long, value_name = "TIME", value_parser = instant)]
    from: Option<DateTime<Utc>>,
    /// Before then
    #[arg(long, value_name = "TIME", value_parser = instant)]
    to: Option<DateTime<Utc>>,
    /// Most instants; 10 when there is no --to either
    #[arg(long, value_name = "N", value_parser = count)]
    count: Option<usize>,
    /// Tells what is left out or moved and why, changes of the clock, and the days without a run
    #[arg(long)]
    explain: bool,
}

fn count(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|count| (1..=COUNT_MAX).contains(count));
    number.ok_or_else(|| format!("from 1 to {COUNT_MAX}; go on behind the last instant with --from"))
}

pub(super) fn run(asked: Asked, as_json: bool) -> Result<Answer, Failure> {
    let (plan, sentences) = match asked.rule.strip_prefix('@') {
        Some(file) => of_file(file)?,
        None => of_rule(&asked.rule, asked.tz)?,
    };
    let range = (asked.from.unwrap_or_else(|| SystemClock.now()), asked.to);
    let most = asked.count.unwrap_or(if asked.to.is_some() { COUNT_MAX } else { COUNT });
    if asked.explain && !as_json {
        let most = explained(asked.count, asked.to.is_some())?;
        return Ok(text::ahead(&Preview::of(&plan, sentences, range, most), plan.zone));
    }
    let mut walked = Walked::default();
    Out::open().print(|out| match as_json {
        true => {
            let ahead = Preview::of(&plan, sentences, range, most.min(OCCURRENCES_MAX)).json(plan.zone);
            walked = in_json(&plan, range, most, (ahead, asked.count.is_some()), out)?;
            Ok(())
        }
        false => {
            walked = walk(&plan, range, most, |_, at| writeln!(out, "{}", written(at)))?;
            Ok(())
        }
    })?;
    Ok(match walked.note(asked.count.is_some()) {
        Some(note) => Answer::nothing().noting(note),
        None => Answer::nothing(),
    })
}

/// How many occurrences are explained; what is explained is not printed as it is found.
fn explained(count: Option<usize>, has_end: bool) -> Result<usize, Failure> {
    match count {
        Some(count) if count > OCCURRENCES_MAX => {
            Err(Failure::usage(format!("at most {OCCURRENCES_MAX} are explained at once; go on with --from")))
        }
        Some(count) => Ok(count),
        None => Ok(if has_end { OCCURRENCES_MAX } else { COUNT }),
    }
}

fn written(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// What a walk along a plan came to.
#[derive(Debug, Default, PartialEq)]
struct Walked {
    /// Instants that were given.
    given: usize,
    /// The next one of the range, when there were too many.
    next: Option<DateTime<Utc>>,
    /// The search for more ended there.
    gave_up: Option<DateTime<Utc>>,
}

impl Walked {
    /// Says what is worth knowing; whoever says how many (`is_counted`) knows that there may be more.
    fn note(&self, is_counted: bool) -> Option<String> {
        match (self.gave_up, self.given, self.next) {
            (Some(at), ..) => Some(format!("nothing runs up to {at}; the search ended there")),
            (None, 0, None) => Some("it never runs in that time".into()),
            (None, given, Some(next)) if !is_counted => {
                Some(format!("cut after {given} instants; go on with --from {}", written(next)))
            }
            _ => None,
        }
    }
}

/// Gives the first `most` instants of `[from, to)`, each with its number.
fn walk(
    plan: &Plan,
    (from, to): (DateTime<Utc>, Option<DateTime<Utc>>),
    most: usize,
    mut give: impl FnMut(usize, DateTime<Utc>) -> io::Result<()>,
) -> io::Result<Walked> {
    let end = to.unwrap_or(DateTime::<Utc>::MAX_UTC);
    let mut course = plan.course(from);
    let mut runs = course.by_ref().take_while(|one| one.moment < end).filter_map(|one| one.runs_at());
    let mut given = 0;
    for at in runs.by_ref().take(most) {
        give(given, at)?;
        given += 1;
    }
    let next = if given == most { runs.next() } else { None };
    let gave_up = course.gave_up().filter(|_| given < most);
    Ok(Walked { given, next, gave_up })
}

/// Writes one object: the instants as they are found, then what lies ahead as the API tells it.
fn in_json(
    plan: &Plan,
    range: (DateTime<Utc>, Option<DateTime<Utc>>),
    most: usize,
    (mut ahead, is_counted): (Value, bool),
    out: &mut dyn Write,
) -> io::Result<Walked> {
    write!(out, "{{\"occurrences\":[")?;
    let walked =
        walk(plan, range, most, |number, at| write!(out, "{}\"{}\"", if number == 0 { "" } else { "," }, written(at)))?;
    let next = walked.next.filter(|_| !is_counted).map(written);
    ahead["named"] = ahead["occurrences"].take();
    ahead["named_next"] = ahead["next"].take();
    ahead["cut"] = next.is_some().into();
    ahead["next"] = json!(next);
    ahead["gave_up_at"] = json!(walked.gave_up);
    write!(out, "]")?;
    for (name, value) in ahead.as_object().into_iter().flatten().filter(|(name, _)| *name != "occurrences") {
        write!(out, ",{}:{value}", json!(name))?;
    }
    writeln!(out, "}}")?;
    Ok(walked)
}

fn of_rule(text: &str, zone: Tz) -> Result<(Plan, Vec<String>), Failure> {
    let rule = Rule::parse(text, zone).map_err(|error| {
        let place = error.at.map(|at| format!("column {}: ", text.get(..at).unwrap_or(text).chars().count() + 1));
        Failure::refused(format!("{}{error}", place.unwrap_or_default()))
    })?;
    let plan = Plan::of(rule.seeded(text), zone, ClockChange::default());
    let sentences = plan.rules.iter().map(|rule| rule.sentence(plan.zone)).collect();
    Ok((plan, sentences))
}

fn of_file(name: &str) -> Result<(Plan, Vec<String>), Failure> {
    let text = fs::read_to_string(name).map_err(|error| Failure::refused(format!("cannot read {name}: {error}")))?;
    let Read { documents, places } = file::read(name, &text)?;
    let [schedule] = documents.schedules.as_slice() else {
        let schedules = documents.schedules.len();
        return Err(Failure::refused(format!("{name} holds {schedules} schedules; a preview is of one")));
    };
    let calendars = file::ready(name, &documents.calendars)?;
    let timing = schedule.timing();
    let plan = timing.plan(&schedule.name, &calendars);
    let plan = plan.map_err(|faults| Failure::refused(places.told(name, &schedule.name, &faults)))?;
    Ok((plan, timing.sentences(&schedule.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(rule: &str) -> Plan {
        of_rule(rule, Tz::UTC).unwrap_or_else(|failure| panic!("{}", failure.reason())).0
    }

    fn day(text: &str) -> DateTime<Utc> {
        instant(text).unwrap()
    }

    #[test]
    fn what_is_cut_is_told_with_where_to_go_on() {
        let (plan, range) = (plan("0 6 * * *"), (day("2026-03-01"), Some(day("2026-03-08"))));
        let walked = |range, most| walk(&plan, range, most, |_, _| Ok(())).unwrap();

        let cut = walked(range, 3);
        let told = cut.note(false).unwrap();
        assert_eq!(told, "cut after 3 instants; go on with --from 2026-03-04T06:00:00Z");
        assert_eq!(cut.note(true), None, "whoever asked for three has them");
        let rest = walked((cut.next.unwrap(), range.1), 100);
        assert_eq!((rest.given, rest.next, rest.note(false)), (4, None, None), "and nothing is there twice");
        assert_eq!(walked(range, 7).next, None, "all of it is not cut");

        let mut text = Vec::new();
        in_json(&plan, range, 2, (json!({ "occurrences": [1], "days_without": 3 }), false), &mut text).unwrap();
        let shown: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(
            shown,
            json!({ "occurrences": ["2026-03-01T06:00:00Z", "2026-03-02T06:00:00Z"], "named": [1], "days_without": 3,
                "named_next": null, "cut": true, "next": "2026-03-03T06:00:00Z", "gave_up_at": null })
        );
    }

    #[test]
    fn more_than_can_be_printed_is_refused() {
        assert_eq!(count("100000000"), Ok(COUNT_MAX));
        for bad in ["0", "100000001", "-1", "many"] {
            assert!(count(bad).unwrap_err().contains("from 1 to 100000000"), "{bad}");
        }
        assert!(instant("+12000-01-01").is_err(), "what no calendar reaches");
    }
}
