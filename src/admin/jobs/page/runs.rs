//! The last jobs of the same template as bars: how long each took, failed ones red, this one blue.

use super::story::{RUNS_MAX, Story};
use crate::admin::jobs::Run;
use crate::base::clock::Time;
use crate::queue::job::JobId;
use crate::queue::state::JobState;
use crate::web::charts::{Bars, Series, Tick};
use crate::web::format::{between, duration_ms};
use crate::web::paths;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// Fewest bars that say something.
const BARS_MIN: usize = 2;
/// Places for bars: fewer bars stand at the right, none wider than its neighbours would be.
const PLACES_MIN: usize = 24;
/// Least distance of two names below the bars, in percent of the plot: on a phone `Sun 22 Nov 04:23` takes as much.
const NAMES_APART: f64 = 34.0;
/// Steps in which the bar of a running job grows up to the highest other: a stream sends the chart with each of them.
const STEPS: i64 = 40;
/// The lowest bar, as a share of the highest: a job of no time can still be pressed.
const LOWEST: f64 = 0.02;

/// The chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Runs {
    /// Unit of the axis: `milliseconds each`.
    pub unit: &'static str,
    /// One sentence that says the finding.
    pub label: String,
    /// Values at the left.
    pub y_ticks: Vec<Tick>,
    /// Times below.
    pub x_ticks: Vec<Tick>,
    /// The bars, in the order in which the jobs ended.
    pub bars: Vec<Bar>,
    /// This job has ended and is none of them: it is older, or never began.
    pub is_without: bool,
    /// There may be more of them, further back than was looked.
    pub has_more: bool,
}

/// One bar, in percent of the plot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// Its fill.
    pub class: &'static str,
    /// Left edge.
    pub x: String,
    /// Top edge.
    pub y: String,
    /// Width.
    pub width: String,
    /// Height.
    pub height: String,
    /// The job's page.
    pub href: String,
    /// The job in words.
    pub title: String,
}

struct Column {
    id: JobId,
    state: JobState,
    ms: i64,
    at: Time,
}

/// Draws the jobs of the template; `None` while there are too few.
pub fn runs(story: &Story, shell: &Shell) -> Option<Runs> {
    let columns = columns(story, shell.now);
    if columns.len() < BARS_MIN {
        return None;
    }
    let highest = columns.iter().map(|column| column.ms).max().unwrap_or(0).max(10);
    let (unit, per_unit) = unit(highest);
    let empty = PLACES_MIN.saturating_sub(columns.len());
    let height = |column: &Column| (column.ms as f64 / per_unit).max(highest as f64 / per_unit * LOWEST);
    let values: Vec<f64> = std::iter::repeat_n(0.0, empty).chain(columns.iter().map(height)).collect();
    let series = [Series { class: "b-ok", name: "", values: &values }];
    let chart = Bars::stacked("", &series, Some(highest as f64 / per_unit));
    let bars = columns.iter().zip(&chart.bars).map(|(column, bar)| Bar {
        class: class(column, story.job.id),
        x: bar.x.clone(),
        y: bar.y.clone(),
        width: bar.width.clone(),
        height: bar.height.clone(),
        href: paths::job(column.id),
        title: title(column, shell),
    });
    let bars = bars.collect();
    Some(Runs {
        unit,
        is_without: story.job.state().is_terminal() && columns.iter().all(|column| column.id != story.job.id),
        has_more: story.has_more_runs,
        label: label(&columns, story),
        y_ticks: chart.y_ticks,
        x_ticks: ticks(&columns, story, shell),
        bars,
    })
}

/// The ended jobs, and this one while it runs.
fn columns(story: &Story, now: Time) -> Vec<Column> {
    let column = |run: &Run| Column { id: run.id, state: run.state(), ms: run.run_ms, at: run.finished_at };
    let mut columns: Vec<_> = story.runs.iter().map(column).collect();
    let job = &story.job;
    if let Some(start) = job.started_at.filter(|_| job.state() == JobState::Running) {
        let ms = i64::try_from(between(start, now).as_millis()).unwrap_or(i64::MAX);
        let step = columns.iter().map(|column| column.ms).max().unwrap_or(0) / STEPS;
        let ms = ms - ms % step.max(1_000);
        columns.push(Column { id: job.id, state: JobState::Running, ms, at: now });
    }
    let extra = columns.len().saturating_sub(RUNS_MAX.unsigned_abs() as usize);
    columns.split_off(extra)
}

