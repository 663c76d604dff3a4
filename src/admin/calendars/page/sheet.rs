//! What the editor shows: the form, what it comes to, and a calendar that was saved in between.

use askama::Template;
use chrono::{Datelike, NaiveDate};

use super::day;
use crate::admin::calendars::editor::windows::{self, ONCE, REPEATS};
use crate::admin::calendars::editor::{self, Typed};
use crate::admin::calendars::facts::next_holiday;
use crate::admin::calendars::words;
use crate::timing::calendar::Calendar;
use crate::timing::holidays::{countries, country};
use crate::web::form::Form;
use crate::web::format::Stamp;
use crate::web::parts::{Choice, DiffRow};
use crate::web::paths;
use crate::web::shell::Shell;

/// Holidays that the preview names.
const NEXT_MAX: usize = 8;

/// The editor.
#[derive(Template)]
#[template(path = "calendars/edit.html", blocks = ["editor", "places", "windows", "preview"])]
pub(super) struct EditPage {
    pub shell: Shell,
    /// The calendar's name; empty for a new one.
    pub name: String,
    pub form: Form,
    pub preview: Preview,
    pub stale: Option<Stale>,
}

/// A calendar that somebody else saved meanwhile.
pub(super) struct Stale {
    pub by: String,
    pub at: Stamp,
    /// From what was saved to what is in the editor.
    pub rows: Vec<DiffRow>,
}

/// What the form comes to.
pub(super) struct Preview {
    /// How many fields stand in the way of saving.
    pub problems: usize,
    /// Business days of this year, in words; empty when the form cannot be read.
    pub business_days: String,
    /// The next holidays: day and name.
    pub next: Vec<(String, String)>,
    /// Windows: name and words.
    pub windows: Vec<(String, String)>,
}

impl Preview {
    /// Looks at what was typed, as of `today`.
    pub fn of(typed: &Typed, today: NaiveDate) -> Self {
        let days = typed.draft.as_ref().and_then(|calendar| Some((calendar, calendar.days().ok()?)));
        let Some((calendar, days)) = days else {
            let problems = typed.form.problems().len();
            return Self { problems, business_days: String::new(), next: Vec::new(), windows: Vec::new() };
        };
        let year = today.year();
        let count = days.year(year).iter().filter(|one| days.is_business_day(one.date)).count();
        let upcoming =
            std::iter::successors(next_holiday(&days, today), |last| next_holiday(&days, last.date.succ_opt()?));
        Self {
            problems: 0,
            business_days: format!("{year} has {count} business days"),
            next: upcoming.take(NEXT_MAX).map(|one| (day(one.date, year), one.name)).collect(),
            windows: calendar.windows.iter().map(|rule| (rule.name.clone(), words::window(rule))).collect(),
        }
    }
}

impl EditPage {
    pub(super) fn new(shell: Shell, name: &str, form: Form, typed: &Typed) -> Self {
        let today = shell.now.with_timezone(&shell.zone).date_naive();
        Self { name: name.to_owned(), preview: Preview::of(typed, today), form, stale: None, shell }
    }

    fn is_new(&self) -> bool {
        self.name.is_empty()
    }

    fn action(&self) -> String {
        if self.is_new() { paths::CALENDAR_NEW.into() } else { paths::calendar_change(&self.name) }
    }

    fn back(&self) -> String {
        if self.is_new() { paths::CALENDARS.into() } else { paths::calendar(&self.name) }
    }

    fn weekday_names(&self) -> Vec<(String, &'static str, &'static str)> {
        let short = |name: &'static str| name.get(..3).unwrap_or(name);
        words::WEEKDAYS.iter().map(|(day, name)| (day.to_string(), short(name), *name)).collect()
    }

    fn zones(&self) -> Vec<&'static str> {
        chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()).collect()
    }

    fn place_rows(&self) -> usize {
        editor::places(&self.form)
    }

    fn place_field(&self, row: &usize, part: &str) -> String {
        editor::place_field(*row, part)
    }

    fn countries(&self) -> Vec<Choice> {
        let mut all: Vec<Choice> =
            countries().iter().map(|one| Choice::new(one.code.as_str(), one.name.as_str())).collect();
        all.sort_by(|left, right| left.label.cmp(&right.label));
        all
    }

    /// The regions of the row's country; what is chosen stays to be chosen, even when the country has no such region.
    fn regions(&self, row: &usize) -> Vec<Choice> {
        let known = country(self.form.text(&editor::place_field(*row, "country")));
        let regions = known.map(|country| country.regions.as_slice()).unwrap_or_default();
        let mut all: Vec<Choice> =
            regions.iter().map(|one| Choice::new(one.code.as_str(), one.name.as_str())).collect();
        all.sort_by(|left, right| left.label.cmp(&right.label));
        all
    }

    fn window_rows(&self) -> usize {
        windows::count(&self.form)
    }

    fn window_field(&self, row: &usize, part: &str) -> String {
        windows::field(*row, part)
    }

    fn kinds(&self) -> [Choice; 2] {
        [Choice::new(REPEATS, "Again and again"), Choice::new(ONCE, "Once")]
    }

    fn weeks(&self) -> Vec<Choice> {
        let named = [("1", "First"), ("2", "Second"), ("3", "Third"), ("4", "Fourth"), ("5", "Fifth"), ("-1", "Last")];
        named.map(|(value, word)| Choice::new(value, format!("{word} of the month"))).into()
    }

    /// Whether the parts of a window's row that stand folded hold anything.
    fn has_details(&self, row: &usize) -> bool {
        let parts = ["week", "month_days", "months"].map(|part| windows::field(*row, part));
        parts.iter().any(|field| !self.form.text(field).is_empty() || !self.form.problem(field).is_empty())
    }

    fn can_add_window(&self) -> bool {
        self.window_rows() < windows::ROWS_MAX
    }

    fn can_add_place(&self) -> bool {
        self.place_rows() < crate::timing::calendar::PLACES_MAX
    }
}

/// Writes a calendar as the YAML of a file, to compare two of them.
pub(super) fn text_of(calendar: &Calendar) -> String {
    serde_saphyr::to_string(calendar).unwrap_or_default()
}
