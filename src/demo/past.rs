//! The past of one job: when it came in, how its attempts went, and where it stands now.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::cast::{FaultKind, Part};
use super::dice::Dice;
use super::people::Person;
use super::weather::{Mishap, mishap};
use crate::base::clock::Time;
use crate::queue::retry::{FailedAttempt, Next, after_failure};
use crate::queue::settle::{AttemptOutcome, Ending, Trouble};
use crate::queue::template::{RunnerKind, TemplateSpec};
use crate::queue::work::Resources;

/// Half of the jobs find a free slot within this time.
const WAIT: Duration = Duration::from_millis(9);
/// Work that takes so long is what people lose patience with.
const PATIENCE: Duration = Duration::from_secs(3);
/// How likely somebody ends such an attempt.
const CANCELLED: f64 = 0.006;
/// How likely a mail that must go out at once finds no slot in time.
const EXPIRED: f64 = 0.0004;
/// How long such a mail may wait.
const EXPIRES: TimeDelta = TimeDelta::seconds(30);

/// One attempt of the past.
#[derive(Debug, Clone)]
pub struct Try {
    /// Since when it waited for a slot.
    pub since: Time,
    /// When it started; `None` = it never did.
    pub started_at: Option<Time>,
    /// When it ended.
    pub finished_at: Time,
    /// What it used.
    pub resources: Resources,
    /// How it ended.
    pub ending: Ending,
}

/// One job of the past.
#[derive(Debug, Clone)]
pub struct Story {
    /// When it came in.
    pub created_at: Time,
    /// Expires when not started by then.
    pub deadline: Option<Time>,
    /// Its arguments.
    pub args: Value,
    /// Its attempts, oldest first.
    pub tries: Vec<Try>,
}

impl Story {
    /// When its next attempt is due, if it waits for one.
    pub fn retries_at(&self) -> Option<Time> {
        let last = self.tries.last()?;
        match &last.ending {
            Ending::Retry(_, wait) => Some(last.finished_at + TimeDelta::from_std(*wait).unwrap_or_default()),
            _ => None,
        }
    }
}

/// Makes stories of one kind of work.
pub struct Teller<'a> {
    /// How it behaves.
    pub part: &'a Part,
    /// What its template says.
    pub spec: &'a TemplateSpec,
    /// Who may lose patience.
    pub staff: &'a [Person],
    /// The end of the past.
    pub end: Time,
}

