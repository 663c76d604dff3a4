//! What is known of an attempt, label by label: one line of words in lists, a line each where two attempts stand side by side.

use crate::admin::jobs::{Attempt, Detail};
use crate::web::format::{bytes, duration_ms};

/// The figures of one attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Where it ran.
    pub node: Option<String>,
    http_status: Option<i16>,
    exit_code: Option<i32>,
    cpu_ms: Option<i32>,
    peak_memory_bytes: Option<i64>,
    disks: (Option<i64>, Option<i64>),
    ran_as: Option<String>,
    log_bytes: Option<i32>,
    is_uncounted: bool,
}

impl Figures {
    /// Takes those of an attempt that did not succeed.
    pub fn of(attempt: &Attempt) -> Self {
        Self {
            node: attempt.node.clone(),
            http_status: attempt.http_status,
            exit_code: attempt.exit_code,
            cpu_ms: attempt.cpu_ms,
            peak_memory_bytes: attempt.peak_memory_bytes,
            disks: (attempt.read_bytes, attempt.written_bytes),
            ran_as: attempt.ran_as.clone(),
            log_bytes: attempt.log_bytes,
            is_uncounted: !attempt.counted,
        }
    }

    /// Takes those of a job's last attempt, which stand in its own row.
    pub fn of_last(job: &Detail) -> Self {
        Self {
            node: job.node.clone(),
            http_status: job.http_status,
            exit_code: job.exit_code,
            cpu_ms: job.cpu_ms,
            peak_memory_bytes: job.peak_memory_bytes,
            disks: (job.read_bytes, job.written_bytes),
            ran_as: job.ran_as.clone(),
            log_bytes: job.finished_at.map(|_| job.log_bytes), // while it runs, nobody has counted them
            is_uncounted: false,
        }
    }

    /// Says them on one line, without the log.
    pub fn line(&self) -> String {
        let parts = [
            self.node.clone(),
            self.http_status.map(|status| format!("HTTP {status}")),
            self.exit_code.map(|code| format!("exit code {code}")),
            self.cpu_ms.map(|ms| format!("CPU {}", duration_ms(ms.into()))),
            self.peak_memory_bytes.map(bytes),
            disk_words(self.disks),
            self.ran_as.as_ref().map(|user| format!("as {user}")),
            self.is_uncounted.then(|| "not counted".into()),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    /// Lists them for a table; what is not known of it is empty. The labels are the same for every attempt.
    pub fn rows(&self) -> [(&'static str, String); 9] {
        let number = |number: Option<i32>| number.map(|number| number.to_string()).unwrap_or_default();
        [
            ("Node", self.node.clone().unwrap_or_default()),
            ("HTTP status", number(self.http_status.map(i32::from))),
            ("Exit code", number(self.exit_code)),
            ("CPU time", self.cpu_ms.map(|ms| duration_ms(ms.into())).unwrap_or_default()),
            ("Peak memory", self.peak_memory_bytes.map(bytes).unwrap_or_default()),
            ("Disks", disk_words(self.disks).unwrap_or_default()),
            ("Ran as", self.ran_as.clone().unwrap_or_default()),
            ("Log kept", self.log_bytes.map(|size| bytes(size.into())).unwrap_or_default()),
            ("Counted", if self.is_uncounted { "no".into() } else { String::new() }),
        ]
    }
}

/// What went to and from disks; nothing when nothing did.
pub fn disk_words((read, written): (Option<i64>, Option<i64>)) -> Option<String> {
    let some = |size: Option<i64>| size.filter(|size| *size > 0);
    match (some(read), some(written)) {
        (None, None) => None,
        (Some(read), None) => Some(format!("{} read", bytes(read))),
        (None, Some(written)) => Some(format!("{} written", bytes(written))),
        (Some(read), Some(written)) => Some(format!("{} read, {} written", bytes(read), bytes(written))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::sample::at;
    use super::*;
    use crate::admin::jobs::sample::attempt;

    #[test]
    fn what_went_to_disks_is_told_when_something_did() {
        assert_eq!(disk_words((Some(0), None)), None);
        assert_eq!(disk_words((Some(4_096), Some(0))).as_deref(), Some("4.0 kB read"));
        assert_eq!(disk_words((Some(4_096), Some(512))).as_deref(), Some("4.0 kB read, 512 B written"));
    }

    #[test]
    fn what_is_known_stands_on_one_line_and_in_rows() {
        let figures = Figures::of(&Attempt { counted: false, ..attempt(1, at(0), at(9), "handed back") });

        assert_eq!(figures.line(), "fra-03 · HTTP 503 · CPU 120 ms · not counted");
        let told: Vec<_> = figures.rows().into_iter().filter(|(_, words)| !words.is_empty()).collect();
        let expected = [
            ("Node", "fra-03"),
            ("HTTP status", "503"),
            ("CPU time", "120 ms"),
            ("Log kept", "800 B"),
            ("Counted", "no"),
        ];
        assert_eq!(told, expected.map(|(label, words)| (label, words.to_owned())));
    }
}
