//! Public holidays of countries as data with rules: one small file per country under `data/`, embedded, read once.
//!
//! A file's head names the law or official page that it follows. What counts is the law's list of public holidays for everybody:
//! days off of banks, schools or single trades, half days and working days swapped by yearly decrees are left out. A holiday
//! that falls on a weekend stays where it is; a substitute that the law adds stands beside it as "… (substitute day)". Days
//! that a government names year by year are known only as far as they were published when the file was last looked at (its
//! line `checked`).
//!
//! ```text
//! country.rs   reads a file: code, names, regions, years, rules; makes the table of all its holidays, once, when asked
//! rule.rs      one line: a day, its years and regions, substitutes, names
//! when.rs      the day of a year: fixed, Easter ± days, nth weekday …      easter.rs, equinox.rs   the reckonings
//! ```
mod country;
mod easter;
mod equinox;
mod rule;
mod shipped;
mod when;

use chrono::NaiveDate;

pub use country::{Country, Region};
pub use shipped::countries;
pub use when::month_day;

/// First year of any country's holidays; a country's own first year may be later.
pub const YEAR_MIN: i32 = 1990;
/// Last year of holidays. The rules go on, but nobody knows the laws of that time.
pub const YEAR_MAX: i32 = 2100;

/// A public holiday.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holiday {
    /// The day.
    pub date: NaiveDate,
    /// Its name in English; a substitute says so: `Boxing Day (substitute day)`.
    pub name: String,
    /// Its name in the country's (first) language.
    pub local_name: String,
}

/// A country or region that is not offered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownPlace {
    /// No such country; the codes are those of ISO 3166-1, in capitals.
    #[error("there are no holidays for the country {0:?}; {known} are known", known = known_countries())]
    Country(String),
    /// The country has no such region.
    #[error("{country} has no region {region:?}; {known}", known = known_regions(country))]
    Region {
        /// The country's code.
        country: String,
        /// What was asked for.
        region: String,
    },
}

/// Finds a country by its ISO 3166-1 code in capitals.
pub fn country(code: &str) -> Option<&'static Country> {
    countries().iter().find(|country| country.code == code)
}

/// Gives the public holidays of a year, sorted by date; two that fall on one day are both there. With a region these are the
/// country's and its own, without one those of the whole country. Empty outside the country's years.
///
/// # Errors
/// The country or the region is not offered.
pub fn holidays(code: &str, region: Option<&str>, year: i32) -> Result<&'static [Holiday], UnknownPlace> {
    let all = every_holiday(code, region)?;
    let first = all.partition_point(|holiday| chrono::Datelike::year(&holiday.date) < year);
    let end = all.partition_point(|holiday| chrono::Datelike::year(&holiday.date) <= year);
    Ok(all.get(first..end).unwrap_or_default())
}

/// Gives all known holidays of a place, sorted by date: some fifteen a year, reckoned once per process.
///
/// # Errors
/// As [`holidays`].
pub fn every_holiday(code: &str, region: Option<&str>) -> Result<&'static [Holiday], UnknownPlace> {
    let country = country(code).ok_or_else(|| UnknownPlace::Country(code.to_owned()))?;
    let unknown = || UnknownPlace::Region { country: code.to_owned(), region: region.unwrap_or_default().to_owned() };
    country.table(region).ok_or_else(unknown)
}

fn known_countries() -> String {
    countries().iter().map(|country| country.code.as_str()).collect::<Vec<_>>().join(", ")
}

fn known_regions(code: &str) -> String {
    let regions = country(code).map(|country| country.regions.as_slice()).unwrap_or_default();
    match regions {
        [] => "its holidays are the same everywhere, or known for the whole country only".into(),
        some => format!("{} are known", some.iter().map(|region| region.code.as_str()).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests;
