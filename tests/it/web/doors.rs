//! Who gets in, and what they are told.

use millrace::queue::permission::Role;

use super::browser::Browser;
use super::stage::{Console, age_sessions};

fn signed_in(console: &Console, role: Role) -> Browser {
    let person = console.person(role);
    let mut browser = Browser::new(&console.address);
    assert_eq!(browser.get(&format!("/as/{person}")).status, 303);
    assert_eq!(browser.get("/jobs").status, 200);
    browser
}

#[test]
fn every_answer_carries_the_policy() {
    let console = Console::start();
    let mut browser = Browser::new(&console.address);

    for path in [
        "/jobs",
        "/nothing",
        "/broken",
        "/as/x",
        "/static/00000000/app.css",
        "/static/00000000/none.css",
        "/api/v1/jobs",
    ] {
        let answer = browser.get(path);
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-request-id").len(), 9, "{path}");
        assert!(!answer.header("cache-control").is_empty(), "{path}");
    }
}

#[test]
fn an_unknown_host_is_not_answered() {
    let console = Console::start();
    let mut browser = Browser::new(&console.address);

    assert_eq!(browser.get_with("/jobs", &[("Host", "evil.example")]).status, 421);
}

#[test]
fn a_fault_tells_its_reference_and_not_its_cause() {
    let console = Console::start();
    let mut browser = Browser::new(&console.address);

    let answer = browser.get("/broken");

    assert_eq!(answer.status, 500);
    assert!(answer.body.contains(answer.header("x-request-id")) && !answer.body.contains("secret"));
}

#[test]
fn nobody_gets_in_without_a_session() {
    let console = Console::start();
    let mut browser = Browser::new(&console.address);

    let page = browser.get("/jobs?state=failed");
    assert_eq!((page.status, page.header("location")), (303, "/sign-in?next=%2Fjobs%3Fstate%3Dfailed"));
    assert_eq!(browser.get("/api/v1/jobs").status, 401);
    assert_eq!(browser.get("/nothing").status, 404);
    assert_eq!(browser.post("/jobs", "").status, 405);
    assert_eq!(console.number("SELECT count(*) AS id FROM millrace.sessions"), 0);
}

#[test]
fn whoever_is_signed_in_keeps_the_frame_around_an_error() {
    let console = Console::start();
    let mut viewer = signed_in(&console, Role::Viewer);

    let missing = viewer.get("/nothing");

    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("id=\"rail\"") && missing.body.contains("There is nothing here"));
    assert!(!Browser::new(&console.address).get("/nothing").body.contains("id=\"rail\""));
}

#[test]
fn a_role_opens_its_pages_and_no_other() {
    let console = Console::start();
    let mut viewer = signed_in(&console, Role::Viewer);

    let page = viewer.get("/jobs");
    assert!(
        page.body.contains("The viewer")
            && page.body.contains("href=\"/jobs\"")
            && !page.body.contains("href=\"/people\"")
    );
    let people = viewer.get("/people");
    assert_eq!(people.status, 403);
    assert!(people.body.contains("This needs the role admin"));

    assert_eq!(viewer.post("/jobs/7/cancel", "reason=x").status, 403);
    let refused = "SELECT count(*) AS id FROM millrace.audit WHERE NOT accepted AND actor = 'viewer@example.org'";
    assert_eq!(console.number(refused), 1);
}

#[test]
fn a_lost_role_counts_with_the_next_request() {
    let console = Console::start();
    console.person(Role::Admin);
    let mut operator = signed_in(&console, Role::Operator);
    assert_eq!(operator.post("/jobs/7/cancel", "reason=x").status, 303);

    console.run("UPDATE millrace.people SET role = 'viewer' WHERE role = 'operator'");

    assert_eq!(operator.post("/jobs/7/cancel", "reason=x").status, 403);
    console.run("UPDATE millrace.people SET disabled_at = now() WHERE role = 'viewer'");
    assert_eq!(operator.get("/jobs").status, 303);
}

