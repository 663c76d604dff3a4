//! The days on which Japan's two equinox holidays fall.

use chrono::NaiveDate;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Equinox {
    /// In March.
    Vernal,
    /// In September.
    Autumnal,
}

impl Equinox {
    /// Gives the day in Japan; `None` outside the years 1980 to 2150, for which the formula was made.
    ///
    /// Source: the approximation of the Hydrographic Department of Japan's coast guard (海上保安庁水路部,
    /// *新こよみ便利帳*, 1991). The law leaves each year's day to the National Astronomical Observatory, which announces it in the
    /// February of the year before; the formula agrees with every announcement so far.
    pub fn day(self, year: i32) -> Option<NaiveDate> {
        let (month, millionths) = match (self, year) {
            (Self::Vernal, 1980..=2099) => (3, 20_843_100),
            (Self::Vernal, 2100..=2150) => (3, 21_851_000),
            (Self::Autumnal, 1980..=2099) => (9, 23_248_800),
            (Self::Autumnal, 2100..=2150) => (9, 24_248_800),
            (Self::Vernal | Self::Autumnal, _) => return None,
        };
        let since = year - 1980;
        let day = (millionths + 242_194 * since) / 1_000_000 - since / 4;
        NaiveDate::from_ymd_opt(year, month, u32::try_from(day).ok()?)
    }
}