impl Teller<'_> {
    /// Tells how a job went that came in at `created_at`; `None` when it would still be running.
    pub fn tell(&self, created_at: Time, args: Value, dice: &mut Dice) -> Option<Story> {
        let mut story = Story { created_at, deadline: None, args, tries: Vec::new() };
        if self.part.template == "mail.send" && dice.happens(EXPIRED) {
            story.deadline = Some(created_at + EXPIRES);
            let finished_at = created_at + EXPIRES + TimeDelta::milliseconds(dice.between(100, 9_000));
            let (since, ending) = (created_at, Ending::Expired);
            story.tries.push(Try { since, started_at: None, finished_at, resources: Resources::default(), ending });
            return (finished_at < self.end).then_some(story);
        }
        let mut ready_at = created_at;
        for number in 1..=self.spec.defaults.max_attempts {
            let attempt = self.attempt(number, ready_at, &story.args, dice);
            if attempt.finished_at >= self.end {
                return None;
            }
            story.tries.push(attempt);
            match story.retries_at() {
                Some(at) if at < self.end => ready_at = at,
                _ => return Some(story),
            }
        }
        Some(story)
    }

    fn attempt(&self, number: u16, since: Time, args: &Value, dice: &mut Dice) -> Try {
        let started_at = since + delta(dice.length(WAIT, 0.9));
        let mishap = mishap(self.part, args, (started_at, self.end), dice);
        let mut ran = dice.length(self.part.median, self.part.spread);
        if let Some(mishap) = &mishap {
            let limit = Duration::from_millis(self.spec.defaults.timeout_ms);
            ran = if mishap.kind == FaultKind::Timeout { limit } else { ran.mul_f64(0.2 + 0.5 * dice.unit()) };
        }
        let resources = self.resources(ran, mishap.as_ref(), dice);
        let ending = match mishap {
            Some(mishap) => self.failed(number, mishap, resources, dice),
            None if self.part.median > PATIENCE && dice.happens(CANCELLED) => self.cancelled(dice),
            None => Ending::Succeeded { output: self.output(args, dice) },
        };
        Try { since, started_at: Some(started_at), finished_at: started_at + delta(ran), resources, ending }
    }

    fn failed(&self, number: u16, mishap: Mishap, resources: Resources, dice: &mut Dice) -> Ending {
        let policy = &self.spec.defaults;
        let outcome = match mishap.kind {
            FaultKind::Timeout => AttemptOutcome::TimedOut,
            FaultKind::Passing | FaultKind::Final => AttemptOutcome::Failed,
        };
        let failed = FailedAttempt { error: &mishap.error, resources };
        let next = after_failure(policy, number, policy.max_attempts, &failed, dice.unit());
        let trouble = Trouble { outcome, error: mishap.error.clone(), trace: None };
        match next {
            Next::Retry(wait) if mishap.kind != FaultKind::Final => Ending::Retry(trouble, wait),
            Next::Retry(_) | Next::Fail(_) | Next::Hold(_) => Ending::Failed(trouble),
        }
    }

    fn cancelled(&self, dice: &mut Dice) -> Ending {
        let able: Vec<&Person> = self.staff.iter().filter(|person| person.repairs()).collect();
        let reasons = ["wrong arguments", "asked for twice", "no longer needed"];
        Ending::Cancelled { by: dice.pick(&able).email(), reason: Some((*dice.pick(&reasons)).to_owned()) }
    }

    fn resources(&self, ran: Duration, mishap: Option<&Mishap>, dice: &mut Dice) -> Resources {
        let code = mishap.map_or(0, |mishap| mishap.code);
        let busy_ms = (ran.as_millis() as f64 * (0.05 + 0.1 * dice.unit())) as u32;
        match self.spec.runner {
            RunnerKind::Command => Resources {
                cpu_ms: Some(busy_ms),
                exit_code: Some(i32::from(code)),
                peak_memory_bytes: Some((self.part.memory_mib * 1_048_576 + dice.between(0, 900_000)).unsigned_abs()),
                read_bytes: Some(dice.between(0, 40_000_000).unsigned_abs()),
                written_bytes: Some(dice.between(0, 90_000_000).unsigned_abs()),
                ran_as: Some("nobody"),
                http_status: None,
            },
            RunnerKind::Http => {
                let status = if mishap.is_some() { code } else { success(self.part.template) };
                Resources { http_status: Some(status), ..Resources::default() }
            }
            RunnerKind::Handler => Resources { cpu_ms: Some(busy_ms / 4), ..Resources::default() },
            RunnerKind::Sql => Resources::default(),
        }
    }

    fn output(&self, args: &Value, dice: &mut Dice) -> Option<Value> {
        match self.spec.runner {
            RunnerKind::Sql => Some(json!({ "rows": dice.between(0, 200) })),
            RunnerKind::Http => Some(json!({ "status": success(self.part.template) })),
            RunnerKind::Command if self.part.template == "invoice.render" => {
                let seal = format!("{:016x}", dice.between(0, i64::MAX));
                Some(json!({ "order": args["order"], "seal": seal }))
            }
            RunnerKind::Command | RunnerKind::Handler => None,
        }
    }
}

/// What the demo's partners answer when all is well.
fn success(template: &str) -> u16 {
    if template == "webhook.deliver" { 204 } else { 200 }
}

fn delta(length: Duration) -> TimeDelta {
    TimeDelta::from_std(length).unwrap_or_default()
}