#[test]
fn a_change_needs_our_page_and_its_token() {
    let console = Console::start();
    let mut operator = signed_in(&console, Role::Operator);
    let token = operator.token().to_owned();
    assert_eq!(token.len(), 43);
    let ours = ("Sec-Fetch-Site", "same-origin");

    for (body, headers) in [
        (format!("csrf={token}"), vec![("Sec-Fetch-Site", "cross-site")]),
        (format!("csrf={token}"), vec![("Sec-Fetch-Site", "same-origin"), ("Origin", "https://evil.example")]),
        (format!("csrf={token}"), vec![]),
        ("csrf=wrong".to_owned(), vec![ours]),
        (String::new(), vec![ours]),
    ] {
        assert_eq!(operator.post_with("/jobs/7/cancel", &body, &headers).status, 403, "{body} {headers:?}");
    }
    assert_eq!(operator.post_with("/jobs/7/cancel", &format!("csrf={token}"), &[ours]).status, 303);
    assert_eq!(operator.post_with("/jobs/7/cancel", "", &[ours, ("X-CSRF-Token", &token)]).status, 303);
}

#[test]
fn an_act_without_script_comes_back_with_a_note_once() {
    let console = Console::start();
    let mut operator = signed_in(&console, Role::Operator);

    let act = operator.post("/jobs/7/cancel", "reason=%3Cb%3E");
    assert_eq!((act.status, act.header("location")), (303, "/jobs"));

    assert!(operator.get("/jobs").body.contains("Job 7 is cancelled: &#60;b&#62;."));
    assert!(!operator.get("/jobs").body.contains("is cancelled"));
}

#[test]
fn an_act_with_htmx_is_answered_with_a_toast() {
    let console = Console::start();
    let mut operator = signed_in(&console, Role::Operator);
    let token = operator.token().to_owned();

    let headers = [
        ("Sec-Fetch-Site", "same-origin"),
        ("HX-Request", "true"),
        ("HX-Request-Type", "partial"),
        ("X-CSRF-Token", &token),
    ];
    let act = operator.post_with("/jobs/7/cancel", "reason=x", &headers);

    assert_eq!(act.status, 200);
    assert!(act.body.starts_with("<hx-partial hx-target=\"#toasts\""), "{}", act.body);
    assert!(!operator.get("/jobs").body.contains("is cancelled"));
}

#[test]
fn signing_in_changes_the_key_and_signing_out_ends_the_row() {
    let console = Console::start();
    let person = console.person(Role::Admin);
    let mut browser = Browser::new(&console.address);
    browser.get(&format!("/as/{person}"));
    let first = browser.cookie().map(str::to_owned);

    browser.get(&format!("/as/{person}"));
    assert_ne!(browser.cookie().map(str::to_owned), first);
    assert_eq!(console.number("SELECT count(*) AS id FROM millrace.sessions"), 1);

    browser.get("/jobs");
    assert_eq!(browser.post("/sign-out", "").status, 303);
    assert_eq!(console.number("SELECT count(*) AS id FROM millrace.sessions"), 0);
    assert_eq!(browser.cookie(), None);
}

#[test]
fn a_session_ends_after_half_an_hour_of_silence() {
    let console = Console::start();
    let mut browser = signed_in(&console, Role::Admin);

    age_sessions(&mut console.db.connect(), 29);
    assert_eq!(browser.get("/jobs").status, 200);
    age_sessions(&mut console.db.connect(), 31);
    assert_eq!(browser.get("/jobs").status, 303);
}

#[test]
fn a_session_that_was_ended_elsewhere_does_not_come_back() {
    let console = Console::start();
    let mut browser = signed_in(&console, Role::Admin);

    console.run("DELETE FROM millrace.sessions");

    assert_eq!(browser.post("/jobs/7/cancel", "reason=x").status, 303);
    assert_eq!(browser.get("/jobs").status, 303);
    assert_eq!(console.number("SELECT count(*) AS id FROM millrace.sessions"), 0);
}

