//! What moves by itself.

use std::io::Read;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use millrace::queue::actor::PersonId;
use millrace::queue::notifications::{self, Message, Tone};
use millrace::queue::permission::Role;

use super::browser::Browser;
use super::stage::Console;

fn viewer(console: &Console) -> Browser {
    let person = console.person(Role::Admin);
    let mut browser = Browser::new(&console.address);
    browser.get(&format!("/as/{person}"));
    browser
}

/// Reads until the text holds `wanted` or the stream ends.
fn read_until(stream: &mut dyn Read, wanted: &str) -> String {
    let (mut text, mut piece) = (String::new(), [0u8; 4096]);
    let end = Instant::now() + Duration::from_secs(15);
    while !text.contains(wanted) && Instant::now() < end {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(length) => text.push_str(&String::from_utf8_lossy(&piece[..length])),
        }
    }
    text
}

#[test]
fn a_stream_begins_with_everything_and_goes_on_with_what_is_new() {
    let console = Console::start();
    let browser = viewer(&console);

    let mut stream = browser.stream("/live/design?after=4", &[]);
    let text = read_until(&mut stream, "id: 6");

    assert!(text.starts_with("id: 5\ndata: <hx-partial hx-target=\"#panel-clock\""), "{text}");
    assert!(text.contains("<li class=\"I\" id=\"log-5\">") && text.contains("id=\"log-6\""), "{text}");
    assert!(!text.contains("csrf"), "a shared rendering holds nobody's token");
}

#[test]
fn who_reads_gzip_gets_the_same_and_as_soon() {
    let console = Console::start();
    let browser = viewer(&console);

    let packed = browser.stream("/live/design?after=4", &[("Accept-Encoding", "gzip, br")]);
    let text = read_until(&mut GzDecoder::new(packed), "id: 6");

    assert!(text.starts_with("id: 5\ndata: <hx-partial hx-target=\"#panel-clock\""), "{text}");
    assert!(text.contains("<li class=\"I\" id=\"log-5\">") && text.contains("id=\"log-6\""), "{text}");
}

#[test]
fn a_browser_that_comes_back_gets_the_rows_it_missed() {
    let console = Console::start();
    let browser = viewer(&console);

    let mut stream = browser.stream("/live/design?after=4", &[("Last-Event-ID", "40")]);

    assert!(read_until(&mut stream, "log-41").contains("id=\"log-41\""));
}

#[test]
fn what_is_shared_is_made_for_nobody_in_particular_and_what_is_ones_own_for_each() {
    let console = Console::start();
    let first = console.person(Role::Operator);
    console.run("UPDATE millrace.people SET email = 'first@example.org'");
    let second = console.person(Role::Operator);
    let told = |person: PersonId, path: &str| {
        let mut browser = Browser::new(&console.address);
        browser.get(&format!("/as/{person}"));
        let mut stream = browser.stream(path, &[]);
        let text = read_until(&mut stream, "made for");
        (stream, text)
    };

    let shared = [told(first, "/live/shared"), told(second, "/live/shared")];
    let own = [told(first, "/live/own"), told(second, "/live/own")];

    assert!(shared.iter().all(|(_, text)| text.contains("made for None\"\".")), "{:?}", shared[0].1);
    assert!(own[0].1.contains("first@example.org") && !own[1].1.contains("first@example.org"), "{:?}", own[1].1);
    assert!(own[1].1.contains("operator@example.org"), "{:?}", own[1].1);
}

#[test]
fn the_bell_counts_while_the_page_stands_open() {
    let console = Console::start();
    let person = console.person(Role::Admin);
    let mut browser = Browser::new(&console.address);
    browser.get(&format!("/as/{person}"));
    let mut stream = browser.stream("/live/design?after=4", &[]);
    let first = read_until(&mut stream, "#bell-count");
    assert!(first.contains("<hx-partial hx-target=\"#bell-count\" hx-swap=\"innerMorph\"></hx-partial>"), "{first}");

    let message = Message::new(Tone::Failed, "It could not go on.");
    notifications::tell(&mut console.db.connect(), person, &message).unwrap();

    let later = read_until(&mut stream, "#bell-count");
    assert!(later.contains("<span class=\"dot\">1</span>"), "{later}");
}

