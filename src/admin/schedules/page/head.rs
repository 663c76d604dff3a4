//! The head that all pages of one schedule share: how it is, what can be done, the tabs.

use super::line::{Last, went, why};
use super::list::look;
use crate::admin::schedules::{RunMark, ScheduleRow, Standing};
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::format::{duration_ms, until};
use crate::web::parts::Tab;
use crate::web::paths;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// A schedule, as the head of its pages shows it.
pub struct Head {
    pub name: String,
    pub description: String,
    pub tone: Tone,
    pub word: &'static str,
    pub why: String,
    pub version: i32,
    /// The highest version that there is, as far as is known here.
    pub latest: i32,
    /// When it runs next, in words.
    pub next: String,
    pub last: Option<Last>,
    pub tabs: Vec<Tab>,
    pub is_paused: bool,
    pub is_over: bool,
    pub may_act: bool,
    pub template: String,
    pub template_href: String,
}

impl Head {
    pub(super) fn new(actor: &Actor, row: &ScheduleRow, marks: &[RunMark], shell: &Shell, current: &str) -> Self {
        let (tone, word) = look(row.standing());
        let last = marks.last().map(|mark| {
            let (tone, word) = went(mark);
            let length = mark.run_ms.map_or_else(String::new, duration_ms);
            Last { href: paths::job(mark.job), tone, word, at: shell.stamp(mark.at), length }
        });
        let tab = |key: &str, label: &str, href: String| Tab::new(label, href, key == current);
        Self {
            description: row.spec.get("description").and_then(|text| text.as_str()).unwrap_or_default().to_owned(),
            tone,
            word,
            why: why(row),
            version: row.version,
            latest: row.version,
            next: row.next_at.filter(|_| row.paused_at.is_none()).map_or_else(String::new, |at| until(at, shell.now)),
            last,
            tabs: vec![
                tab("timing", "Timing and job", paths::schedule(&row.name)),
                tab("history", "History", paths::schedule_history(&row.name)),
                tab("versions", "Versions", paths::schedule_versions(&row.name)).counting(row.version),
            ],
            is_paused: row.paused_at.is_some(),
            is_over: row.standing() == Standing::Ended,
            may_act: actor.may(Permission::EditSchedules),
            template: row.template.clone(),
            template_href: paths::template(&row.template),
            name: row.name.clone(),
        }
    }

    /// The address of an act.
    pub fn act(&self, verb: &str) -> String {
        paths::schedule_act(&self.name, verb)
    }

    /// The address of the form of a backfill.
    pub fn backfill(&self) -> String {
        paths::schedule_backfill(&self.name)
    }

    /// The address of the form for a copy of it.
    pub fn clone_href(&self) -> String {
        paths::with_query(paths::SCHEDULE_NEW, &[("from", &self.name)])
    }

    /// The address of its page with so many occurrences.
    pub fn showing(&self, occurrences: &usize) -> String {
        paths::with_query(&paths::schedule(&self.name), &[("shown", &occurrences.to_string())])
    }

    /// The address of the jobs that it made.
    pub fn jobs(&self) -> String {
        paths::with_query(paths::JOBS, &[("schedule", &self.name)])
    }

    /// The address of it as a file.
    pub fn file(&self) -> String {
        paths::schedule_file(&self.name)
    }
}
