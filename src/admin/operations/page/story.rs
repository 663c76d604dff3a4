//! What became of an operation beyond its numbers: who did what to it, and where its jobs are by now.

use super::view::jobs;
use crate::admin::jobs::query::VALUES_MAX;
use crate::admin::jobs::trail::Record;
use crate::admin::operations::acted::{ACTED_JOBS_MAX, Acted};
use crate::queue::state::JobState;
use crate::web::format::grouped;
use crate::web::parts::Deed;
use crate::web::paths;
use crate::web::shell::{Shell, initials};
use crate::web::tone::Tone;

/// The record of an operation's end.
const END: &str = "operation.end";
/// Who brings operations to their end.
const ITSELF: &str = "Millrace";

/// Jobs of the operation in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InState {
    pub tone: Tone,
    pub number: String,
    /// The list of them; empty when there are too many to be named in an address.
    pub href: String,
}

/// Where the jobs are that something was done to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Now {
    pub states: Vec<InState>,
    /// The list of all of them; empty when there are too many to be named in an address.
    pub list: String,
    /// What the numbers hold for; empty for nothing to add.
    pub said: String,
}

/// Puts into words where the jobs are.
pub(super) fn now(acted: &Acted) -> Now {
    let named = |state: Option<JobState>| {
        if acted.is_cut || acted.jobs.is_empty() || acted.jobs.len() > VALUES_MAX {
            return String::new();
        }
        let ids: Vec<String> = acted.jobs.iter().map(ToString::to_string).collect();
        let of = state.map(|state| format!("state:{state} ")).unwrap_or_default();
        paths::with_query(paths::JOBS, &[("q", &format!("{of}id:{}", ids.join(",")))])
    };
    let in_state = |(state, number): (&JobState, &i64)| InState {
        tone: (*state).into(),
        number: grouped(number.unsigned_abs()),
        href: named(Some(*state)),
    };
    let mut said = Vec::new();
    if acted.is_cut {
        said.push(format!("Of the first {} jobs that it came to.", grouped(ACTED_JOBS_MAX as u64)));
    }
    match acted.gone() {
        ..=0 => {}
        gone => said.push(format!("{} you cannot see, or retention has removed.", jobs(gone))),
    }
    Now { states: acted.by_state.iter().map(in_state).collect(), list: named(None), said: said.join(" ") }
}

/// Lists what was done to the operation itself, newest first.
pub(super) fn deeds(trail: &[Record], shell: &Shell) -> Vec<Deed> {
    // its end is recorded under the name of whoever started it, who need not have been there
    let who = |record: &Record| if record.act == END { ITSELF.to_owned() } else { record.actor.clone() };
    let deed = |record: &Record| Deed {
        initials: initials(&who(record)),
        who: who(record),
        what: if record.accepted { words(record) } else { format!("tried: {}", words(record)) },
        reason: record.reason.clone().unwrap_or_default(),
        at: shell.stamp(record.at),
    };
    trail.iter().map(deed).collect()
}

fn words(record: &Record) -> String {
    match record.act.as_str() {
        "operation.start" => "started it".into(),
        "operation.stop" => "stopped it".into(),
        "operation.resume" => "resumed it".into(),
        "operation.fail" => "gave it up".into(),
        END => ended(record),
        other => other.to_owned(),
    }
}

fn ended(record: &Record) -> String {
    let number = |name: &str| record.after.as_ref().and_then(|after| after[name].as_i64()).unwrap_or_default();
    let told = [("done", number("done")), ("told to stop", number("asked")), ("left alone", number("skipped"))];
    let told: Vec<String> = told
        .into_iter()
        .filter(|(word, many)| *word == "done" || *many > 0)
        .map(|(word, many)| format!("{} {word}", grouped(many.unsigned_abs())))
        .collect();
    format!("finished it: {}", told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::job::JobId;
    use crate::web::shell::sample::shell;

    fn record(act: &str) -> Record {
        Record {
            at: shell().now,
            actor: "Marco Bellini".into(),
            act: act.into(),
            accepted: true,
            reason: None,
            after: Some(serde_json::json!({ "state": "done", "done": 1_200, "asked": 0, "skipped": 3 })),
        }
    }

    #[test]
    fn who_stopped_and_resumed_an_operation_is_told_in_words() {
        let trail = ["operation.end", "operation.resume", "operation.stop", "operation.start"].map(record);

        let told: Vec<String> = deeds(&trail, &shell()).into_iter().map(|deed| deed.what).collect();

        let end = "finished it: 1,200 done, 3 left alone";
        assert_eq!(told, [end, "resumed it", "stopped it", "started it"]);
        assert_eq!(deeds(&trail, &shell())[0].who, "Millrace");
    }

    #[test]
    fn few_jobs_are_linked_and_many_are_counted() {
        let by_state = [(JobState::Succeeded, 1), (JobState::Failed, 1)].into();
        let few = now(&Acted { jobs: vec![JobId(9), JobId(7), JobId(5)], by_state, is_cut: false });

        assert_eq!(few.list, "/jobs?q=id%3A9%2C7%2C5");
        assert_eq!(few.states[0].href, "/jobs?q=state%3Asucceeded%20id%3A9%2C7%2C5");
        assert_eq!(few.said, "1 job you cannot see, or retention has removed.");

        let many = (1..=1_000).map(JobId).collect();
        let many = now(&Acted { jobs: many, by_state: [(JobState::Ready, 1_000)].into(), is_cut: true });
        assert_eq!((many.states[0].number.as_str(), many.list.as_str()), ("1,000", ""));
        assert_eq!(many.said, "Of the first 1,000 jobs that it came to.");
    }
}