#[test]
fn a_sixth_stream_of_one_person_is_refused() {
    let console = Console::start();
    let mut browser = viewer(&console);
    let streams: Vec<_> = (0..5).map(|n| browser.stream(&format!("/live/design?n={n}"), &[])).collect();

    let sixth = browser.get("/live/design?n=6");

    assert_eq!((sixth.status, sixth.header("retry-after")), (429, "60"));
    assert_eq!(console.hub.open_streams(), streams.len());
}

#[test]
fn head_is_answered_with_headers_and_takes_no_place() {
    let console = Console::start();
    let browser = viewer(&console);

    for _ in 0..6 {
        let head = browser.knock("HEAD", "/live/design", &[], "");
        assert_eq!((head.status, head.header("content-type")), (200, "text/event-stream"));
    }

    assert_eq!(console.hub.open_streams(), 0);
    assert!(read_until(&mut browser.stream("/live/design", &[]), "panel-clock").contains("panel-clock"));
}

#[test]
fn a_stream_ends_with_its_session() {
    let console = Console::start();
    let browser = viewer(&console);
    let mut stream = browser.stream("/live/design", &[]);
    read_until(&mut stream, "panel-clock");

    console.run("DELETE FROM millrace.sessions");
    let text = read_until(&mut stream, "event: bye");

    assert!(text.contains("event: bye\ndata: your session"), "{text}");
    assert_eq!(stream.read(&mut [0u8; 16]).unwrap(), 0);
}

#[test]
fn a_stream_ends_when_the_role_changes() {
    let console = Console::start();
    console.run("INSERT INTO millrace.people (email, name, role) VALUES ('a@b', 'A', 'admin')");
    let browser = viewer(&console);
    let mut stream = browser.stream("/live/design", &[]);
    read_until(&mut stream, "panel-clock");

    console.run("UPDATE millrace.people SET role = 'viewer' WHERE email = 'admin@example.org'");

    assert!(read_until(&mut stream, "event: bye").contains("event: bye"));
}

/// How long a stream goes on after its reader lost what `lose` takes.
fn outlived(address: &str, lose: &'static str) -> Duration {
    let console = Console::start();
    console.run("INSERT INTO millrace.people (email, name, role) VALUES ('a@b', 'A', 'admin')");
    let browser = viewer(&console);
    let mut stream = browser.stream(address, &[]);
    read_until(&mut stream, "panel-clock");
    std::thread::sleep(Duration::from_millis(300)); // in the middle of the next look

    console.run(lose);
    let lost = Instant::now();
    assert!(read_until(&mut stream, "event: bye").contains("event: bye"));
    lost.elapsed()
}

#[test]
fn lost_rights_end_a_stream_within_a_second_however_seldom_or_long_it_looks() {
    for address in ["/live/rare", "/live/slow"] {
        for lose in [
            "UPDATE millrace.people SET role = 'viewer' WHERE email = 'admin@example.org'",
            "UPDATE millrace.people SET scope_queues = '{mail}' WHERE email = 'admin@example.org'",
            "DELETE FROM millrace.sessions",
        ] {
            let took = outlived(address, lose);
            assert!(took < Duration::from_secs(1), "{address} {lose}: {took:?}");
        }
    }
}

#[test]
fn a_held_stream_does_not_keep_a_forgotten_session_alive() {
    let console = Console::start();
    let browser = viewer(&console);
    super::stage::age_sessions(&mut console.db.connect(), 5);
    let mut stream = browser.stream("/live/design", &[]);
    read_until(&mut stream, "id: 3");

    let recent = "SELECT count(*) AS id FROM millrace.sessions WHERE seen_at > now() - interval '4 minutes'";

    assert_eq!(console.number(recent), 0);
}
