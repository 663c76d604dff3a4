//! Checks of a template's command.

use std::collections::BTreeMap;

use super::check::Check;
use super::{CommandWork, ResourceLimits, TIMEOUT_MS_MAX};
use crate::base::pointer::Place;
use crate::queue::render::TEXT_BYTES_MAX;

/// Most arguments of a command.
pub const ARGV_MAX: usize = 1_000;
/// Most environment variables of a command.
pub const ENV_MAX: usize = 200;
/// Longest snooze and shortest one, in milliseconds.
const SNOOZE_MS: std::ops::RangeInclusive<u64> = 1_000..=TIMEOUT_MS_MAX;
/// Longest name of an environment variable, in bytes.
const ENV_NAME_BYTES_MAX: usize = 128;
/// Programs that run a text among their arguments as code, with the letters and words that announce it.
const INTERPRETERS: [(&[&str], &str, &[&str]); 5] = [
    (&["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish"], "c", &["--command"]),
    (&["python", "python2", "python3", "pypy", "pypy3"], "c", &[]),
    (&["perl", "ruby", "lua"], "eE", &[]),
    (&["node", "nodejs", "deno", "bun"], "ep", &["--eval", "--print", "eval"]),
    (&["php"], "rBR", &["--run"]),
];

impl Check<'_> {
    pub(super) fn command(&mut self, work: &CommandWork) {
        let at = Place::ROOT.key("command");
        match (&work.shell, work.argv.as_slice()) {
            (Some(text), []) => self.shell(text, &at.key("shell")),
            (None, [program, rest @ ..]) => self.argv(program, rest, &at.key("argv")),
            (Some(_), [_, ..]) => self.fault(&at.key("shell"), "cannot stand beside argv"),
            (None, []) => self.fault(&at.key("argv"), "is empty: name a program, or give a text for the shell"),
        }
        self.environment(work, &at);
        for (name, text) in [("folder", &work.folder), ("stdin", &work.stdin)] {
            text.iter().for_each(|text| self.text(text, &at.key(name)));
        }
        self.codes(work, &at);
        self.limits(&work.limits, &at.key("limits"));
    }

    fn argv(&mut self, program: &str, rest: &[String], at: &Place<'_>) {
        self.require(rest.len() < ARGV_MAX, at, "has more than 1000 elements");
        let first = at.index(0);
        self.require(!program.is_empty() && !program.contains('\0'), &first, "is no program");
        let fixed = !program.contains("{{") && !program.contains("{%");
        self.require(fixed, &first, "must be fixed: whoever enqueues a job must not choose the program");
        let findable = program.starts_with('/') || !program.contains('/');
        self.require(findable, &first, "must be an absolute path, or a bare name that is looked up in PATH");
        for (index, text) in rest.iter().enumerate() {
            self.text(text, &at.index(index + 1));
        }
        let all: Vec<&str> = std::iter::once(program).chain(rest.iter().map(String::as_str)).collect();
        for index in code_texts(&all).into_iter().filter(|index| all[*index].contains("{{")) {
            self.fault(
                &at.index(index),
                "is run as code, so a parameter in it could run anything: use shell: with $PARAM_…, or pass the parameter \
                 as an argument of its own",
            );
        }
    }

    fn shell(&mut self, text: &str, at: &Place<'_>) {
        self.require(!text.trim().is_empty(), at, "is empty");
        self.require(text.len() <= TEXT_BYTES_MAX, at, "is longer than 64 KiB");
        let rendered = ["{{ params.", "{{params."].iter().any(|start| text.contains(start));
        self.require(!rendered, at, "is never rendered: use \"$PARAM_…\", the parameter's name in capitals");
        let mut seen = BTreeMap::new();
        for name in self.spec.params.names() {
            let variable = param_variable(name);
            if let Some(other) = seen.insert(variable.clone(), name) {
                self.fault(&Place::ROOT.key("params"), format!("{other} and {name} would both be ${variable}"));
            }
        }
    }

    fn environment(&mut self, work: &CommandWork, at: &Place<'_>) {
        let (own, allowed) = (at.key("env"), at.key("env_allow"));
        self.require(work.env.len() <= ENV_MAX, &own, "has more than 200 variables");
        self.require(work.env_allow.len() <= ENV_MAX, &allowed, "has more than 200 names");
        for (name, text) in &work.env {
            self.variable(name, &own.key(name));
            self.text(text, &own.key(name));
        }
        for (index, name) in work.env_allow.iter().enumerate() {
            let at = allowed.index(index);
            self.variable(name, &at);
            let secret = name.starts_with("PG") || name.contains("DATABASE_URL");
            self.require(!secret, &at, "would hand the database to the command");
        }
    }

    fn variable(&mut self, name: &str, at: &Place<'_>) {
        let shaped = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && name.len() <= ENV_NAME_BYTES_MAX;
        self.require(shaped, at, "is no name of a variable: letters, digits and _, not beginning with a digit");
        self.require(!name.starts_with("MILLRACE_"), at, "begins with MILLRACE_, which is ours");
        self.require(!name.starts_with("LD_"), at, "begins with LD_, which changes what code a program loads");
    }

    fn codes(&mut self, work: &CommandWork, at: &Place<'_>) {
        let lists = [
            ("success_codes", &work.success_codes),
            ("retry_codes", &work.retry_codes),
            ("fail_codes", &work.fail_codes),
            ("snooze_codes", &work.snooze_codes),
        ];
        self.require(!work.success_codes.is_empty(), &at.key("success_codes"), "is empty: no exit would mean done");
        let mut seen = BTreeMap::new();
        for (name, codes) in lists {
            self.exit_codes(codes, &at.key(name));
            for (index, code) in codes.iter().enumerate() {
                if let Some(other) = seen.insert(code, name) {
                    self.fault(&at.key(name).index(index), format!("{code} stands in {other} already"));
                }
            }
        }
        self.require(SNOOZE_MS.contains(&work.snooze_ms), &at.key("snooze_ms"), "goes from 1 s to 7 days");
    }

    fn limits(&mut self, limits: &ResourceLimits, at: &Place<'_>) {
        let all = [
            ("memory_mib", limits.memory_mib),
            ("cpu_s", limits.cpu_s),
            ("files", limits.files),
            ("processes", limits.processes),
            ("file_size_mib", limits.file_size_mib),
        ];
        for (name, limit) in all {
            let fits = limit.is_none_or(|limit| (1..=1 << 30).contains(&limit));
            self.require(fits, &at.key(name), "goes from 1 to 1073741824");
        }
    }
}

