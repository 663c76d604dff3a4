//! A country's file, and the table of holidays that it makes for the country and for each of its regions.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::OnceLock;

use chrono::{Datelike, NaiveDate};

use super::rule::{Given, Rule};
use super::{Holiday, YEAR_MAX, YEAR_MIN};

/// How far behind a holiday its free substitute is looked for, in days. Japan's longest run of holidays has seven.
const FREE_DAYS_MAX: usize = 14;

/// A country whose public holidays are known.
#[derive(Debug)]
pub struct Country {
    /// ISO 3166-1 code in capitals: `IT`.
    pub code: String,
    /// English name.
    pub name: String,
    /// Regions with holidays of their own, in the file's order.
    pub regions: Vec<Region>,
    /// The years whose holidays are known, within [`YEAR_MIN`] to [`YEAR_MAX`].
    pub years: RangeInclusive<i32>,
    /// The laws and pages that the file follows, a line each.
    pub sources: Vec<String>,
    /// When the file was last compared with them.
    pub checked: Option<NaiveDate>,
    rules: Vec<Rule>,
    /// What a substitute is called, in English and in the country's language.
    substitute: (String, String),
    /// The names of a day between two holidays that is one itself (Japan).
    between: Option<(String, String)>,
    whole: OnceLock<Vec<Holiday>>,
}

/// A part of a country with holidays of its own.
#[derive(Debug)]
pub struct Region {
    /// The last part of its ISO 3166-2 code: `BY` of `DE-BY`.
    pub code: String,
    /// English name.
    pub name: String,
    table: OnceLock<Vec<Holiday>>,
}

impl Country {
    /// Reads a file: lines `country CODE Name`, `years FROM [TO]`, `checked DATE`, `region CODE Name`, `substitute English | Local`,
    /// `between English | Local` and rules; lines that begin with `#` are remarks, of which those with `# Source:` are kept.
    ///
    /// # Errors
    /// The number of the line and what could not be read.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut country = Self {
            code: String::new(),
            name: String::new(),
            regions: Vec::new(),
            years: YEAR_MIN..=YEAR_MAX,
            sources: Vec::new(),
            checked: None,
            rules: Vec::new(),
            substitute: ("substitute day".into(), "substitute day".into()),
            between: None,
            whole: OnceLock::new(),
        };
        for (at, line) in text.lines().enumerate() {
            country.read(line.trim()).map_err(|why| format!("line {}: {why}", at + 1))?;
        }
        country.check()?;
        Ok(country)
    }

    fn read(&mut self, line: &str) -> Result<(), String> {
        if let Some(remark) = line.strip_prefix('#') {
            self.sources.extend(remark.trim().strip_prefix("Source:").map(|source| source.trim().to_owned()));
            return Ok(());
        }
        let Some((word, rest)) = line.split_once(' ') else {
            return if line.is_empty() { Ok(()) } else { Err(format!("{line:?} is no line")) };
        };
        match word {
            "country" => (self.code, self.name) = two(rest, ' ')?,
            "region" => {
                let (code, name) = two(rest, ' ')?;
                self.regions.push(Region { code, name, table: OnceLock::new() });
            }
            "years" => self.years = years(rest)?,
            "checked" => self.checked = Some(rest.parse().map_err(|_| format!("{rest:?} is no date"))?),
            "substitute" => self.substitute = two(rest, '|')?,
            "between" => self.between = Some(two(rest, '|')?),
            _ => self.rules.push(Rule::parse(line)?),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        let known = |code: &String| self.regions.iter().any(|region| region.code == *code);
        let named = self.rules.iter().flat_map(Rule::regions).find(|code| !known(code));
        match named {
            Some(code) => Err(format!("{code:?} is no region of this file")),
            None if self.code.is_empty() => Err("the line `country` is missing".into()),
            None if *self.years.start() < YEAR_MIN || *self.years.end() > YEAR_MAX => {
                Err(format!("holidays are those of {YEAR_MIN} to {YEAR_MAX}"))
            }
            None => Ok(()),
        }
    }

    /// Gives all holidays of the country or of a region, sorted by date; `None` when there is no such region.
    pub fn table(&self, region: Option<&str>) -> Option<&[Holiday]> {
        let table = match region {
            None => &self.whole,
            Some(code) => &self.regions.iter().find(|region| region.code == code)?.table,
        };
        Some(table.get_or_init(|| self.reckon(region)))
    }

    fn reckon(&self, region: Option<&str>) -> Vec<Holiday> {
        let mut days = BTreeSet::new();
        let mut free = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.holds_in(region)) {
            // A moved or substitute day may lie in the neighbouring year.
            for given in (self.years.start() - 1..=self.years.end() + 1).flat_map(|year| rule.days(year)) {
                match given {
                    Given::Day(date) => _ = days.insert(named(date, &rule.name, &rule.local_name)),
                    Given::Substitute(date) => _ = days.insert(self.substitute_for(rule, date)),
                    Given::FreeAfter(date) => free.push((date, rule)),
                }
            }
        }
        let is_holiday: BTreeSet<NaiveDate> = days.iter().map(|holiday| holiday.date).collect();
        for (sunday, rule) in free {
            let later = sunday.iter_days().skip(1).take(FREE_DAYS_MAX).find(|date| !is_holiday.contains(date));
            days.extend(later.map(|date| self.substitute_for(rule, date)));
        }
        days.extend(self.between(&is_holiday));
        days.into_iter().filter(|holiday| self.years.contains(&holiday.date.year())).collect()
    }

    fn substitute_for(&self, rule: &Rule, date: NaiveDate) -> Holiday {
        let (english, local) = &self.substitute;
        named(date, &format!("{} ({english})", rule.name), &format!("{} ({local})", rule.local_name))
    }

    /// Days with a holiday on either side: "the day before and the day after are national holidays" (Japan's law, article 3).
    fn between(&self, is_holiday: &BTreeSet<NaiveDate>) -> Vec<Holiday> {
        let Some((english, local)) = &self.between else { return Vec::new() };
        let middles = is_holiday.iter().filter_map(|before| {
            let middle = before.succ_opt()?;
            let enclosed = !is_holiday.contains(&middle) && is_holiday.contains(&middle.succ_opt()?);
            enclosed.then(|| named(middle, english, local))
        });
        middles.collect()
    }
}

fn years(text: &str) -> Result<RangeInclusive<i32>, String> {
    let year = |text: &str| text.parse::<i32>().map_err(|_| format!("{text:?} is no year"));
    match text.split_once(' ') {
        Some((first, last)) => Ok(year(first)?..=year(last)?),
        None => Ok(year(text)?..=YEAR_MAX),
    }
}

fn named(date: NaiveDate, name: &str, local_name: &str) -> Holiday {
    Holiday { date, name: name.to_owned(), local_name: local_name.to_owned() }
}

fn two(text: &str, separator: char) -> Result<(String, String), String> {
    let (first, second) = text.split_once(separator).ok_or_else(|| format!("{text:?} has no {separator:?}"))?;
    Ok((first.trim().to_owned(), second.trim().to_owned()))
}