#[test]
fn a_token_acts_for_its_owner_within_its_scopes() {
    let console = Console::start();
    let owner = console.person(Role::Operator);
    let (reads, writes) = (console.token(owner, &["jobs:read"]), console.token(owner, &["jobs:write"]));
    let mut program = Browser::new(&console.address);
    let mut ask = |token: &str| {
        let bearer = format!("Bearer {token}");
        let read = program.get_with("/api/v1/jobs", &[("Authorization", &bearer)]);
        let write = program.post_with("/api/v1/jobs", "{}", &[("Authorization", &bearer)]);
        (read.status, write.status)
    };

    assert_eq!(ask(&reads), (200, 403));
    assert_eq!(ask(&writes), (200, 200));
    assert_eq!(ask("mr_nonsense"), (401, 401));

    console.run("UPDATE millrace.people SET disabled_at = now()");
    assert_eq!(ask(&writes), (401, 401));
}

#[test]
fn a_token_is_no_key_to_pages_and_a_session_none_to_the_api() {
    let console = Console::start();
    let mut browser = signed_in(&console, Role::Admin);
    assert_eq!(browser.get("/api/v1/jobs").status, 401);

    let token = format!("Bearer {}", console.token(console.person(Role::Operator), &["all"]));
    let mut program = Browser::new(&console.address);
    assert_eq!(program.get_with("/jobs", &[("Authorization", &token)]).status, 303);
}

#[test]
fn a_body_that_is_too_large_or_no_text_is_refused() {
    let console = Console::start();
    let mut operator = signed_in(&console, Role::Operator);
    let (token, ours) = (operator.token().to_owned(), ("Sec-Fetch-Site", "same-origin"));

    let odd = operator.post_with("/jobs/7/cancel", &format!("csrf={token}&reason=%FF"), &[ours]);
    assert_eq!(odd.status, 400);
    assert!(odd.body.contains("reason"), "{}", odd.body);
    let large = operator.post_with("/jobs/7/cancel", &format!("csrf={token}&reason={}", "x".repeat(1 << 20)), &[ours]);
    assert_eq!(large.status, 413);
}

#[test]
fn without_a_database_pages_say_so_and_nobody_is_signed_out() {
    let console = Console::start();
    let mut browser = signed_in(&console, Role::Admin);
    console.run("ALTER TABLE millrace.sessions RENAME TO away");

    let page = browser.get("/jobs");
    assert_eq!(page.status, 503);
    assert!(page.body.contains("The database cannot be reached"));

    console.run("ALTER TABLE millrace.away RENAME TO sessions");
    assert_eq!(browser.get("/jobs").status, 200);
}

#[test]
fn a_slash_at_the_end_leads_to_the_address_without() {
    let console = Console::start();
    let mut browser = signed_in(&console, Role::Viewer);

    let answer = browser.get("/jobs/?state=failed");
    assert_eq!((answer.status, answer.header("location")), (308, "/jobs?state=failed"));
    assert_eq!(browser.get("/").status, 404, "this console has no dashboard");
    assert_eq!(browser.get("//evil.example/").status, 404);
    assert_eq!(browser.get("/api/v1/jobs/").status, 404);
    assert_eq!(browser.post("/jobs/", "").status, 404);
}

#[test]
fn the_theme_is_kept_in_a_cookie_and_leads_only_home() {
    let console = Console::start();
    let mut browser = Browser::new(&console.address);

    let answer = browser.post("/account/theme", "theme=dark&next=//evil.example");

    assert_eq!((answer.status, answer.header("location")), (303, "/"));
    assert!(answer.header("set-cookie").starts_with("theme=dark;"));
}

#[test]
fn guessing_tokens_is_slowed_down() {
    let console = Console::start();
    let good = format!("Bearer {}", console.token(console.person(Role::Operator), &["all"]));
    let mut program = Browser::new(&console.address);
    let mut ask = |token: &str| program.get_with("/api/v1/jobs", &[("Authorization", token)]);

    let refused: Vec<u16> = (0..22).map(|_| ask("Bearer mr_guess").status).collect();

    assert_eq!((refused[0], refused[21]), (401, 429));
    let slowed = ask(&good);
    assert_eq!((slowed.status, slowed.header("retry-after")), (429, "1"));
}
