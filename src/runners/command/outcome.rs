//! What an exit means for the job.

use std::time::Duration;

use super::process::{Exit, Usage};
use crate::queue::template::CommandWork;
use crate::queue::work::{Ended, Failure, Outcome, Stop};

/// Decides by the template's exit codes. A signal that ended the command counts as 128 + its number; unless the template
/// lists that, it may be tried again, because the machine and not the command decided.
pub(super) fn ended(work: &CommandWork, usage: &Usage, stop: Option<Stop>, last_line: &str) -> Ended {
    if let Some(stop) = stop {
        return Err(Failure::from(stop));
    }
    let code = usage.exit.code();
    if work.success_codes.contains(&code) {
        return Ok(Outcome::Done);
    }
    if work.snooze_codes.contains(&code) {
        return Ok(Outcome::Snooze(Duration::from_millis(work.snooze_ms)));
    }
    let failure = Failure::new(sentence(usage.exit, last_line));
    let listed = work.retry_codes.contains(&code);
    let by_signal = matches!(usage.exit, Exit::Signal(_));
    let retried = listed || work.retry_codes.is_empty() || by_signal;
    if work.fail_codes.contains(&code) || !retried { Ok(Outcome::GiveUp(failure)) } else { Err(failure) }
}

fn sentence(exit: Exit, last_line: &str) -> String {
    let how = match exit {
        Exit::Code(code) => format!("exit code {code}"),
        Exit::Signal(signal) => format!("ended by signal {signal}{}", name(signal)),
    };
    if last_line.is_empty() { how } else { format!("{how}: {last_line}") }
}

fn name(signal: i32) -> &'static str {
    match signal {
        libc::SIGABRT => " (SIGABRT)",
        libc::SIGSEGV => " (SIGSEGV: it used memory that is not its own)",
        libc::SIGKILL => " (SIGKILL: somebody or the kernel killed it)",
        libc::SIGTERM => " (SIGTERM)",
        libc::SIGINT => " (SIGINT)",
        libc::SIGXCPU => " (SIGXCPU: it used its CPU time)",
        libc::SIGXFSZ => " (SIGXFSZ: it wrote too large a file)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn decided(codes: serde_json::Value, exit: Exit) -> String {
        let work: CommandWork = serde_json::from_value(codes).unwrap();
        let usage = Usage { exit, cpu: Duration::ZERO, peak_memory_bytes: 0, read_bytes: 0, written_bytes: 0 };
        match ended(&work, &usage, None, "why") {
            Ok(Outcome::Done) => "done".into(),
            Ok(Outcome::Snooze(length)) => format!("snooze {}", length.as_millis()),
            Ok(Outcome::GiveUp(failure)) => format!("fail {}", failure.message),
            Ok(Outcome::RetryAfter(..)) => "retry after".into(),
            Err(failure) => format!("retry {}", failure.message),
        }
    }

    #[test]
    fn exit_codes_decide() {
        let all = json!({ "success_codes": [0, 3], "retry_codes": [75], "fail_codes": [1], "snooze_codes": [9], "snooze_ms": 5000 });
        let cases = [
            (json!({}), Exit::Code(0), "done"),
            (json!({}), Exit::Code(2), "retry exit code 2: why"),
            (all.clone(), Exit::Code(3), "done"),
            (all.clone(), Exit::Code(75), "retry exit code 75: why"),
            (all.clone(), Exit::Code(1), "fail exit code 1: why"),
            (all.clone(), Exit::Code(2), "fail exit code 2: why"),
            (all.clone(), Exit::Code(9), "snooze 5000"),
            (
                all,
                Exit::Signal(libc::SIGKILL),
                "retry ended by signal 9 (SIGKILL: somebody or the kernel killed it): why",
            ),
            (
                json!({ "fail_codes": [137] }),
                Exit::Signal(libc::SIGKILL),
                "fail ended by signal 9 (SIGKILL: somebody or the kernel killed it): why",
            ),
        ];

        for (codes, exit, expected) in cases {
            assert_eq!(decided(codes, exit), expected);
        }
    }

    #[test]
    fn a_command_that_was_stopped_is_stopped_whatever_it_answers() {
        let usage =
            Usage { exit: Exit::Code(0), cpu: Duration::ZERO, peak_memory_bytes: 0, read_bytes: 0, written_bytes: 0 };

        let ended = ended(&CommandWork::default(), &usage, Some(Stop::TimedOut), "");

        assert_eq!(ended, Err(Failure::from(Stop::TimedOut)));
    }
}
