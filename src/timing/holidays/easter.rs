//! Easter Sunday by the Western and by the Orthodox churches' reckoning.

use chrono::{Days, NaiveDate};

/// Gives Western Easter Sunday of a Gregorian year from 1583 on; `None` for years that chrono cannot hold.
///
/// Source: the reckoning of the "New York correspondent" (Nature 13, 1876, p. 487), as in J. Meeus, *Astronomical
/// Algorithms*, 1991, chapter 8. It needs no table and has no exceptions.
pub fn western(year: i32) -> Option<NaiveDate> {
    let golden = year.rem_euclid(19);
    let (century, of_century) = (year.div_euclid(100), year.rem_euclid(100));
    let moon_correction = (8 * century + 13).div_euclid(25);
    let epact = (19 * golden + century - century.div_euclid(4) - moon_correction + 15).rem_euclid(30);
    let late = (golden + 11 * epact).div_euclid(319);
    let weekday =
        (2 * century.rem_euclid(4) + 2 * of_century.div_euclid(4) - of_century.rem_euclid(4) - epact + late + 32)
            .rem_euclid(7);
    let month = (epact - late + weekday + 90).div_euclid(25);
    let day = (epact - late + weekday + month + 19).rem_euclid(32);
    NaiveDate::from_ymd_opt(year, u32::try_from(month).ok()?, u32::try_from(day).ok()?)
}

/// Gives Orthodox Easter Sunday as a date of the Gregorian calendar; `None` for years that chrono cannot hold.
///
/// Source: the Julian reckoning of J. Meeus, *Astronomical Algorithms*, 1991, chapter 8 (Delambre's), and the days by which the
/// Julian calendar is behind in that year: the century minus its quarter minus 2 (13 from 1900 to 2099, 14 in 2100).
pub fn orthodox(year: i32) -> Option<NaiveDate> {
    let moon = (19 * year.rem_euclid(19) + 15).rem_euclid(30);
    let weekday = (2 * year.rem_euclid(4) + 4 * year.rem_euclid(7) - moon + 34).rem_euclid(7);
    let after_march = moon + weekday + 21; // days after the last of February, in the Julian calendar
    let behind = year.div_euclid(100) - year.div_euclid(400) - 2;
    let march = NaiveDate::from_ymd_opt(year, 3, 1)?;
    march.checked_add_days(Days::new(u64::try_from(after_march + behind).ok()?))
}
