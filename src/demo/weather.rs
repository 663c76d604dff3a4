//! What goes wrong when: faults of ordinary days, and incidents that last for a while and hit one kind of work.

use chrono::TimeDelta;
use serde_json::Value;

use super::args::{GONE, SHAKY};
use super::cast::{DEADLOCK, Fault, FaultKind, Part, RELAY_FULL, fault};
use super::dice::Dice;
use crate::base::clock::Time;

/// Something that was broken for a while.
struct Incident {
    template: &'static str,
    /// Only for jobs that name this partner; empty = for all.
    partner: &'static str,
    /// Minutes before the end of the past at which it began.
    began: i64,
    /// How many minutes it lasted.
    lasted: i64,
    fault: Fault,
}

const DAY: i64 = 24 * 60;

const fn incident(
    template: &'static str,
    partner: &'static str,
    (began, lasted): (i64, i64),
    fault: Fault,
) -> Incident {
    Incident { template, partner, began, lasted, fault }
}

/// The incidents of the past thirty days, newest first.
const INCIDENTS: [Incident; 7] = [
    incident("mail.send", "", (44, 26), fault(0.55, RELAY_FULL, FaultKind::Passing, 0)),
    incident(
        "webhook.deliver",
        GONE,
        (3 * DAY + 130, 4 * DAY),
        fault(1.0, "status 410 Gone: this endpoint has moved", FaultKind::Final, 410),
    ),
    incident(
        "webhook.deliver",
        SHAKY,
        (330, 55),
        fault(0.5, "status 503 Service Unavailable: try again in a moment", FaultKind::Passing, 503),
    ),
    incident("ledger.post", "", (9 * DAY, 210), fault(0.6, DEADLOCK, FaultKind::Passing, 0)),
    incident("mail.send", "", (12 * DAY + 85, 140), fault(0.7, RELAY_FULL, FaultKind::Passing, 0)),
    incident("rates.refresh", "", (17 * DAY, 95), fault(0.8, "status 502 Bad Gateway", FaultKind::Passing, 502)),
    incident(
        "search.index",
        "",
        (21 * DAY + 400, 120),
        fault(0.5, "the index answers no more: connection reset by peer", FaultKind::Passing, 0),
    ),
];

/// Largest picture that can be worked on.
pub const MEGAPIXELS_MAX: i64 = 50;

/// What went wrong with one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mishap {
    /// What the runner says.
    pub error: String,
    /// What follows.
    pub kind: FaultKind,
    /// Exit code or status; 0 = neither.
    pub code: u16,
}

impl From<&Fault> for Mishap {
    fn from(fault: &Fault) -> Self {
        Self { error: fault.error.to_owned(), kind: fault.kind, code: fault.code }
    }
}

/// Decides whether the attempt that starts at `at` goes wrong; `end` is the end of the past.
pub fn mishap(part: &Part, args: &Value, (at, end): (Time, Time), dice: &mut Dice) -> Option<Mishap> {
    if let Some(large) = args["megapixels"].as_i64().filter(|size| *size > MEGAPIXELS_MAX) {
        return Some(Mishap { error: too_large(large), kind: FaultKind::Final, code: 0 });
    }
    let partner = args["partner"].as_str().unwrap_or_default();
    let struck = INCIDENTS.iter().filter(|incident| incident.strikes(part, partner, end - at));
    struck
        .map(|incident| &incident.fault)
        .chain(part.faults)
        .find(|fault| dice.happens(fault.probability))
        .map(Mishap::from)
}

/// Says that a picture is too large.
pub fn too_large(megapixels: i64) -> String {
    format!("image exceeds {MEGAPIXELS_MAX} MP limit: {megapixels} MP")
}

impl Incident {
    fn strikes(&self, part: &Part, partner: &str, before_end: TimeDelta) -> bool {
        let minutes = before_end.num_minutes();
        self.template == part.template
            && (self.partner.is_empty() || self.partner == partner)
            && minutes <= self.began
            && minutes > self.began - self.lasted
    }
}
