//! A recurrence rule as it was written, checked: its parts in order, without doubles.

/// How often a rule recurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Freq {
    /// Each second.
    Secondly,
    /// Each minute.
    Minutely,
    /// Each hour.
    Hourly,
    /// Each day.
    Daily,
    /// Each week, beginning on WKST.
    Weekly,
    /// Each month.
    Monthly,
    /// Each year.
    Yearly,
}

impl Freq {
    /// Every frequency, the quickest first.
    pub(super) const ALL: [Self; 7] =
        [Self::Secondly, Self::Minutely, Self::Hourly, Self::Daily, Self::Weekly, Self::Monthly, Self::Yearly];

    /// Gives the name in rules.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Secondly => "SECONDLY",
            Self::Minutely => "MINUTELY",
            Self::Hourly => "HOURLY",
            Self::Daily => "DAILY",
            Self::Weekly => "WEEKLY",
            Self::Monthly => "MONTHLY",
            Self::Yearly => "YEARLY",
        }
    }

    /// Gives the English name of what it counts.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Secondly => "second",
            Self::Minutely => "minute",
            Self::Hourly => "hour",
            Self::Daily => "day",
            Self::Weekly => "week",
            Self::Monthly => "month",
            Self::Yearly => "year",
        }
    }
}

/// Where a rule ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// Never.
    Open,
    /// After so many occurrences.
    Count(u32),
    /// With this local second.
    Until(i64),
}

/// What becomes of a day that a month does not have (RFC 7529).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    /// It is left out.
    Omit,
    /// The day before it that exists.
    Backward,
    /// The day after it that exists.
    Forward,
}

/// A weekday of BYDAY.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NthDay {
    /// 1 for the first of its month or year, −1 for the last; 0 for every one.
    pub(super) ordinal: i16,
    /// 0 for Monday to 6 for Sunday.
    pub(super) weekday: u8,
}

/// The parts of a rule. Lists are in order and without doubles; an empty list means that the part is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    /// FREQ.
    pub(super) freq: Freq,
    /// INTERVAL, from 1.
    pub(super) interval: u32,
    /// COUNT or UNTIL.
    pub(super) bound: Bound,
    /// BYMONTH, 1 to 12.
    pub(super) months: Vec<i16>,
    /// BYWEEKNO, ±1 to ±53.
    pub(super) weeks: Vec<i16>,
    /// BYYEARDAY, ±1 to ±366.
    pub(super) year_days: Vec<i16>,
    /// BYMONTHDAY, ±1 to ±31.
    pub(super) month_days: Vec<i16>,
    /// BYDAY.
    pub(super) weekdays: Vec<NthDay>,
    /// BYHOUR, 0 to 23.
    pub(super) hours: Vec<i16>,
    /// BYMINUTE, 0 to 59.
    pub(super) minutes: Vec<i16>,
    /// BYSECOND, 0 to 59; 60 was read as 59.
    pub(super) seconds: Vec<i16>,
    /// BYSETPOS, ±1 to ±366.
    pub(super) positions: Vec<i16>,
    /// WKST, 0 for Monday to 6 for Sunday.
    pub(super) week_start: u8,
    /// SKIP.
    pub(super) skip: Skip,
}

impl Parts {
    /// Makes a rule of a frequency alone.
    pub(super) fn new(freq: Freq) -> Self {
        Self {
            freq,
            interval: 1,
            bound: Bound::Open,
            months: Vec::new(),
            weeks: Vec::new(),
            year_days: Vec::new(),
            month_days: Vec::new(),
            weekdays: Vec::new(),
            hours: Vec::new(),
            minutes: Vec::new(),
            seconds: Vec::new(),
            positions: Vec::new(),
            week_start: 0,
            skip: Skip::Omit,
        }
    }
}
