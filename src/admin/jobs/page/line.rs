//! The timeline of a job, ready to be drawn.

use super::story::Story;
use crate::admin::jobs::pace::pace;
use crate::admin::jobs::timeline::{Expected, Mark, Past, Stage, timeline};
use crate::base::clock::Time;
use crate::queue::state::JobState;
use crate::web::format::{Stamp, duration};
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its colour.
    pub class: &'static str,
    /// Its icon.
    pub icon: &'static str,
    /// Whether the icon turns.
    pub spins: bool,
    /// It has not happened yet.
    pub ahead: bool,
    /// A few words.
    pub title: String,
    /// How long; empty for an end. Says "so far" while it lasts.
    pub length: String,
    /// When it began.
    pub at: Stamp,
    /// Stands before the moment: `about` for what is expected.
    pub about: &'static str,
    /// Where, by whom.
    pub note: String,
}

/// Draws the timeline of `story`.
pub fn line(story: &Story, shell: &Shell) -> Vec<Step> {
    let past = Past { attempts: &story.attempts, reopened: &story.reopened };
    let stages = timeline(&story.job, past, shell.now, expected(story, shell.now));
    stages.iter().map(|stage| step(stage, shell)).collect()
}

/// The end comes from the work's own pace, else from what is usual; the start from the pace of the queue.
fn expected(story: &Story, now: Time) -> Expected {
    let job = &story.job;
    let by_pace = job.done.zip(job.total).and_then(|(done, total)| pace(done, total, job.started_at, now).left);
    let by_custom = || {
        let usual = chrono::Duration::milliseconds(story.usual()?.median_ms);
        Some(job.started_at? + usual).filter(|end| *end > now)
    };
    Expected {
        start: story.expected.and_then(|expected| expected.start(now)),
        end: by_pace.map(|left| now + left).or_else(by_custom).filter(|_| job.state() == JobState::Running),
    }
}

fn step(stage: &Stage, shell: &Shell) -> Step {
    let (class, icon, spins) = match stage.mark {
        Mark::State(state) => {
            let tone = Tone::from(state);
            (tone.class(), tone.icon(), tone.spins() && stage.open)
        }
        Mark::Folded => ("s-skipped", "ellipsis", false),
        Mark::Expected => ("s-skipped", "circle-dashed", false),
    };
    let length = stage.length.map(duration).unwrap_or_default();
    Step {
        class,
        icon,
        spins,
        ahead: stage.mark == Mark::Expected,
        title: stage.title.clone(),
        length: if stage.open { format!("{length} so far") } else { length },
        at: shell.stamp(stage.at),
        about: if stage.mark == Mark::Expected && stage.title != "Ready" { "about" } else { "" },
        note: stage.note.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::sample::story;
    use super::*;
    use crate::web::shell::sample::shell;

    #[test]
    fn a_running_job_ends_where_its_pace_leads() {
        let steps = line(&story(JobState::Running), &shell());

        let last = steps.last().expect("a step");
        assert_eq!((last.title.as_str(), last.about, last.ahead), ("Succeeded", "about", true));
        assert_eq!(last.at.text, "14:34:12");
        assert_eq!(steps[steps.len() - 2].length, "3m 41s so far");
    }

    #[test]
    fn every_state_has_a_line() {
        for state in JobState::ALL {
            let steps = line(&story(state), &shell());
            assert!(steps.iter().all(|step| crate::web::icon::exists(step.icon)), "{state}");
        }
    }
}
