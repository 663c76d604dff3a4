//! How far a running job is. What is not known is not drawn.

use std::time::Duration;

use super::story::Story;
use crate::admin::jobs::pace::{Pace, pace};
use crate::queue::state::JobState;
use crate::web::ansi::visible;
use crate::web::format::{between, duration, duration_ms, grouped, relative};
use crate::web::shell::Shell;

/// A heartbeat that is older makes the reader doubt what stands beside it, in seconds.
const HEARTBEAT_OLD_S: u64 = 10;
/// So long nothing can be said but that it began.
const JUST: Duration = Duration::from_secs(2);
/// Work that takes less needs no progress, and no advice how to report it.
const ADVICE_AFTER: Duration = Duration::from_secs(30);

/// The progress card.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Going {
    /// Whole percent, if the work says how much there is.
    pub percent: Option<u8>,
    /// `3,200 of 5,000`, `3,200 done`, how long it has run, or that it has just started.
    pub done: String,
    /// What is being done.
    pub message: String,
    /// `2m 20s` left; empty when it cannot be told.
    pub left: String,
    /// `14.5 per s`; empty when it cannot be told.
    pub rate: String,
    /// Age of the node's last heartbeat.
    pub heartbeat: String,
    /// The heartbeat is late.
    pub silent: bool,
    /// What jobs of this template usually take.
    pub usual: String,
}

/// Shows the progress of a running job; `None` for any other.
pub fn going(story: &Story, shell: &Shell) -> Option<Going> {
    let job = &story.job;
    if job.state() != JobState::Running {
        return None;
    }
    let ran = job.started_at.map(|start| between(start, shell.now)).unwrap_or_default();
    if job.done.is_none() && ran < JUST {
        return Some(Going { done: "Just started.".into(), usual: usual(story), ..Going::default() });
    }
    let pace = job.done.map(|done| pace(done, job.total.unwrap_or(0), job.started_at, shell.now));
    let age = job.heartbeat_at.map(|at| between(at, shell.now));
    Some(Going {
        percent: pace.and_then(|pace| pace.percent),
        done: pace.map_or_else(|| running_for(story, ran), amount),
        message: job.message.as_deref().map(visible).unwrap_or_default(),
        left: pace.and_then(|pace| pace.left).map(duration).unwrap_or_default(),
        rate: pace.and_then(|pace| pace.rate).map(rate).unwrap_or_default(),
        heartbeat: job.heartbeat_at.map(|at| format!("heartbeat {}", relative(at, shell.now))).unwrap_or_default(),
        silent: age.is_some_and(|age| age.as_secs() > HEARTBEAT_OLD_S),
        usual: usual(story),
    })
}

/// How long it has run. What runs for long is told how it could report progress, if work of its kind can.
fn running_for(story: &Story, ran: Duration) -> String {
    let how = match story.job.spec["runner"].as_str().filter(|_| ran >= ADVICE_AFTER) {
        Some("command") => " It reports no progress; a line such as ::progress 3/10 copying on its output would.",
        Some("handler") => " It reports no progress; a call of progress in its code would.",
        _ => "",
    };
    format!("Running for {}.{how}", duration(ran))
}

fn amount(pace: Pace) -> String {
    match pace.total {
        Some(total) => format!("{} of {}", grouped(pace.done), grouped(total)),
        None => format!("{} done, how many there are is not known", grouped(pace.done)),
    }
}

fn rate(per_second: f64) -> String {
    match per_second {
        rate if rate >= 100.0 => format!("{} per s", grouped(rate as u64)),
        rate if rate >= 1.0 => format!("{rate:.1} per s"),
        rate => format!("{:.1} per min", rate * 60.0),
    }
}

fn usual(story: &Story) -> String {
    let words = |usual: crate::admin::jobs::pace::Usual| {
        let (median, most) = (duration_ms(usual.median_ms), duration_ms(usual.most_ms));
        format!("Half of the last {} took less than {median}, nine of ten less than {most}.", usual.jobs)
    };
    story.usual().map(words).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::story::sample::story;
    use super::*;
    use crate::admin::jobs::Detail;
    use crate::web::shell::sample::shell;

    #[test]
    fn progress_says_done_left_and_rate() {
        let going = going(&story(JobState::Running), &shell()).expect("it runs");

        assert_eq!((going.percent, going.done.as_str()), (Some(64), "3,200 of 5,000"));
        assert_eq!((going.left.as_str(), going.rate.as_str()), ("2m 04s", "14.5 per s"));
        assert_eq!((going.heartbeat.as_str(), going.silent), ("heartbeat 1 s ago", false));
    }

    #[test]
    fn work_that_reports_nothing_has_no_bar() {
        let mut story = story(JobState::Running);
        story.job = Detail { done: None, ..story.job };

        let going = going(&story, &shell()).expect("it runs");

        assert_eq!((going.percent, going.left.as_str()), (None, ""));
        assert!(going.done.starts_with("Running for 3m 41s"));
    }

    #[test]
    fn work_that_reports_nothing_is_told_how_it_could() {
        let told = |runner: &str| {
            let mut story = story(JobState::Running);
            story.job = Detail { done: None, spec: serde_json::json!({ "runner": runner }), ..story.job };
            going(&story, &shell()).expect("it runs").done
        };

        assert!(told("command").contains("::progress 3/10 copying") && told("handler").contains("in its code"));
        assert_eq!(told("http"), "Running for 3m 41s.", "it cannot report any");
    }

    #[test]
    fn what_has_just_started_is_given_no_advice() {
        let after = |ms: i64| {
            let mut story = story(JobState::Running);
            let started_at = Some(shell().now - chrono::TimeDelta::milliseconds(ms));
            story.job =
                Detail { done: None, started_at, spec: serde_json::json!({ "runner": "handler" }), ..story.job };
            going(&story, &shell()).expect("it runs")
        };

        assert_eq!((after(0).done.as_str(), after(0).heartbeat.as_str()), ("Just started.", ""));
        assert_eq!(after(5_000).done, "Running for 5.0 s.");
        assert!(!after(5_000).heartbeat.is_empty() && after(31_000).done.contains("in its code"));
    }

    #[test]
    fn only_what_runs_has_progress() {
        assert!(
            JobState::ALL
                .into_iter()
                .all(|state| (state == JobState::Running) == going(&story(state), &shell()).is_some())
        );
    }
}