/// Gives the variable that carries a parameter into a shell text: `PARAM_OUT_DIR` for `out-dir`.
pub fn param_variable(name: &str) -> String {
    format!("PARAM_{}", name.to_uppercase().replace('-', "_"))
}

/// Finds the arguments that an interpreter runs as code, also behind `env`, `timeout`, `xargs` and their like.
fn code_texts(all: &[&str]) -> Vec<usize> {
    let text_of = |(at, word): (usize, &&str)| {
        let name = word.rsplit('/').next().unwrap_or(word);
        let (_, letters, words) = INTERPRETERS.iter().find(|(names, ..)| names.contains(&name))?;
        let announces = |word: &&str| {
            words.contains(word)
                || word.starts_with('-') && !word.starts_with("--") && word.contains(|letter| letters.contains(letter))
        };
        let flag = at + 1 + all[at + 1..].iter().position(announces)?;
        (flag + 1 < all.len()).then_some(flag + 1)
    };
    all.iter().enumerate().filter_map(text_of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::TemplateSpec;
    use serde_json::{Value, json};

    fn faults(command: Value) -> Vec<String> {
        let spec = json!({ "runner": "command", "command": command, "params": { "properties": {
            "out": { "type": "string" }, "a-b": { "type": "string" } } } });
        let spec: TemplateSpec = serde_json::from_value(spec).unwrap();
        spec.check().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_command_has_no_fault() {
        let argv = json!(["/bin/tar", "-czf", "{{ params.out }}"]);
        let whole = json!({ "argv": argv, "env": { "LEVEL": "{{ params.out }}" }, "env_allow": ["TZ"], "folder": "/tmp",
            "stdin": "{{ job.id }}", "retry_codes": [75], "limits": { "memory_mib": 64 } });

        assert_eq!(faults(whole), [""; 0]);
        assert_eq!(faults(json!({ "shell": "echo \"$PARAM_OUT\" | docker ps --format '{{.ID}}'" })), [""; 0]);
    }

    #[test]
    fn the_program_is_fixed_and_findable() {
        let first = |program: &str| faults(json!({ "argv": [program] }));

        assert_eq!(first("tar"), [""; 0]);
        assert_eq!(
            first("./run"),
            ["/command/argv/0: must be an absolute path, or a bare name that is looked up in PATH"]
        );
        assert_eq!(
            first("/bin/{{ params.out }}"),
            ["/command/argv/0: must be fixed: whoever enqueues a job must not choose the program"]
        );
        assert_eq!(faults(json!({})), ["/command/argv: is empty: name a program, or give a text for the shell"]);
        assert_eq!(faults(json!({ "argv": ["a"], "shell": "b" })), ["/command/shell: cannot stand beside argv"]);
    }

    #[test]
    fn no_parameter_becomes_code() {
        let refused =
            |argv: Value| faults(json!({ "argv": argv })).first().is_some_and(|fault| fault.contains("as code"));

        assert!(refused(json!(["/bin/sh", "-c", "echo {{ params.out }}"])));
        assert!(refused(json!(["bash", "-euc", "echo {{ params.out }}"])));
        for hidden in [
            json!(["/usr/bin/env", "bash", "-c", "{{ params.out }}"]),
            json!(["timeout", "5", "bash", "-c", "{{ params.out }}"]),
            json!(["busybox", "sh", "-c", "{{ params.out }}"]),
            json!(["xargs", "sh", "-c", "{{ params.out }}"]),
            json!(["python3", "-c", "print('{{ params.out }}')"]),
            json!(["perl", "-ne", "{{ params.out }}"]),
            json!(["node", "--eval", "{{ params.out }}"]),
        ] {
            assert!(refused(hidden.clone()), "{hidden}");
        }
        assert!(!refused(json!(["python3", "tool.py", "-v", "{{ params.out }}"])));
        assert!(!refused(json!(["/bin/sh", "-c", "echo \"$1\"", "sh", "{{ params.out }}"])));
        assert!(!refused(json!(["tar", "-c", "{{ params.out }}"])));
        assert!(faults(json!({ "shell": "echo {{ params.out }}" }))[0].contains("is never rendered"));
    }

    #[test]
    fn variables_codes_and_limits_are_checked() {
        let work = json!({ "argv": ["a", "{{ params.ot }}"], "env": { "MILLRACE_X": "", "LD_PRELOAD": "", "1A": "{{" },
            "env_allow": ["PGPASSWORD"], "success_codes": [0, 1], "retry_codes": [1, 256], "snooze_ms": 1,
            "limits": { "cpu_s": 0 } });

        assert_eq!(
            faults(work),
            [
                "/command/argv/1: params.ot is none of the parameters",
                "/command/env/1A: is no name of a variable: letters, digits and _, not beginning with a digit",
                "/command/env/1A: line 1: unexpected end of input, expected expression",
                "/command/env/LD_PRELOAD: begins with LD_, which changes what code a program loads",
                "/command/env/MILLRACE_X: begins with MILLRACE_, which is ours",
                "/command/env_allow/0: would hand the database to the command",
                "/command/retry_codes/1: is no exit code: they go from 0 to 255",
                "/command/retry_codes/0: 1 stands in success_codes already",
                "/command/snooze_ms: goes from 1 s to 7 days",
                "/command/limits/cpu_s: goes from 1 to 1073741824",
            ]
        );
    }
}
