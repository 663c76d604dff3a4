use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::millrace;
use super::served::Served;
use crate::support::ThrowAway;

/// An ordinary user.
const NOBODY: u32 = 65_534;

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
    served.kill_engine(first);
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

#[test]
fn an_engine_whose_supervisor_was_killed_ends_at_once_and_not_after_a_drain() {
    let folder = ThrowAway::new();
    let mut served = Served::start_with(folder.path(), &[("MILLRACE_ALLOW_DIAGNOSTICS", "on")]);
    served.origin();
    let engine = wait_for("the engine", Duration::from_secs(10), || served.engine());
    let file = folder.path().join("sleep.yaml");
    let template =
        "kind: Template\nname: demo.sleep\ndescription: Sleeps\nrunner: handler\nhandler: { name: diag.sleep }\n";
    std::fs::write(&file, template).unwrap();
    let data = folder.path().to_str().unwrap();
    let run = |args: &[&str]| millrace(folder.path(), &[("MILLRACE_DATA_DIR", data)], args, "");
    assert_eq!(run(&["template", "apply", file.to_str().unwrap()]).code, 0);
    let job = run(&["job", "enqueue", "demo.sleep", "--args", r#"{"ms": 60000}"#, "--json"]).json();
    let id = job["id"].to_string();
    wait_for("the start of the job", Duration::from_secs(20), || {
        (run(&["job", "show", &id, "--json"]).json()["state"] == "running").then_some(())
    });

    let killed = Instant::now();
    served.kill();

    let ended = || (!std::path::Path::new(&format!("/proc/{engine}")).exists()).then_some(());
    wait_for("the end of the engine", Duration::from_secs(15), ended);
    assert!(killed.elapsed() < Duration::from_secs(15), "a drain takes 25 s");
}

/// Lets a command run as an ordinary user, where we are root.
fn ordinary(command: &mut Command) -> &mut Command {
    // SAFETY: geteuid has no preconditions.
    let is_root = unsafe { libc::geteuid() } == 0;
    if is_root { command.uid(NOBODY).gid(NOBODY) } else { command }
}

/// Tells whether a program of the same ordinary user can read the environment of a process.
fn is_open(pid: u32) -> bool {
    let mut look = Command::new("cat");
    look.arg(format!("/proc/{pid}/environ")).stdout(Stdio::null()).stderr(Stdio::null());
    ordinary(&mut look).status().unwrap().success()
}

#[test]
fn the_environment_with_the_databases_url_is_closed_to_programs_of_the_same_user() {
    let folder = ThrowAway::new();
    chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap_or_default(); // not as an ordinary user
    let mut sleeper = ordinary(Command::new("sleep").arg("60")).spawn().unwrap();
    let mut served = Served::start_as(folder.path(), ordinary);
    served.origin();
    let engine = wait_for("the engine", Duration::from_secs(10), || served.engine());

    assert!(is_open(sleeper.id()), "it can be asked");
    assert!(!is_open(served.supervisor()));
    wait_for("the engine's closing", Duration::from_secs(10), || (!is_open(engine.unsigned_abs())).then_some(()));

    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    assert_eq!(served.end(), 0);
}
