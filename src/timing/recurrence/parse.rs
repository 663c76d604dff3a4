//! Reads a block of lines into a recurrence: properties, their parameters, lists of dates.

use chrono::{NaiveDate, NaiveDateTime};
use chrono_tz::Tz;

use super::Recurrence;
use super::check::{Start, check};
use super::civil::{HORIZON, seconds};
use super::parts::{Bound, Parts};
use super::recur::{COUNT_MAX, Written};
use super::rule::Rule;
use super::text::{Line, Piece, lines};
use super::values::{Value, local, value, zone};
use crate::timing::error::RuleError;

/// The longest text, in bytes, as written and in its canonical form.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;
/// The most rules, `RRULE` and `EXRULE` together.
pub const RULES_MAX: usize = 16;
/// The most dates, `RDATE` and `EXDATE` together.
pub const DATES_MAX: usize = 1_000;

/// Where rules without DTSTART start: a Monday and the first day of a month and a year, long before anything that is scheduled.
fn anchor() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(1900, 1, 1).unwrap_or_default().into()
}

/// A line's name, parameters and value.
struct Property<'t> {
    kind: Kind,
    name: Piece<'t>,
    params: Vec<(Piece<'t>, Piece<'t>)>,
    value: Piece<'t>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Start,
    Rule,
    ExRule,
    Date,
    ExDate,
}

/// What VALUE says that dates are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Unsaid,
    Date,
    Time,
    Period,
}

/// Reads a recurrence; see [`Recurrence::parse`].
///
/// # Errors
/// What is wrong first, with its place.
pub(super) fn parse(text: &str, default_zone: Tz) -> Result<Recurrence, RuleError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(RuleError::new(format!("the rule is longer than {TEXT_BYTES_MAX} bytes"), TEXT_BYTES_MAX));
    }
    let lines = lines(text);
    let properties = lines.iter().map(property).collect::<Result<Vec<_>, _>>()?;
    bounded(&properties)?;
    let mut set = started(&properties, default_zone)?;
    for property in &properties {
        match property.kind {
            Kind::Start => {}
            Kind::Rule | Kind::ExRule => add_rule(&mut set, property)?,
            Kind::Date | Kind::ExDate => add_dates(&mut set, property)?,
        }
    }
    if set.rules.is_empty() && set.dates.is_empty() {
        return Err(RuleError::new("nothing recurs here: add a line such as RRULE:FREQ=DAILY, or RDATE", text.len()));
    }
    if set.kind == Start::Anchor {
        set.kind = Start::Time; // from here on the anchor is a start like any other
    }
    for times in [&mut set.dates, &mut set.but_dates] {
        times.sort_unstable();
        times.dedup();
    }
    set.but_days.sort_unstable();
    set.but_days.dedup();
    if set.to_string().len() > TEXT_BYTES_MAX {
        return Err(RuleError::new(format!("the rule is longer than {TEXT_BYTES_MAX} bytes when written out"), None));
    }
    Ok(set)
}

/// Cuts a line into name, parameters and value. A line that begins like a rule's part is a rule.
fn property(line: &Line) -> Result<Property<'_>, RuleError> {
    let whole = line.piece().trim();
    if whole.text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("FREQ=")) || is_bare(whole.text) {
        return Ok(Property { kind: Kind::Rule, name: whole, params: Vec::new(), value: whole });
    }
    let Some((head, value)) = whole.split_unquoted(':') else {
        return Err(whole.refuse("a line has a name, a colon and a value, such as RRULE:FREQ=DAILY"));
    };
    let mut params = Vec::new();
    let mut rest = head.split_unquoted(';');
    let name = rest.map_or(head, |(name, _)| name).trim();
    while let Some((_, after)) = rest {
        rest = after.split_unquoted(';');
        let param = rest.map_or(after, |(param, _)| param);
        let Some((key, value)) = param.split_once('=') else {
            return Err(param.refuse(format!("\"{}\" is no parameter: write NAME=VALUE", param.text)));
        };
        params.push((key.trim(), value.trim().unquoted()));
    }
    let kind = match name.text.to_ascii_uppercase().as_str() {
        "DTSTART" => Kind::Start,
        "RRULE" => Kind::Rule,
        "EXRULE" => Kind::ExRule,
        "RDATE" => Kind::Date,
        "EXDATE" => Kind::ExDate,
        _ => {
            let known = "a recurrence has lines named DTSTART, RRULE, RDATE, EXDATE and EXRULE; leave other lines out";
            return Err(name.refuse(format!("\"{}\" is not known here: {known}", name.text)));
        }
    };
    Ok(Property { kind, name, params, value: value.trim() })
}

/// Whether a line is a rule without its name, whose first part is not FREQ.
fn is_bare(text: &str) -> bool {
    !text.contains(':') && text.to_ascii_uppercase().contains(";FREQ=")
}

