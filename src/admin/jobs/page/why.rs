//! "Why is it not running?" and "Why did it fail?" in sentences, each with the way to change it.

use super::story::Story;
use crate::admin::jobs::expected::Expected;
use crate::admin::jobs::forecast::Start;
use crate::admin::jobs::{Detail, PoolWait, Reason, no_more_attempts};
use crate::queue::fit::written;
use crate::queue::job::JobId;
use crate::queue::state::JobState;
use crate::web::ansi::visible;
use crate::web::format::{duration, grouped, relative};
use crate::web::paths;
use crate::web::shell::Shell;
use crate::web::tone::Tone;

/// Places in line beyond which only a bound is known.
const POSITION_MAX: i64 = 10_000;

/// Characters of an error that are told.
const SAID_CHARS_MAX: usize = 200;

/// The answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Why {
    /// The question.
    pub title: &'static str,
    /// What keeps it, first things first.
    pub lines: Vec<Line>,
    /// When it may start, with its interval.
    pub expected: String,
}

impl Why {
    /// Gives the colour of the card: that of the first reason.
    pub fn class(&self) -> &'static str {
        self.lines.first().map_or("", |line| line.tone.class())
    }
}

/// What is so of a job that waits for a quiet time.
const DEBOUNCED: &str = "A newer one with the same values takes its place.";

/// One sentence of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its icon and colour.
    pub tone: Tone,
    /// What is so.
    pub what: String,
    /// What that means here; may be empty.
    pub more: String,
    /// Where it can be changed.
    pub link: Option<(String, String)>,
}

/// Explains a job that waits or has failed; `None` for others.
pub fn why(story: &Story, shell: &Shell) -> Option<Why> {
    if story.job.state() == JobState::Failed {
        return Some(Why { title: "Why did it fail?", lines: vec![failure(&story.job)], expected: String::new() });
    }
    let lines: Vec<Line> = story.explanation.reasons.iter().map(|reason| line(reason, story, shell)).collect();
    (!lines.is_empty()).then(|| Why { title: "Why is it not running?", lines, expected: expected(story, shell) })
}

/// As much of an error as a sentence should have; all of it stands with its attempt.
fn first_words(said: &str) -> String {
    let cut = said.chars().take(SAID_CHARS_MAX).collect::<String>();
    if cut.len() < said.len() { format!("{cut}…") } else { cut }
}

/// What the last attempt said, and why there is no other.
fn failure(job: &Detail) -> Line {
    let said = job.error.as_deref().and_then(|error| error.lines().next()).unwrap_or("It said nothing.");
    let (what, more) = (visible(&first_words(said)), no_more_attempts(job));
    let link = job.fingerprint.as_ref().map(|print| ("See the failure group".to_owned(), paths::failure(print)));
    Line { tone: Tone::Failed, what, more, link }
}

