//! One event of an iCalendar file: which days it covers, and whether a calendar can keep it.

use chrono::{Datelike, Days, NaiveDate};

use super::import::NotTaken;
use super::lines::Line;
use crate::base::text::turns_direction;
use crate::timing::calendar::{LABEL_CHARS_MAX, MonthDay, OwnDate, RANGE_DAYS_MAX};
use crate::timing::holidays::{YEAR_MAX, YEAR_MIN};

/// Most days of an event that comes every year: each becomes an entry of its own.
const YEARLY_DAYS_MAX: i64 = 31;

/// An event, as far as it was read. A property that stands twice counts as it stands first.
#[derive(Debug)]
pub(super) struct Event {
    line: usize,
    name: Option<String>,
    start: Option<Line>,
    end: Option<Line>,
    duration: Option<Line>,
    rule: Option<Line>,
    rules: usize,
    changed: Option<&'static str>,
}

/// How often an event comes.
enum Repeats {
    Once,
    /// Every year without end.
    Yearly,
    /// Every year up to this many times.
    Times(usize),
    /// Every year up to this day.
    Until(NaiveDate),
}

impl Event {
    /// Begins an event at a line of the file.
    pub(super) fn at(line: usize) -> Self {
        Self { line, name: None, start: None, end: None, duration: None, rule: None, rules: 0, changed: None }
    }

    /// Takes a property of the event.
    pub(super) fn read(&mut self, line: Line) {
        match line.name.as_str() {
            "SUMMARY" => _ = self.name.get_or_insert_with(|| clean(&line.text())),
            "DTSTART" => _ = self.start.get_or_insert(line),
            "DTEND" => _ = self.end.get_or_insert(line),
            "DURATION" => _ = self.duration.get_or_insert(line),
            "RRULE" => {
                self.rules += 1;
                self.rule.get_or_insert(line);
            }
            "RDATE" => self.changed = Some("has dates beside its rule (RDATE)"),
            "EXDATE" => self.changed = Some("has exceptions from its rule (EXDATE)"),
            "RECURRENCE-ID" => self.changed = Some("changes one occurrence of another event"),
            "STATUS" if line.value.eq_ignore_ascii_case("CANCELLED") => self.changed = Some("is cancelled"),
            _ => {}
        }
    }

    /// Gives the line at which it begins.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// Gives the event as entries of a calendar, usually one.
    ///
    /// # Errors
    /// Why it was not taken.
    pub(super) fn dates(self) -> Result<Vec<OwnDate>, NotTaken> {
        let name = self.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| "Holiday".into());
        self.entries(&name).map_err(|reason| NotTaken { line: self.line, name, reason })
    }

    fn entries(&self, name: &str) -> Result<Vec<OwnDate>, String> {
        if let Some(changed) = self.changed {
            return Err(changed.into());
        }
        let (first, last) = self.span()?;
        let repeats = self.repeats(first)?;
        let days = (last - first).num_days() + 1;
        let every_year = match repeats {
            Repeats::Once => false,
            Repeats::Yearly | Repeats::Times(_) | Repeats::Until(_) => true,
        };
        if every_year && (days > YEARLY_DAYS_MAX || over_february(first, last)) {
            return Err(format!("comes every year with more than {YEARLY_DAYS_MAX} days or over the end of February"));
        }
        let named = |date| OwnDate { name: name.to_owned(), ..date };
        let starts: Vec<NaiveDate> = match repeats {
            Repeats::Once => vec![first],
            Repeats::Yearly => {
                let all = first.iter_days().take_while(|day| *day <= last);
                return Ok(all
                    .map(|day| named(OwnDate { month_day: Some(MonthDay::of(day)), ..OwnDate::default() }))
                    .collect());
            }
            Repeats::Times(times) => years_of(first).take(times).collect(),
            Repeats::Until(until) => years_of(first).take_while(|start| *start <= until).collect(),
        };
        let ranges = starts.into_iter().filter_map(|start| range(start, days));
        let known: Vec<OwnDate> = ranges.map(named).collect();
        if known.is_empty() { Err(format!("is not in the years {YEAR_MIN} to {YEAR_MAX}")) } else { Ok(known) }
    }

    /// The first and the last day.
    fn span(&self) -> Result<(NaiveDate, NaiveDate), String> {
        let start = self.start.as_ref().ok_or("has no beginning (DTSTART)")?;
        let first = whole_day(start).ok_or_else(|| format!("does not begin with a whole day ({})", start.value))?;
        let days = match (&self.end, &self.duration) {
            (Some(end), _) => {
                let after = whole_day(end).ok_or_else(|| format!("does not end with a whole day ({})", end.value))?;
                // An end on the day of the beginning is a day long in many files; the standard has the end after it.
                if after == first { 1 } else { (after - first).num_days() }
            }
            (None, Some(duration)) => {
                whole_days(&duration.value).ok_or_else(|| format!("does not last whole days ({})", duration.value))?
            }
            (None, None) => 1,
        };
        if !(1..=RANGE_DAYS_MAX).contains(&days) {
            return Err(format!("has {days} days, 1 to {RANGE_DAYS_MAX} are allowed"));
        }
        let days = u64::try_from(days - 1).unwrap_or_default();
        let last = first.checked_add_days(Days::new(days)).ok_or("ends after the last year of the calendar")?;
        Ok((first, last))
    }

    fn repeats(&self, first: NaiveDate) -> Result<Repeats, String> {
        let Some(rule) = &self.rule else { return Ok(Repeats::Once) };
        let refused = || format!("repeats by a rule other than simply every year ({})", rule.value);
        if self.rules > 1 {
            return Err("has several rules (RRULE)".into());
        }
        let mut repeats = Repeats::Yearly;
        let mut yearly = false;
        for part in rule.value.split(';').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(refused)?;
            match (key.to_uppercase().as_str(), value.to_uppercase().as_str()) {
                ("FREQ", "YEARLY") => yearly = true,
                ("INTERVAL", "1") | ("WKST", _) => {}
                ("BYMONTH", month) if month.parse() == Ok(first.month()) => {}
                ("BYMONTHDAY", day) if day.parse() == Ok(first.day()) => {}
                ("COUNT", count) => repeats = Repeats::Times(count.parse().map_err(|_| refused())?),
                ("UNTIL", until) => repeats = Repeats::Until(until.get(..8).and_then(basic_date).ok_or_else(refused)?),
                _ => return Err(refused()),
            }
        }
        if yearly { Ok(repeats) } else { Err(refused()) }
    }
}

