use std::time::{Duration, Instant};

use super::millrace;
use super::served::Served;
use crate::support::ThrowAway;

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
