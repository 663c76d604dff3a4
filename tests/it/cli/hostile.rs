//! Commands that want everything for themselves, beside the console and neighbours that do not notice.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::millrace;
use super::served::Served;
use crate::support::ThrowAway;

/// Each of them would take a machine down that sets no limit; the neighbour says one word.
const TEMPLATES: &str = r#"
kind: Template
name: bad.memory
description: Keeps 600 MB in memory
runner: command
command: { shell: "head -c 600M /dev/zero | tail", limits: { memory_mib: 256 } }
defaults: { max_attempts: 1, timeout_ms: 60000 }
---
kind: Template
name: bad.spin
description: Never rests
runner: command
command: { shell: "while :; do :; done", limits: { cpu_s: 1 } }
defaults: { max_attempts: 1, timeout_ms: 60000 }
---
kind: Template
name: bad.fork
description: Starts ever more of itself
runner: command
command: { shell: "bomb() { bomb | bomb & }; bomb 2> said; sleep 2; grep -q fork said && exit 3; exit 0", limits: { processes: 60 } }
defaults: { max_attempts: 1, timeout_ms: 10000 }
---
kind: Template
name: bad.flood
description: Never stops talking
runner: command
command: { shell: "exec yes all work and no play" }
defaults: { max_attempts: 1, timeout_ms: 3000 }
---
kind: Template
name: bad.disk
description: Fills the disk
runner: command
command: { shell: "exec head -c 2000M /dev/zero > big", limits: { file_size_mib: 8 } }
defaults: { max_attempts: 1, timeout_ms: 60000 }
---
kind: Template
name: good.neighbour
description: Says a word
runner: command
command: { argv: [/bin/echo, well] }
defaults: { max_attempts: 1, timeout_ms: 20000 }
"#;

/// Longest that the console and the neighbour may take beside all of them, on a machine that tests share.
const PATIENCE: Duration = Duration::from_secs(20);

fn alive(origin: &str) -> bool {
    let address = origin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.starts_with("HTTP/1.1 200")
}

#[test]
fn commands_that_want_everything_harm_neither_the_console_nor_their_neighbours() {
    let folder = ThrowAway::new();
    let data = folder.path().to_str().unwrap();
    let run = |args: &[&str]| millrace(folder.path(), &[("MILLRACE_DATA_DIR", data)], args, "");
    let mut served = Served::start_with(folder.path(), &[("MILLRACE_SLOTS", "8")]);
    let origin = served.origin();
    let file = folder.path().join("hostile.yaml");
    std::fs::write(&file, TEMPLATES).unwrap();
    let applied = run(&["template", "apply", file.to_str().unwrap()]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    let enqueue = |template: &str| run(&["job", "enqueue", template, "--json"]).json()["id"].to_string();
    let show = |id: &str| -> Value { run(&["job", "show", id, "--json"]).json() };
    let ended = |id: &str, patience: Duration| -> Value {
        let begun = Instant::now();
        loop {
            let job = show(id);
            if ["succeeded", "failed"].contains(&job["state"].as_str().unwrap()) {
                return job;
            }
            assert!(begun.elapsed() < patience, "{job}");
            std::thread::sleep(Duration::from_millis(100));
        }
    };

    let bad = ["bad.memory", "bad.spin", "bad.fork", "bad.flood", "bad.disk"].map(enqueue);
    for _ in 0..3 {
        let neighbour = ended(&enqueue("good.neighbour"), PATIENCE);
        assert_eq!(neighbour["state"], "succeeded", "{neighbour}");
        assert!(alive(&origin));
    }

    for id in &bad {
        let job = ended(id, Duration::from_secs(60));
        assert_eq!(job["state"], "failed", "{job}");
    }
    let flood = show(&bad[3]);
    assert!(flood["error"]["message"].as_str().unwrap().contains("time"), "{flood}");
    let kept = run(&["job", "logs", &bad[3]]).out.len();
    assert!(kept < 32 << 20, "a log has a limit: {kept}");
    assert!(served.engine().is_some(), "the engine lives");
    assert_eq!(served.end(), 0);
}