fn line(reason: &Reason, story: &Story, shell: &Shell) -> Line {
    let queue = &story.job.queue;
    let queue_link = || Some((format!("Queue {queue}"), paths::queue(queue)));
    let when = |at| format!("{}, {}", shell.stamp(at).text, relative(at, shell.now));
    let plain = |tone, what: String, more: String| Line { tone, what, more, link: None };
    match reason {
        Reason::NotDue { run_at } => {
            plain(Tone::Scheduled, "Its time has not come.".into(), format!("It becomes ready at {}.", when(*run_at)))
        }
        Reason::Debounced { run_at, latest } => {
            let latest = latest.map(|at| format!(", at the latest at {}", shell.stamp(at).text)).unwrap_or_default();
            plain(Tone::Scheduled, DEBOUNCED.into(), format!("It becomes ready at {}{latest}.", when(*run_at)))
        }
        Reason::Backoff { run_at } => {
            let what = format!("Attempt {} failed and it waits for its backoff.", story.job.attempt);
            plain(Tone::Retrying, what, format!("The next attempt is due at {}.", when(*run_at)))
        }
        Reason::Held { by, reason } => plain(Tone::Held, format!("It is held by {by}."), said(reason.as_deref())),
        Reason::Blocked => {
            plain(Tone::Blocked, "It waits for something else.".into(), "A dependency, a gate or a signal.".into())
        }
        Reason::QueuePaused { by, reason } => Line {
            tone: Tone::Paused,
            what: format!("Queue {queue} is paused by {by}."),
            more: said(reason.as_deref()),
            link: queue_link(),
        },
        Reason::NodeDrained { node, by, reason } => Line {
            tone: Tone::Paused,
            what: match by {
                Some(by) => format!("{node} is drained by {by} and takes no new work."),
                None => format!("{node} is stopping and takes no new work."),
            },
            more: said(reason.as_deref()),
            link: Some((format!("Node {node}"), paths::node(node))),
        },
        Reason::NoNode => no_node(
            format!("No node that is up serves queue {queue}."),
            "Start one, or let a running one serve this queue.",
        ),
        Reason::NoNodeWith { labels } => no_node(
            format!("No node that serves queue {queue} has {}.", written(labels)),
            "Start one with MILLRACE_LABELS, or change what the template requires.",
        ),
        Reason::SlotsBusy { busy, slots } => slots_busy(*busy, *slots, queue),
        Reason::Limit { of, key, jobs_max, holders, position } => Line {
            tone: Tone::Blocked,
            what: limit(of, key.as_deref(), *jobs_max, story),
            more: waiting(*position),
            link: holders.first().map(|job| (format!("Job {job} holds a place"), paths::job(JobId(*job)))),
        },
        Reason::Pool(wait) => pool(wait),
        Reason::RateLimit { key, at, position } => {
            let what = match key {
                Some(key) => format!("Jobs of {} with {key} begin at a limited rate.", story.job.template),
                None => format!("Jobs of {} begin at a limited rate.", story.job.template),
            };
            plain(Tone::Scheduled, what, format!("Its turn comes at {}. {}", when(*at), waiting(*position)))
        }
        Reason::Turn { key, holder, holder_state, position } => turn(key, *holder, holder_state.as_deref(), *position),
        Reason::InLine { position } => {
            Line { tone: Tone::Ready, what: place(*position), more: rank(story), link: queue_link() }
        }
    }
}

fn slots_busy(busy: i64, slots: i64, queue: &str) -> Line {
    let running = paths::with_query(paths::JOBS, &[("state", "running"), ("queue", queue)]);
    Line {
        tone: Tone::Running,
        what: format!("All slots are busy: {busy} of {slots}."),
        more: String::new(),
        link: Some(("What runs now".into(), running)),
    }
}

fn no_node(what: String, more: &str) -> Line {
    Line { tone: Tone::Failed, what, more: more.into(), link: Some(("Nodes".into(), paths::NODES.into())) }
}

fn limit(of: &str, key: Option<&str>, jobs_max: i32, story: &Story) -> String {
    let whose = match (of, key) {
        ("queue", _) => format!("of queue {}", story.job.queue),
        ("key", Some(key)) => format!("of {} with {key}", story.job.template),
        ("node", _) => format!("of {} on each node", story.job.template),
        ("key", None) => format!("of {} with its key", story.job.template),
        _ => format!("of {}", story.job.template),
    };
    let jobs = if jobs_max == 1 { "one job".into() } else { format!("{jobs_max} jobs") };
    format!("At most {jobs} {whose} may run at once.")
}

fn pool(wait: &PoolWait) -> Line {
    let of = |number: i32| match wait.unit.as_str() {
        "" => grouped(number.unsigned_abs().into()),
        unit => format!("{} {unit}", grouped(number.unsigned_abs().into())),
    };
    let (reserved, kept, turn) = (of(wait.used), of(wait.kept), waiting(wait.position));
    let has = wait.amount.map(|amount| format!("; the pool has {}", of(amount))).unwrap_or_default();
    Line {
        tone: if wait.needs_more_than_there_is() { Tone::Failed } else { Tone::Blocked },
        what: format!("It needs {} of {}{has}.", of(wait.needs), wait.pool),
        more: match wait.amount {
            None => "The pool is gone: it goes on within a second.".into(),
            Some(_) if wait.needs_more_than_there_is() => {
                "It waits until the pool has more, and nobody waits for it meanwhile.".into()
            }
            Some(_) if wait.kept > 0 => format!("{reserved} are reserved, {kept} kept for jobs before it. {turn}"),
            Some(_) => format!("{reserved} are reserved. {turn}"),
        },
        link: Some((format!("Pool {}", wait.pool), paths::pool(&wait.pool))),
    }
}