fn bounded(properties: &[Property<'_>]) -> Result<(), RuleError> {
    let rules = properties.iter().filter(|property| matches!(property.kind, Kind::Rule | Kind::ExRule));
    if let Some(property) = rules.clone().nth(RULES_MAX) {
        return Err(property.name.refuse(format!("there may be {RULES_MAX} rules at most")));
    }
    let mut dates = 0;
    for property in properties.iter().filter(|property| matches!(property.kind, Kind::Date | Kind::ExDate)) {
        dates += property.value.text.split(',').count();
        if dates > DATES_MAX {
            let limit = format!("RDATE and EXDATE may name {DATES_MAX} dates at most, together");
            return Err(property.name.refuse(limit));
        }
    }
    Ok(())
}

/// Finds DTSTART and makes the empty recurrence that starts there.
fn started(properties: &[Property<'_>], default_zone: Tz) -> Result<Recurrence, RuleError> {
    let mut starts = properties.iter().filter(|property| property.kind == Kind::Start);
    let Some(property) = starts.next() else {
        return Ok(Recurrence::empty(default_zone, Start::Anchor, seconds(anchor())));
    };
    if let Some(second) = starts.next() {
        return Err(second.name.refuse("DTSTART stands twice: a recurrence has one start"));
    }
    let (named, form) = property.read_params()?;
    let start = property.value(property.value, form)?;
    let zone = match (start, named) {
        (Value::Utc(_), Some(named)) if named != Tz::UTC => {
            let choose = "leave out the Z at its end, or TZID";
            return Err(property.value.refuse(format!("DTSTART is in UTC and in {named} at the same time: {choose}")));
        }
        (Value::Utc(_), _) => Tz::UTC,
        (Value::Date(_) | Value::Local(_), named) => named.unwrap_or(default_zone),
    };
    let kind = if matches!(start, Value::Date(_)) { Start::Date } else { Start::Time };
    let start = seconds(local(start, zone, zone));
    if start > HORIZON {
        return Err(property.value.refuse("DTSTART lies after the year 2999, up to which rules are looked at"));
    }
    Ok(Recurrence::empty(zone, kind, start))
}

impl Property<'_> {
    /// TZID and VALUE; parameters whose names begin with X- say nothing here.
    fn read_params(&self) -> Result<(Option<Tz>, Form), RuleError> {
        let (mut named, mut form) = (None, Form::Unsaid);
        for (key, value) in &self.params {
            match key.text.to_ascii_uppercase().as_str() {
                "TZID" => named = Some(zone(*value)?),
                "VALUE" => form = self.form(*value)?,
                name if name.starts_with("X-") => {}
                _ => return Err(key.refuse(format!("\"{}\" is not known here: write TZID or VALUE", key.text))),
            }
        }
        Ok((named, form))
    }

    fn form(&self, value: Piece<'_>) -> Result<Form, RuleError> {
        match value.text.to_ascii_uppercase().as_str() {
            "DATE" => Ok(Form::Date),
            "DATE-TIME" => Ok(Form::Time),
            "PERIOD" if self.kind == Kind::Date => Ok(Form::Period),
            _ => Err(value.refuse(format!("VALUE={} does not go here: write DATE or DATE-TIME", value.text))),
        }
    }

    /// Reads one date of the form that was said. Periods give their start.
    fn value(&self, piece: Piece<'_>, form: Form) -> Result<Value, RuleError> {
        let start = match piece.split_once('/') {
            Some((start, end)) if form == Form::Period => {
                let is_length = end.text.trim_start_matches('+').starts_with('P');
                if !is_length {
                    value(end)?;
                }
                start
            }
            Some(_) | None => piece,
        };
        let found = value(start)?;
        match (found, form) {
            (Value::Date(_), Form::Time | Form::Period) => {
                Err(piece.refuse(format!("\"{}\" has no time, though VALUE says so", piece.text)))
            }
            (Value::Local(_) | Value::Utc(_), Form::Date) => {
                Err(piece.refuse(format!("\"{}\" has a time, though VALUE says it is a date", piece.text)))
            }
            (Value::Date(_) | Value::Local(_) | Value::Utc(_), _) => Ok(found),
        }
    }
}

fn add_rule(set: &mut Recurrence, property: &Property<'_>) -> Result<(), RuleError> {
    if let Some((key, _)) = property.params.iter().find(|(key, _)| !key.text.to_ascii_uppercase().starts_with("X-")) {
        return Err(key.refuse(format!("a rule has no parameter {}: the zone is DTSTART's", key.text)));
    }
    let written = Written::read(property.value)?;
    let mut parts = written.parts(set.zone)?;
    check(&written, &parts, set.kind)?;
    if let (Bound::Until(until), Start::Date) = (parts.bound, set.kind) {
        // Days have no times: an end at any time of a day is that day.
        parts.bound = Bound::Until(super::civil::day_end(until));
    }
    let counted = |parts: &Parts| match parts.bound {
        Bound::Count(count) => count,
        Bound::Open | Bound::Until(_) => 0,
    };
    let rules = set.rules.iter().chain(&set.but_rules);
    if rules.map(|rule| counted(&rule.parts)).sum::<u32>() + counted(&parts) > COUNT_MAX {
        let limit = format!("the COUNTs of all rules may be {COUNT_MAX} at most, together");
        return Err(written.refuse(super::recur::Name::Count, limit));
    }
    let rule = Rule::new(parts, set.start);
    let rules = if property.kind == Kind::Rule { &mut set.rules } else { &mut set.but_rules };
    rules.push(rule);
    Ok(())
}

fn add_dates(set: &mut Recurrence, property: &Property<'_>) -> Result<(), RuleError> {
    let (named, form) = property.read_params()?;
    for piece in property.value.split(',') {
        let found = property.value(piece, form)?;
        let at = seconds(local(found, named.unwrap_or(set.zone), set.zone));
        match (property.kind, found) {
            (Kind::ExDate, Value::Date(_)) => set.but_days.push(super::civil::day_of(at)),
            (Kind::ExDate, Value::Local(_) | Value::Utc(_)) => set.but_dates.push(at),
            (Kind::Start | Kind::Rule | Kind::ExRule | Kind::Date, _) => set.dates.push(at),
        }
    }
    Ok(())
}
