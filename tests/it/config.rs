//! The promises of settings: order of sources, precise refusals, masked secrets.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use millrace::config::{Config, ConfigError, Inputs, Setting, setting};
use tempfile::TempDir;

/// A folder with a settings file, and an environment of its own.
struct Stage {
    folder: TempDir,
    inputs: Inputs,
}

impl Stage {
    fn new() -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let defaults = vec![
            (&setting::DATA_DIR, "/nowhere/data".to_owned()),
            (&setting::NODE, "here".to_owned()),
            (&setting::SLOTS, "2..32".to_owned()),
        ];
        let inputs = Inputs {
            folder: folder.path().to_owned(),
            file: None,
            environment: BTreeMap::new(),
            flags: Vec::new(),
            defaults,
        };
        Stage { folder, inputs }
    }

    fn file(self, text: &str) -> Stage {
        fs::write(self.folder.path().join("millrace.toml"), text).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Stage {
        self.inputs.environment.insert(name.into(), value.into());
        self
    }

    fn flag(mut self, setting: &'static Setting, value: &str) -> Stage {
        self.inputs.flags.push((setting, value.into()));
        self
    }

    fn read(&self) -> Result<Config, ConfigError> {
        Config::read(&self.inputs)
    }

    fn problem(&self) -> String {
        self.read().err().expect("refused").to_string()
    }
}

#[test]
fn defaults_need_nothing() {
    let config = Stage::new().read().unwrap();

    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.timing.lease.as_secs(), 10);
    assert_eq!((config.slots.min, config.slots.max), (2, 32));
    assert_eq!(config.queues, None);
    assert!(config.roles.web && config.roles.engine && !config.allow_diagnostics);
    assert_eq!(config.listen_problem(), None);
    assert_eq!(config.origin(8080), "http://127.0.0.1:8080");
    assert!(config.hosts(8080).contains(&"localhost:8080".to_owned()));
}

#[test]
fn a_later_source_replaces_an_earlier_one_and_is_named() {
    let stage = Stage::new().file("# ours\nlisten = \"127.0.0.1:1\"\nnode = \"file\"\nenvironment = \"file\"\n");
    let stage = stage.variable("MILLRACE_NODE", "variable").variable("MILLRACE_ENVIRONMENT", "variable");
    let stage = stage.flag(&setting::ENVIRONMENT, "flag");

    let config = stage.read().unwrap();
    let source = |key: &str| config.shown().into_iter().find(|shown| shown.key == key).unwrap().source;

    assert_eq!((config.listen.port(), config.node.as_str(), config.environment.as_str()), (1, "variable", "flag"));
    assert!(source("listen").ends_with("millrace.toml line 2"));
    assert_eq!([source("node"), source("environment"), source("slots")], ["environment", "flag", "default"]);
}

#[test]
fn a_named_file_must_be_there() {
    let mut stage = Stage::new();
    stage.inputs.file = Some(PathBuf::from("other.toml"));
    assert!(stage.problem().contains("other.toml"));

    let stage = Stage::new().variable("MILLRACE_CONFIG", "/no/such.toml");
    assert!(stage.problem().starts_with("cannot read /no/such.toml"));
}

#[test]
fn unknown_keys_are_refused_with_their_line() {
    let problem = Stage::new().file("listen = \"127.0.0.1:1\"\n\nqueus = \"mail\"\n").problem();

    assert!(problem.ends_with("millrace.toml line 3: \"queus\" is no setting, did you mean \"queues\"?"), "{problem}");
}

#[test]
fn refusals_name_the_place_the_text_and_what_is_allowed() {
    let variable = Stage::new().variable("MILLRACE_SLOTS", "9..3").problem();
    let file = Stage::new().file("slots = \"many\"").problem();
    let flag = Stage::new().flag(&setting::LEASE_SECONDS, "0").problem();

    assert_eq!(variable, "MILLRACE_SLOTS (environment) is \"9..3\": 9 is more than 3: allowed is min..max");
    assert!(
        file.starts_with("slots (") && file.contains("millrace.toml line 1) is \"many\": allowed is a number"),
        "{file}"
    );
    assert_eq!(flag, "--lease-seconds (flag) is \"0\": allowed are whole seconds from 2 to 3600");
}

#[test]
fn contradictions_are_refused() {
    assert!(Stage::new().variable("MILLRACE_LEASE_SECONDS", "5").problem().contains("at least two heartbeats"));
    assert!(Stage::new().variable("MILLRACE_ADMIN_EMAIL", "a@b.c").problem().contains("set together"));
}

#[test]
fn an_empty_variable_is_unset() {
    let config = Stage::new().variable("DATABASE_URL", "").variable("MILLRACE_LISTEN", "").read().unwrap();

    assert_eq!(config.database_url, None);
    assert_eq!(config.listen.port(), 8080);
}

#[test]
fn secrets_are_shown_masked_and_handed_on_whole() {
    let stage = Stage::new()
        .variable("DATABASE_URL", "postgres://app:s3cret@db/x")
        .variable("MILLRACE_ADMIN_EMAIL", "a@example.org")
        .variable("MILLRACE_ADMIN_PASSWORD", "s3cret five wet otters");

    let config = stage.read().unwrap();
    let shown = serde_json::to_string(&config.shown()).unwrap();
    let variables = config.variables();

    assert!(!shown.contains("s3cret") && !shown.contains("otters"), "{shown}");
    assert!(variables.contains(&("DATABASE_URL", "postgres://app:s3cret@db/x".into())));
    assert!(!format!("{:?}", config.first_admin).contains("otters"));
    let refused = Stage::new().variable("DATABASE_URL", "mysql://app:s3cret@db/x").problem();
    assert!(!refused.contains("s3cret") && refused.contains("DATABASE_URL"), "{refused}");
}

#[test]
fn a_misspelt_variable_is_told() {
    let config = Stage::new().variable("MILLRACE_LISTN", "x").variable("MILLRACE_JOB_ID", "1").read().unwrap();

    assert_eq!(config.slips, ["the variable MILLRACE_LISTN is no setting, did you mean MILLRACE_LISTEN?"]);
}

#[test]
fn listening_beyond_loopback_needs_tls_to_be_stated() {
    let open = Stage::new().variable("MILLRACE_LISTEN", "0.0.0.0:80");
    assert!(open.read().unwrap().listen_problem().unwrap().contains("MILLRACE_TLS_TERMINATED"));

    let stated =
        open.variable("MILLRACE_TLS_TERMINATED", "on").variable("MILLRACE_PUBLIC_URL", "https://jobs.example.org");
    let config = stated.read().unwrap();
    assert_eq!(config.listen_problem(), None);
    assert_eq!(config.hosts(80), ["jobs.example.org"]);
}

#[test]
fn a_child_with_the_handed_variables_has_the_same_settings() {
    let stage = Stage::new().file("slots = 7\n[queues]\nmail = 3\n").flag(&setting::NODE, "n1");
    let parent = stage.read().unwrap();

    let mut child = Stage::new();
    for (name, value) in parent.variables() {
        child.inputs.environment.insert(name.into(), value.into());
    }
    let child = child.read().unwrap();

    assert_eq!((child.slots, &child.queues, &child.node), (parent.slots, &parent.queues, &parent.node));
}