fn waiting(position: i64) -> String {
    match position {
        ..=1 => "It is the next that begins.".into(),
        2 => "One job waits before it.".into(),
        n => format!("{} jobs wait before it.", grouped(n.unsigned_abs() - 1)),
    }
}

fn turn(key: &str, holder: Option<i64>, holder_state: Option<&str>, position: i64) -> Line {
    let who = holder.map_or_else(|| "Another job".into(), |job| format!("Job {job}")); // one that the viewer may not see
    let has_it = holder_state.map(|state| format!("{who} has the turn and is {state}. "));
    Line {
        tone: Tone::Blocked,
        what: format!("Jobs with the ordering key {key} run one at a time, in order."),
        more: has_it.unwrap_or_default() + &waiting(position),
        link: holder.map(|job| (format!("Job {job}"), paths::job(JobId(job)))),
    }
}

fn said(reason: Option<&str>) -> String {
    reason.map(|reason| format!("“{reason}”")).unwrap_or_default()
}

fn place(position: i64) -> String {
    match position {
        ..=1 => "It is the next in line.".into(),
        2 => "One job is before it in line.".into(),
        n if n > POSITION_MAX => format!("More than {} jobs are before it in line.", grouped(POSITION_MAX as u64)),
        n => format!("{} jobs are before it in line.", grouped(n.unsigned_abs() - 1)),
    }
}

fn rank(story: &Story) -> String {
    format!("Priority {} in queue {}.", story.job.priority, story.job.queue)
}

fn expected(story: &Story, shell: &Shell) -> String {
    match story.expected {
        Some(Expected::AtOnce(1)) => "A slot is free: it can start at once.".into(),
        Some(Expected::AtOnce(free)) => {
            format!("{} slots are free: it can start at once.", grouped(free.unsigned_abs()))
        }
        Some(Expected::Pace(start)) => at_pace(start, shell),
        Some(Expected::After { holder, ends_in }) => {
            format!("Not before one of those ends: job {holder} is expected to, in about {}.", duration(ends_in))
        }
        Some(Expected::OwnTime(_) | Expected::Promised(_)) | None => String::new(), // the reason has said the time
    }
}

fn at_pace(start: Start, shell: &Shell) -> String {
    let is_certain = duration(start.earliest) == duration(start.latest);
    let interval = if is_certain {
        String::new()
    } else {
        format!(", between {} and {}", duration(start.earliest), duration(start.latest))
    };
    let at = shell.stamp(shell.now + start.likely).text;
    format!("At the pace of the last 10 minutes it starts in about {}{interval}: {at}.", duration(start.likely))
}

#[cfg(test)]
mod tests {
    use super::super::story::sample::story;
    use super::*;
    use crate::admin::jobs::Outlook;
    use crate::web::shell::sample::shell;

    #[test]
    fn every_waiting_state_explains_itself() {
        for state in JobState::ALL {
            let why = why(&story(state), &shell());
            assert_eq!(why.is_some(), state.is_waiting() || state == JobState::Failed, "{state}");
            let speaks = |why: Why| why.lines.iter().all(|line| line.what.ends_with('.'));
            assert!(state == JobState::Failed || why.is_none_or(speaks));
        }
    }

    fn ready(reasons: Vec<Reason>, free_slots: i64) -> Why {
        let mut story = story(JobState::Ready);
        story.explanation.reasons = reasons;
        story.explanation.free_slots = free_slots;
        story.expected = match story.explanation.outlook() {
            Outlook::AtOnce(free) => Some(Expected::AtOnce(free)),
            Outlook::Stopped | Outlook::InTurn(_) => None, // as it is read when there is nothing to forecast
        };
        why(&story, &shell()).expect("reasons")
    }

    fn lines(why: &Why) -> Vec<&str> {
        why.lines.iter().map(|line| line.what.as_str()).collect()
    }