fn unit(highest_ms: i64) -> (&'static str, f64) {
    match highest_ms {
        ..2_000 => ("milliseconds each", 1.0),
        2_000..120_000 => ("seconds each", 1_000.0),
        120_000..7_200_000 => ("minutes each", 60_000.0),
        _ => ("hours each", 3_600_000.0),
    }
}

fn class(column: &Column, this: JobId) -> &'static str {
    match column.state {
        _ if column.id == this => "b-race",
        JobState::Succeeded => "b-ok",
        JobState::Failed => "b-bad",
        _ => "b-wait",
    }
}

fn title(column: &Column, shell: &Shell) -> String {
    let state = Tone::from(column.state).word().to_lowercase();
    format!("Job {}, {state}, {}, {}", column.id, duration_ms(column.ms), shell.stamp(column.at).text)
}

fn label(columns: &[Column], story: &Story) -> String {
    let failed = columns.iter().filter(|column| column.state == JobState::Failed).count();
    let usual = story.usual().map(|usual| format!(" Usually {}.", duration_ms(usual.median_ms))).unwrap_or_default();
    format!("Run time of the last {} jobs of {}.{usual} {failed} failed.", columns.len(), story.job.template)
}

/// Names this job, the newest and the oldest; of two whose names would run into one another the one named first here.
fn ticks(columns: &[Column], story: &Story, shell: &Shell) -> Vec<Tick> {
    let last = columns.len().saturating_sub(1);
    let (places, empty) = (columns.len().max(PLACES_MIN), PLACES_MIN.saturating_sub(columns.len()));
    let share = |place: usize| match place {
        0 if empty == 0 => 0.0,
        place if place == last => 100.0,
        place => ((empty + place) as f64 + 0.5) / places as f64 * 100.0,
    };
    let this = columns.iter().position(|column| column.id == story.job.id);
    let named = |place: usize| columns.get(place).map(|column| shell.stamp(column.at).text);
    let wanted = [this.map(|place| ("this job".into(), place)), named(last).zip(Some(last)), named(0).zip(Some(0))];
    let mut kept: Vec<(String, f64)> = Vec::new();
    for (name, place) in wanted.into_iter().flatten() {
        if kept.iter().all(|(_, at)| (at - share(place)).abs() >= NAMES_APART) {
            kept.push((name, share(place)));
        }
    }
    kept.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    kept.into_iter().map(|(name, at)| Tick::along(name, at)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::story::sample::{at, story};
    use super::*;
    use crate::admin::jobs::sample::run;
    use crate::web::shell::sample::shell;

    #[test]
    fn this_job_is_blue_and_the_failed_ones_are_red() {
        let mut story = story(JobState::Running);
        story.runs = vec![
            run(1, JobState::Succeeded, at(-900), 300_000),
            run(2, JobState::Failed, at(-600), 0),
            run(3, JobState::Succeeded, at(-300), 330_000),
        ];

        let chart = runs(&story, &shell()).expect("enough jobs");

        assert_eq!(chart.bars.iter().map(|bar| bar.class).collect::<Vec<_>>(), ["b-ok", "b-bad", "b-ok", "b-race"]);
        assert_eq!((chart.unit, chart.bars[1].href.as_str()), ("minutes each", "/jobs/2"));
        assert_eq!(chart.bars[0].title, "Job 1, succeeded, 5m, 13:50:00");
        assert_eq!(chart.x_ticks.last().map(|tick| tick.label.as_str()), Some("this job"));
    }

    #[test]
    fn names_never_run_into_one_another() {
        let mut story = story(JobState::Running);
        for count in 1..40 {
            story.runs = (1..=count).map(|id| run(id, JobState::Succeeded, at(id - 50), 1_000)).collect();

            let chart = runs(&story, &shell()).expect("enough jobs");

            let places: Vec<f64> = chart.x_ticks.iter().map(|tick| tick.at.parse().expect("a number")).collect();
            assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= NAMES_APART), "{count}: {places:?}");
            assert!(chart.x_ticks.iter().any(|tick| tick.label == "this job"), "{count}");
        }
    }

    #[test]
    fn an_ended_job_says_that_it_is_none_of_the_last() {
        let mut story = story(JobState::Failed);
        story.runs = vec![run(1, JobState::Succeeded, at(-900), 1), run(2, JobState::Failed, at(-600), 1)];
        assert!(runs(&story, &shell()).expect("enough jobs").is_without);

        story.runs.push(run(story.job.id.0, JobState::Failed, at(-300), 1));
        assert!(!runs(&story, &shell()).expect("enough jobs").is_without);
    }

    #[test]
    fn one_job_is_no_chart() {
        assert!(runs(&story(JobState::Running), &shell()).is_none());
    }
}