/// Whether several days touch the end of February, so that they are others in other years.
fn over_february(first: NaiveDate, last: NaiveDate) -> bool {
    let mut days = first.iter_days().take_while(|day| *day <= last);
    first != last && days.any(|day| day.month() == 2 && day.day() >= 28)
}

/// The day in each year from its own to the last known one; 29 February in leap years only.
fn years_of(first: NaiveDate) -> impl Iterator<Item = NaiveDate> {
    (first.year()..=YEAR_MAX).filter_map(move |year| first.with_year(year))
}

fn range(start: NaiveDate, days: i64) -> Option<OwnDate> {
    let last = start.checked_add_days(Days::new(u64::try_from(days - 1).ok()?))?;
    let known = |date: NaiveDate| (YEAR_MIN..=YEAR_MAX).contains(&date.year());
    if !known(start) || !known(last) {
        return None;
    }
    let single = start == last;
    let (date, from, to) = if single { (Some(start), None, None) } else { (None, Some(start), Some(last)) };
    Some(OwnDate { date, from, to, ..OwnDate::default() })
}

/// Reads `20261224`, or midnight of local time: `20261224T000000`.
fn whole_day(line: &Line) -> Option<NaiveDate> {
    let value = line.value.trim();
    let date = if value.len() > 8 { value.strip_suffix("T000000")? } else { value };
    if line.param("VALUE").is_some_and(|kind| kind == "PERIOD") { None } else { basic_date(date) }
}

fn basic_date(text: &str) -> Option<NaiveDate> {
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { NaiveDate::parse_from_str(text, "%Y%m%d").ok() } else { None }
}

/// Reads `P3D` and `P2W`.
fn whole_days(duration: &str) -> Option<i64> {
    let length = duration.trim().strip_prefix('+').unwrap_or(duration.trim()).strip_prefix('P')?;
    let (number, unit) = length.split_at_checked(length.len().checked_sub(1)?)?;
    let number = i64::from(number.parse::<u16>().ok()?);
    match unit {
        "D" => Some(number),
        "W" => Some(number * 7),
        _ => None,
    }
}

/// Makes a text fit to be a name: no control characters, none that turn the direction of text, one space between words, cut to the
/// length that a name may have.
fn clean(text: &str) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !turns_direction(*c)).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let name = words.join(" ");
    if name.chars().count() <= LABEL_CHARS_MAX {
        return name;
    }
    name.chars().take(LABEL_CHARS_MAX - 1).chain(['…']).collect()
}