    #[test]
    fn a_ready_job_names_what_is_before_it_and_when_it_may_start() {
        let why = why(&story(JobState::Ready), &shell()).expect("reasons");

        assert_eq!(lines(&why), ["All slots are busy: 96 of 96.", "42 jobs are before it in line."]);
        assert_eq!(
            why.expected,
            "At the pace of the last 10 minutes it starts in about 12 s, between 8.0 s and 16 s: 14:32:20."
        );
    }

    #[test]
    fn what_stops_a_queue_is_named_with_who_and_why() {
        let paused = Reason::QueuePaused { by: "Nadia".into(), reason: Some("stock count".into()) };
        let drained = |by: Option<&str>| Reason::NodeDrained {
            node: "vm".into(),
            by: by.map(String::from),
            reason: by.map(|_| "disk swap".into()),
        };
        let why = ready(vec![paused, drained(Some("Ada")), drained(None), Reason::InLine { position: 1 }], 0);

        assert_eq!(
            lines(&why),
            [
                "Queue imports is paused by Nadia.",
                "vm is drained by Ada and takes no new work.",
                "vm is stopping and takes no new work.",
                "It is the next in line.",
            ]
        );
        assert_eq!((why.lines[0].more.as_str(), why.lines[1].more.as_str()), ("“stock count”", "“disk swap”"));
        assert_eq!(why.lines[1].link, Some(("Node vm".into(), "/nodes/vm".into())));
        assert_eq!(why.expected, "", "nothing tells when somebody lets it go on");
    }

    #[test]
    fn whoever_waits_for_a_turn_is_told_who_has_it() {
        let holder_state = Some("retrying".into());
        let why = ready(vec![Reason::Turn { key: "acme".into(), holder: Some(7), holder_state, position: 2 }], 8);

        assert_eq!(lines(&why), ["Jobs with the ordering key acme run one at a time, in order."]);
        assert_eq!(why.lines[0].more, "Job 7 has the turn and is retrying. One job waits before it.");
        assert_eq!(why.lines[0].link, Some(("Job 7".into(), "/jobs/7".into())));
    }

    #[test]
    fn whoever_waits_for_a_pool_is_told_what_is_missing() {
        let waits = |needs, amount, kept| {
            let (pool, unit) = ("memory-mb".into(), "MB".into());
            Reason::Pool(PoolWait { pool, needs, amount, used: 3_500, kept, unit, holders: vec![7], position: 2 })
        };
        let told = |reason| {
            let line = ready(vec![reason], 8).lines.remove(0);
            format!("{} {}", line.what, line.more)
        };

        assert_eq!(
            told(waits(1_024, Some(4_096), 0)),
            "It needs 1,024 MB of memory-mb; the pool has 4,096 MB. 3,500 MB are reserved. One job waits before it."
        );
        assert_eq!(
            told(waits(1_024, Some(4_096), 512)),
            "It needs 1,024 MB of memory-mb; the pool has 4,096 MB. 3,500 MB are reserved, 512 MB kept for jobs before it. One job waits before it."
        );
        assert_eq!(
            told(waits(8_192, Some(4_096), 0)),
            "It needs 8,192 MB of memory-mb; the pool has 4,096 MB. It waits until the pool has more, and nobody waits for it meanwhile."
        );
        assert_eq!(
            told(waits(1, None, 0)),
            "It needs 1 MB of memory-mb. The pool is gone: it goes on within a second."
        );
    }

    #[test]
    fn with_a_free_slot_there_is_no_wait_to_forecast() {
        let next = || vec![Reason::InLine { position: 1 }];

        assert_eq!(ready(next(), 32).expected, "32 slots are free: it can start at once.");
        assert_eq!(ready(next(), 1).expected, "A slot is free: it can start at once.");
        assert_eq!(ready(vec![Reason::InLine { position: 9 }], 8).expected, "");
    }

    #[test]
    fn places_are_told_exactly_up_to_ten_thousand() {
        assert_eq!(place(1), "It is the next in line.");
        assert_eq!(place(2), "One job is before it in line.");
        assert_eq!(place(10_000), "9,999 jobs are before it in line.");
        assert_eq!(place(10_001), "More than 10,000 jobs are before it in line.");
    }
}
