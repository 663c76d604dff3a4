use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{millrace, program};
use crate::support::ThrowAway;

/// A server with an embedded cluster of its own.
struct Served {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Served {
    fn start(folder: &Path) -> Served {
        let mut command = Command::new(program());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder).current_dir(folder).env_clear();
        if let Some(programs) = std::env::var_os("MILLRACE_PG_BIN") {
            command.env("MILLRACE_PG_BIN", programs);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Served { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Process id of the engine.
    fn engine(&self) -> Option<i32> {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let is_engine = |pid: &&str| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).nth(1) == Some(b"engine")
        };
        children.split_whitespace().find(is_engine).and_then(|pid| pid.parse().ok())
    }

    fn end(mut self) -> i32 {
        // SAFETY: kill has no memory preconditions, and the child is not reaped yet.
        unsafe { libc::kill(self.child.id() as i32, libc::SIGTERM) };
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }
}

fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        match look() {
            Some(found) => return found,
            None if Instant::now() > end => panic!("{what} did not happen in {limit:?}"),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

#[test]
fn a_server_invites_the_first_admin_keeps_its_engine_alive_and_ends_whole() {
    let folder = ThrowAway::new();
    let data = folder.path().join("data");
    let data_text = data.to_str().unwrap();
    std::fs::create_dir(&data).unwrap();

    let mut served = Served::start(&data);
    let ready = served.line();
    let invitation = served.line();
    let origin = ready.strip_prefix("Millrace 0.1.0 is ready on ").unwrap_or_else(|| panic!("{ready}")).to_owned();
    assert!(invitation.contains(&format!("{origin}/setup?token=")), "{invitation}");

    // a command attaches to the running cluster, and knows the port that the server picked
    let run = |args: &[&str], stdin: &str| millrace(&data, &[("MILLRACE_DATA_DIR", data_text)], args, stdin);
    let link = run(&["user", "setup-link"], "");
    assert!(link.out.starts_with(&format!("{origin}/setup?token=")), "{} {}", link.out, link.err);
    let added = run(&["user", "add", "a@example.org", "--role", "admin"], "five wet otters sing\n");
    assert_eq!(added.code, 0, "{}", added.err);
    let healthy = run(&["doctor"], "");
    assert_eq!(
        (healthy.code, healthy.out.as_str()),
        (0, "Nothing unsafe or unhealthy was found.\n"),
        "{}",
        healthy.err
    );
    let second =
        millrace(&data, &[("MILLRACE_DATA_DIR", data_text), ("MILLRACE_LISTEN", "127.0.0.1:0")], &["serve"], "");
    assert_eq!(second.code, 1);
    assert!(second.err.contains("another Millrace already runs"), "{}", second.err);

    // a killed engine returns
    let first = wait_for("the engine", Duration::from_secs(10), || served.engine());
    // SAFETY: kill has no memory preconditions.
    unsafe { libc::kill(first, libc::SIGKILL) };
    wait_for("the return of the engine", Duration::from_secs(3), || served.engine().filter(|pid| *pid != first));

    assert_eq!(served.end(), 0);
    assert!(!data.join("postgres/postmaster.pid").exists(), "the cluster was stopped in order");

    // there is an admin now: no invitation, and commands start the cluster themselves
    let listed = run(&["user", "list"], "");
    assert!(listed.out.contains("a@example.org"), "{} {}", listed.out, listed.err);
    let mut again = Served::start(&data);
    assert!(again.line().starts_with("Millrace"));
    assert_eq!(again.end(), 0);
}
