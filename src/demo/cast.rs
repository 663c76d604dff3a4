//! Who plays: every template of the demo with when its jobs come in, how long they take and what goes wrong with them.

use std::time::Duration;

use chrono::Weekday;

use super::rhythm::Rhythm;

/// How one kind of work behaves.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// The template's name.
    pub template: &'static str,
    /// When its jobs come in.
    pub rhythm: Rhythm,
    /// Half of its attempts are shorter.
    pub median: Duration,
    /// Standard deviation of the logarithm of its length.
    pub spread: f64,
    /// What goes wrong on ordinary days.
    pub faults: &'static [Fault],
    /// Largest resident set in MiB; 0 = not measured, as for calls and statements.
    pub memory_mib: i64,
    /// Who enqueues it.
    pub by: &'static str,
}

/// Something that goes wrong.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// How likely it is for one attempt.
    pub probability: f64,
    /// What the runner says.
    pub error: &'static str,
    /// Whether the attempt is worth repeating.
    pub kind: FaultKind,
    /// Exit code of a command, status of an HTTP call; 0 = neither.
    pub code: u16,
}

/// What follows from a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The template's rule decides whether it is tried again.
    Passing,
    /// Trying again would not help.
    Final,
    /// It took longer than allowed.
    Timeout,
}

/// Makes a fault.
pub(super) const fn fault(probability: f64, error: &'static str, kind: FaultKind, code: u16) -> Fault {
    Fault { probability, error, kind, code }
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What a busy database says, also to the shop's own statements.
pub const DEADLOCK: &str = "deadlock detected";
/// What the relay says when it has had enough.
pub const RELAY_FULL: &str = "SMTP 421: too many connections from this host";

/// Every part, in the order of the catalogue.
pub const PARTS: [Part; 18] = [
    Part {
        template: "mail.send",
        rhythm: Rhythm::People(1.8),
        median: ms(240),
        spread: 0.55,
        faults: &[
            fault(0.002, "SMTP 450: mailbox of the recipient is busy", FaultKind::Passing, 0),
            fault(0.0015, "SMTP 550: no such recipient", FaultKind::Final, 0),
        ],
        memory_mib: 0,
        by: "sql:shop",
    },
    Part {
        template: "webhook.deliver",
        rhythm: Rhythm::People(1.1),
        median: ms(160),
        spread: 0.7,
        faults: &[fault(0.004, "status 503 Service Unavailable: try again in a moment", FaultKind::Passing, 503)],
        memory_mib: 0,
        by: "sql:shop",
    },
    Part {
        template: "rates.refresh",
        rhythm: Rhythm::Every { minutes: 5, phase: 2 },
        median: ms(120),
        spread: 0.5,
        faults: &[fault(0.003, "status 429 Too Many Requests: one call a minute", FaultKind::Passing, 429)],
        memory_mib: 0,
        by: "cli:shop-cron",
    },
    Part {
        template: "shop.health",
        rhythm: Rhythm::Every { minutes: 3, phase: 0 },
        median: ms(35),
        spread: 0.45,
        faults: &[],
        memory_mib: 0,
        by: "cli:shop-cron",
    },
    Part {
        template: "invoice.render",
        rhythm: Rhythm::People(0.4),
        median: ms(780),
        spread: 0.25,
        faults: &[fault(0.002, "exit code 75: gzip: stdout: No space left on device", FaultKind::Passing, 75)],
        memory_mib: 9,
        by: "sql:shop",
    },
    Part {
        template: "image.variants",
        rhythm: Rhythm::People(0.3),
        median: ms(4_200),
        spread: 0.6,
        faults: &[], // pictures that are too large fail by their arguments
        memory_mib: 0,
        by: "token:catalogue",
    },
    Part {
        template: "search.index",
        rhythm: Rhythm::People(0.2),
        median: ms(6_500),
        spread: 0.5,
        faults: &[fault(0.004, "the index answers no more: connection reset by peer", FaultKind::Passing, 0)],
        memory_mib: 0,
        by: "token:catalogue",
    },
    Part {
        template: "orders.import",
        rhythm: Rhythm::Every { minutes: 10, phase: 4 },
        median: ms(85),
        spread: 0.5,
        faults: &[],
        memory_mib: 0,
        by: "cli:shop-cron",
    },
    Part {
        template: "ledger.post",
        rhythm: Rhythm::Every { minutes: 10, phase: 7 },
        median: ms(140),
        spread: 0.6,
        faults: &[fault(0.004, DEADLOCK, FaultKind::Passing, 0)],
        memory_mib: 0,
        by: "cli:shop-cron",
    },
    Part {
        template: "sales.rollup",
        rhythm: Rhythm::Every { minutes: 60, phase: 8 },
        median: ms(420),
        spread: 0.4,
        faults: &[fault(0.003, "canceling statement due to statement timeout", FaultKind::Timeout, 0)],
        memory_mib: 0,
        by: "cli:shop-cron",
    },
    Part {
        template: "stock.recount",
        rhythm: Rhythm::Every { minutes: 30, phase: 11 },
        median: ms(310),
        spread: 0.4,
        faults: &[fault(0.003, DEADLOCK, FaultKind::Passing, 0)],
        memory_mib: 0,
        by: "cli:shop-cron",
    },
    Part {
        template: "carts.purge",
        rhythm: Rhythm::Every { minutes: 30, phase: 20 },
        median: ms(190),
        spread: 0.6,
        faults: &[],
        memory_mib: 0,
        by: "cli:shop-cron",
    },
    Part {
        template: "customer.export",
        rhythm: Rhythm::People(0.02),
        median: ms(8_300),
        spread: 0.15,
        faults: &[fault(0.01, "exit code 2: tar: export: file changed as we read it", FaultKind::Passing, 2)],
        memory_mib: 6,
        by: "token:help desk",
    },
    Part {
        template: "report.sales",
        rhythm: Rhythm::Every { minutes: 240, phase: 15 },
        median: ms(4_300),
        spread: 0.12,
        faults: &[fault(
            0.005,
            "exit code 2: awk: cannot open sales.csv (No such file or directory)",
            FaultKind::Passing,
            2,
        )],
        memory_mib: 5,
        by: "cli:shop-cron",
    },
    Part {
        template: "backup.documents",
        rhythm: Rhythm::Daily(2 * 60 + 15),
        median: ms(190_000),
        spread: 0.2,
        faults: &[fault(
            0.03,
            "exit code 2: tar: /usr/share/base-files: Cannot stat: Input/output error",
            FaultKind::Passing,
            2,
        )],
        memory_mib: 22,
        by: "cli:shop-cron",
    },
    Part {
        template: "logs.pack",
        rhythm: Rhythm::Daily(60 + 30),
        median: ms(74_000),
        spread: 0.2,
        faults: &[],
        memory_mib: 12,
        by: "cli:shop-cron",
    },
    Part {
        template: "disk.check",
        rhythm: Rhythm::Every { minutes: 15, phase: 1 },
        median: ms(14),
        spread: 0.35,
        faults: &[],
        memory_mib: 4,
        by: "cli:shop-cron",
    },
    Part {
        template: "recommendations.train",
        rhythm: Rhythm::Weekly(Weekday::Sun, 3 * 60),
        median: ms(1_450_000),
        spread: 0.15,
        faults: &[],
        memory_mib: 0,
        by: "cli:shop-cron",
    },
];
