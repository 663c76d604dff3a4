//! One line of a country's file: on which day, in which years and regions, under which names, and what happens when the day falls
//! on a weekend.
//!
//! `DAY [+N] [on W,W] [from YEAR] [to YEAR] [every N] [except Y,Y] [in A,B | out A,B] [move W+N,…] [also W+N,…] | English | Local`
//!
//! `move sun-1` puts the holiday on another day, `also sat+2,sun+1` adds a substitute and leaves the day itself, `also sun+free`
//! adds the first later day that is no holiday (Japan), `on mon,fri` keeps the holiday only on these weekdays. Weekdays are `mon` to
//! `sun`.

use chrono::{Datelike, NaiveDate, Weekday};

use super::when::{When, moved, offset_of};

/// A line of a country's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    when: When,
    offset: i64,
    /// Weekdays on which the day counts; all when empty.
    on: Vec<Weekday>,
    from: i32,
    to: i32,
    every: i32,
    except: Vec<i32>,
    place: Place,
    shifts: Vec<(Weekday, Shift)>,
    /// In English.
    pub name: String,
    /// In the country's (first) language.
    pub local_name: String,
}

/// Where a rule holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Everywhere,
    /// Only in these regions.
    In(Vec<String>),
    /// In the country and in all its regions but these.
    Out(Vec<String>),
}

/// What a weekday does to a holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shift {
    Move(i64),
    Also(i64),
    AlsoFree,
}

/// A day that a rule gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// The holiday itself.
    Day(NaiveDate),
    /// A substitute for it.
    Substitute(NaiveDate),
    /// The first day after this one that is no holiday is a substitute.
    FreeAfter(NaiveDate),
}

impl Rule {
    /// Reads a line.
    ///
    /// # Errors
    /// A sentence naming what could not be read.
    pub fn parse(line: &str) -> Result<Self, String> {
        let mut parts = line.split('|').map(str::trim);
        let words: Vec<&str> = parts.next().unwrap_or_default().split_whitespace().collect();
        let (Some(name), Some(local_name), None) = (parts.next(), parts.next(), parts.next()) else {
            return Err("a line is: rule | English name | local name".into());
        };
        let (when, read) = When::parse(&words)?;
        let mut rule = Self {
            when,
            offset: 0,
            on: Vec::new(),
            from: i32::MIN,
            to: i32::MAX,
            every: 1,
            except: Vec::new(),
            place: Place::Everywhere,
            shifts: Vec::new(),
            name: name.to_owned(),
            local_name: local_name.to_owned(),
        };
        let mut rest = words.iter().skip(read).copied().peekable();
        if let Some(offset) = rest.next_if(|word| word.starts_with(['+', '-'])) {
            rule.offset = offset_of(offset)?;
        }
        while let Some(word) = rest.next() {
            let value = rest.next().ok_or_else(|| format!("nothing follows {word:?}"))?;
            rule.set(word, value)?;
        }
        if rule.name.is_empty() || rule.local_name.is_empty() { Err("a name is missing".into()) } else { Ok(rule) }
    }

    fn set(&mut self, word: &str, value: &str) -> Result<(), String> {
        let year = |text: &str| text.parse::<i32>().map_err(|_| format!("{text:?} is no number"));
        let regions = || value.split(',').map(str::to_owned).collect();
        match word {
            "on" => self.on = value.split(',').map(weekday).collect::<Result<_, _>>()?,
            "from" => self.from = year(value)?,
            "to" => self.to = year(value)?,
            "every" => self.every = year(value)?.max(1),
            "except" => self.except = value.split(',').map(year).collect::<Result<_, _>>()?,
            "in" => self.place = Place::In(regions()),
            "out" => self.place = Place::Out(regions()),
            "move" | "also" => {
                let shifts: Vec<_> = value.split(',').map(|text| shift(word, text)).collect::<Result<_, _>>()?;
                self.shifts.extend(shifts);
            }
            other => return Err(format!("{other:?} is no word of a rule")),
        }
        Ok(())
    }

    /// Tells whether the rule holds in a region, or in the country when there is none.
    pub fn holds_in(&self, region: Option<&str>) -> bool {
        let named = |regions: &[String]| region.is_some_and(|region| regions.iter().any(|named| named == region));
        match &self.place {
            Place::Everywhere => true,
            Place::In(regions) => named(regions),
            Place::Out(regions) => !named(regions),
        }
    }

    /// Gives the regions that the rule names.
    pub fn regions(&self) -> &[String] {
        match &self.place {
            Place::Everywhere => &[],
            Place::In(regions) | Place::Out(regions) => regions,
        }
    }

    /// Gives the days of `year`; a moved or substitute day may lie in the year before or after.
    pub fn days(&self, year: i32) -> Vec<Given> {
        let in_turn = self.every == 1 || (i64::from(year) - i64::from(self.from)) % i64::from(self.every) == 0;
        if year < self.from || year > self.to || !in_turn || self.except.contains(&year) {
            return Vec::new();
        }
        let days = self.when.days(year).into_iter().filter_map(|date| moved(date, self.offset));
        let counts = |date: &NaiveDate| self.on.is_empty() || self.on.contains(&date.weekday());
        days.filter(counts).flat_map(|date| self.shifted(date)).collect()
    }

    fn shifted(&self, date: NaiveDate) -> Vec<Given> {
        let shift = self.shifts.iter().find(|(weekday, _)| *weekday == date.weekday()).map(|(_, shift)| *shift);
        match shift {
            None => vec![Given::Day(date)],
            Some(Shift::Move(days)) => moved(date, days).map(Given::Day).into_iter().collect(),
            Some(Shift::Also(days)) => {
                let substitute = moved(date, days).map(Given::Substitute);
                std::iter::once(Given::Day(date)).chain(substitute).collect()
            }
            Some(Shift::AlsoFree) => vec![Given::Day(date), Given::FreeAfter(date)],
        }
    }
}

fn shift(word: &str, text: &str) -> Result<(Weekday, Shift), String> {
    let (day, by) = text.split_at_checked(3).ok_or_else(|| format!("{text:?} is no weekday with its days"))?;
    let shift = match (word, by) {
        (_, "") => return Err(format!("{text:?} names no number of days")),
        ("also", "+free") => Shift::AlsoFree,
        ("also", by) => Shift::Also(offset_of(by)?),
        (_, by) => Shift::Move(offset_of(by)?),
    };
    Ok((weekday(day)?, shift))
}

fn weekday(text: &str) -> Result<Weekday, String> {
    text.parse().map_err(|_| format!("{text:?} is no weekday"))
}
