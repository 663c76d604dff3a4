//! Commands that behave and commands that do not, run for real.

mod stopping;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::queue::work::{JobFacts, Occurrence, Taken};
use crate::runners::testing::{facts, job, lines, template};

fn runner() -> CommandRunner {
    CommandRunner::new(CommandSettings { stop_grace: Duration::from_millis(300), ..CommandSettings::default() })
        .unwrap()
}

fn is_root() -> bool {
    super::user::are_root()
}

fn command(work: Value) -> TemplateSpec {
    let params = json!({ "type": "object", "additionalProperties": true });
    template(json!({ "runner": "command", "command": work, "params": params }))
}

fn shell(script: &str) -> TemplateSpec {
    command(json!({ "shell": script }))
}

/// Runs a shell text to its end.
fn ran(script: &str) -> (Report, Taken) {
    let job = job(json!({}));
    let report = runner().run(&job, &shell(script));
    (report, job.take_said())
}

/// Runs a shell text that prints one word, and gives that.
fn printed(script: &str) -> String {
    let (report, said) = ran(script);
    assert_eq!(report.ended, Ok(Outcome::Done), "{:?}", lines(&said));
    said.lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
}

fn failure(report: &Report) -> &Failure {
    match &report.ended {
        Err(failure) | Ok(Outcome::GiveUp(failure) | Outcome::RetryAfter(failure, _)) => failure,
        ended => panic!("it did not fail: {ended:?}"),
    }
}

/// Tells whether a process whose command line holds `word` lives.
fn lives(word: &str) -> bool {
    let holds = |path: &Path| {
        let line = std::fs::read(path.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(word)
    };
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| holds(&entry.path()))
}

#[test]
fn output_is_logged_and_what_was_used_is_measured() {
    let (report, said) = ran("echo one; echo two >&2; sleep 0.1; printf three");

    assert_eq!(report.ended, Ok(Outcome::Done));
    let mut said = lines(&said);
    said.sort();
    assert_eq!(said, ["I [stderr] two", "I one", "I three"]);
    assert_eq!(report.resources.exit_code, Some(0));
    assert!(report.resources.cpu_ms.is_some_and(|ms| ms < 1_000));
    let peak = report.resources.peak_memory_bytes.unwrap();
    assert!((200_000..50_000_000).contains(&peak), "a shell needs a few MB, not ours: {peak}");
}

#[test]
fn what_is_written_to_disks_and_the_user_are_told() {
    let (report, _) = ran("dd if=/dev/zero of=file bs=64k count=32 conv=fsync 2>/dev/null");

    assert_eq!(report.ended, Ok(Outcome::Done));
    let used = report.resources;
    let expected = if user::are_root() { "nobody".to_owned() } else { user::own_name() };
    assert_eq!(used.ran_as, Some(expected.as_str()));
    // where temporary files stay in memory there is nothing to count
    assert!(used.written_bytes.is_some_and(|bytes| bytes == 0 || bytes >= 2 << 20), "{used:?}");
    assert!(used.read_bytes.is_some());
}

#[test]
fn each_argument_stays_one_argument() {
    let work = json!({ "argv": ["/bin/echo", "-n", "{{ params.a }}", "[{{ params.b }}]", "$HOME"] });
    let job = job(json!({ "a": "x'; rm -rf / #  \"y\"", "b": "two\nlines" }));

    let report = runner().run(&job, &command(work));

    assert_eq!(report.ended, Ok(Outcome::Done));
    assert_eq!(lines(&job.take_said()), ["I x'; rm -rf / #  \"y\" [two", "I lines] $HOME"]);
}

#[test]
fn a_text_that_cannot_be_rendered_is_not_tried_again() {
    let report = runner().run(&job(json!({})), &command(json!({ "argv": ["/bin/echo", "{{ params.missing }}"] })));

    let Ok(Outcome::GiveUp(failure)) = report.ended else { panic!("{report:?}") };
    assert_eq!(failure.message, "argument 1 cannot be rendered: line 1: params.missing has no value");
}

#[test]
fn the_environment_is_clean_and_names_the_attempt() {
    // SAFETY: other tests read variables at the same time, but never these.
    unsafe {
        std::env::set_var("DATABASE_URL", "postgresql:///secret");
        std::env::set_var("PGPASSWORD", "secret");
        std::env::set_var("MILLRACE_TEST_ALLOWED", "yes");
    }
    let work = json!({ "argv": ["/usr/bin/env"], "env": { "LEVEL": "{{ params.level }}" }, "env_allow": ["TEST_ALLOWED", "TZ"] });
    let nightly = Occurrence { schedule: "nightly".into(), at: "2026-11-24T06:30:00Z".parse().unwrap() };
    let job = JobContext::new(
        JobFacts { checkpoint: Some(json!({ "page": 2 })), occurrence: Some(nightly), ..facts(json!({ "level": 9 })) },
        Some(Duration::from_secs(30)),
        std::sync::Arc::new(crate::base::clock::SystemClock),
    );

    let report = runner().run(&job, &command(work));

    assert_eq!(report.ended, Ok(Outcome::Done));
    let said = job.take_said();
    let mut names: Vec<_> =
        said.lines.iter().filter_map(|line| line.text.split_once('=')).map(|(name, _)| name).collect();
    names.retain(|name| *name != "TZ");
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "HOME",
            "LANG",
            "LEVEL",
            "MILLRACE_ARGS",
            "MILLRACE_ATTEMPT",
            "MILLRACE_CHECKPOINT",
            "MILLRACE_DEADLINE",
            "MILLRACE_ENGINE",
            "MILLRACE_FENCE",
            "MILLRACE_JOB_ID",
            "MILLRACE_OCCURRENCE",
            "MILLRACE_SCHEDULE",
            "PATH",
            "TMPDIR",
        ]
    );
    let text = lines(&said).join("\n");
    let id = format!("MILLRACE_JOB_ID={}", job.job());
    for line in [
        id.as_str(),
        "MILLRACE_ATTEMPT=1",
        "MILLRACE_FENCE=77",
        "MILLRACE_ARGS={\"level\":9}",
        "MILLRACE_CHECKPOINT={\"page\":2}",
        "MILLRACE_SCHEDULE=nightly",
        "MILLRACE_OCCURRENCE=2026-11-24T06:30:00Z",
        "LEVEL=9",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_shell_gets_parameters_as_variables_only() {
    let job = job(json!({ "out-dir": "$(id) `id` \"", "n": 3 }));

    runner().run(&job, &shell("echo \"$PARAM_OUT_DIR\" $PARAM_N \"{{ nothing }}\""));

    assert_eq!(lines(&job.take_said()), ["I $(id) `id` \" 3 {{ nothing }}"]);
}

#[test]
fn arguments_that_are_too_long_for_a_variable_come_in_a_file() {
    let job = job(json!({ "text": "x".repeat(200_000) }));

    let report = runner().run(
        &job,
        &shell("test -z \"$MILLRACE_ARGS\" && wc -c < \"$MILLRACE_ARGS_FILE\" && wc -c < \"$PARAM_TEXT_FILE\""),
    );

    assert_eq!(lines(&job.take_said()), ["I 200011", "I 200000"], "{report:?}");
}

#[test]
fn a_line_in_two_parts_is_one_and_progress_without_an_end_is_shown_before_it() {
    let job = job(json!({}));

    runner().run(&job, &shell("printf 'copying '; sleep 0.3; echo done; printf 'half '; sleep 1.5; echo all"));

    assert_eq!(lines(&job.take_said()), ["I copying done", "I half ", "I all"]);
}

#[test]
fn standard_input_is_given() {
    let job = job(json!({ "text": "a\nb" }));

    runner().run(&job, &command(json!({ "argv": ["cat"], "stdin": "{{ params.text }}\n" })));
    assert_eq!(lines(&job.take_said()), ["I a", "I b"]);

    assert_eq!(printed("cat; echo end"), "end");
}

#[test]
fn an_attempt_has_a_folder_of_its_own_that_goes_away() {
    let place = printed(
        "umask 000; echo x > file; mkdir -p a/b; stat -c '%a %n' \"$PWD\"; test \"$PWD\" = \"$TMPDIR\" -a \"$PWD\" = \"$HOME\"",
    );

    let (mode, path) = place.split_once(' ').unwrap();
    assert_eq!(mode, "700");
    assert!(!Path::new(path).exists());
}

#[test]
fn root_is_given_up() {
    if !is_root() {
        return;
    }
    let said = printed(
        "id -u; id -G; grep -c '^NoNewPrivs:.1' /proc/self/status; cat /proc/$PPID/environ 2>/dev/null || echo closed",
    );

    let nobody = printed("id -u nobody; id -g nobody");
    assert_eq!(said, format!("{nobody}\n1\nclosed"));
}

#[test]
fn when_memory_is_short_commands_end_before_us() {
    // it is told right after its start
    let score = printed(
        "for i in 1 2 3 4 5 6 7 8 9; do read score < /proc/self/oom_score_adj; [ $score = 500 ] && break; sleep 0.1; done; echo $score",
    );

    assert_eq!(score, "500");
}

#[test]
fn no_descriptor_of_ours_is_inherited() {
    // SAFETY: dup makes a descriptor without O_CLOEXEC, as a careless library would.
    let leaked = unsafe { libc::dup(0) };
    assert!(leaked > 2);

    let open = printed("ls /proc/self/fd | sort -n | tr '\\n' ' '");

    // SAFETY: the descriptor is ours.
    unsafe { libc::close(leaked) };
    assert_eq!(open.trim(), "0 1 2 3", "3 is the folder that ls reads");
}

#[test]
fn exit_codes_are_told_with_the_likely_reason() {
    let (report, _) = ran("echo working; echo 'disk full' >&2; echo; exit 3");

    assert_eq!(report.ended, Err(Failure::new("exit code 3: disk full")));
    assert_eq!(report.resources.exit_code, Some(3));

    let (report, _) = ran("kill -9 $$");
    assert_eq!(failure(&report).message, "ended by signal 9 (SIGKILL: somebody or the kernel killed it)");
    assert_eq!(report.resources.exit_code, Some(137));
}

#[test]
fn a_program_that_is_missing_is_a_failure() {
    let missing = runner().run(&job(json!({})), &command(json!({ "argv": ["/no/such/program"] })));
    assert_eq!(failure(&missing).message, "/no/such/program cannot be started: No such file or directory (os error 2)");

    let folder = command(json!({ "argv": ["/bin/true"], "folder": "/no/such/folder" }));
    assert!(failure(&runner().run(&job(json!({})), &folder)).message.starts_with("/bin/true cannot be started"));

    let relative = command(json!({ "argv": ["/bin/true"], "folder": "{{ params.folder }}" }));
    let report = runner().run(&job(json!({ "folder": "x" })), &relative);
    assert_eq!(failure(&report).message, "the folder \"x\" is no absolute path");
}

#[test]
fn limits_hold() {
    let limited = |script: &str, limits: Value| {
        let job = job(json!({}));
        let report = runner().run(&job, &command(json!({ "shell": script, "limits": limits })));
        (report, lines(&job.take_said()))
    };

    let (_, said) = limited("ulimit -c; ulimit -n; ulimit -v", json!({ "files": 100, "memory_mib": 64 }));
    assert_eq!(said, ["I 0", "I 100", "I 65536"]);

    let (report, _) = limited("while :; do :; done", json!({ "cpu_s": 1 }));
    assert_eq!(failure(&report).message, "ended by signal 24 (SIGXCPU: it used its CPU time)");
    assert!(report.resources.cpu_ms.is_some_and(|ms| (250..5_000).contains(&ms)), "{report:?}"); // the kernel counts by ticks

    let (report, _) = limited("head -c 3000000 /dev/zero > big", json!({ "file_size_mib": 1 }));
    assert!(failure(&report).message.contains("exit code 153"), "{report:?}");

    let (report, _) = limited("x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo ${#x}", json!({ "memory_mib": 50 }));
    assert!(report.ended.is_err(), "{report:?}");
}

#[test]
fn a_flood_of_lines_is_drained_and_cut() {
    let (report, said) = ran("yes 'a line of a flood that nobody reads' | head -c 60000000; echo ::output 1");

    assert_eq!(report.ended, Ok(Outcome::Done));
    let kept: usize = said.lines.iter().map(|line| line.text.len() + 1).sum();
    assert!(kept <= crate::queue::work::LOG_BYTES_MAX);
    assert!(kept + said.dropped_bytes >= 60_000_000);
}

#[test]
fn one_endless_line_costs_bounded_memory() {
    let (report, said) = ran("head -c 60000000 /dev/zero | tr '\\0' x");

    assert_eq!(report.ended, Ok(Outcome::Done));
    assert!(said.lines.iter().all(|line| line.text.len() <= 16 * 1024));
    assert!(said.dropped_bytes > 50_000_000);
}

#[test]
fn bytes_that_are_no_text_are_shown_as_such() {
    assert_eq!(printed("printf 'a\\377\\000b\\n'; printf '\\303\\274\\n'"), "a\u{fffd}\u{2400}b\nü");
}

#[test]
fn a_command_that_may_not_read_something_says_as_whom_it_ran() {
    let locked = tempfile::tempdir().unwrap();
    fs::set_permissions(locked.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let job = job(json!({}));

    let report = runner().run(&job, &shell(&format!("ls {}", locked.path().display())));

    let told = lines(&job.take_said()).iter().any(|line| line.contains("MILLRACE_COMMAND_USER"));
    assert_eq!(told, user::are_root(), "only root becomes somebody else");
    assert_eq!(report.ended.is_err(), user::are_root());
}

#[test]
fn what_a_command_says_to_us_arrives() {
    let job = job(json!({}));

    let report = runner().run(&job, &shell("echo '::progress 3/10 copying'; echo '::checkpoint {\"page\":3}'; echo '::output {\"rows\":7}'; echo '::warn low'; echo '::output {' >&2"));

    let said = job.take_said();
    assert_eq!(report.ended, Ok(Outcome::Done));
    assert_eq!(said.progress.as_ref().map(|progress| (progress.done, progress.total)), Some((3, 10)));
    assert_eq!(said.checkpoint, Some(json!({ "page": 3 })));
    assert_eq!(job.take_output(), Some(json!({ "rows": 7 })));
    assert!(lines(&said).contains(&"W low".to_owned()));
    assert!(lines(&said).contains(&"I [stderr] ::output {".to_owned()));
}
