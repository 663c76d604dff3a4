//! Every page in the states that people meet when all is not well: nothing there yet, not for them, gone, slow, away, cut off.
//! Each says what it is and what can be done, and none of them shows how the program is built.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use millrace::queue::permission::Role;

use crate::templates::stage::Console;
use crate::web::browser::Answer;

/// What no answer may say.
const RAW: [&str; 7] =
    ["millrace.", "SELECT ", "canceling statement", "relation ", "statement_timeout", "libpq", "panicked"];

fn says(address: &str, answer: &Answer, status: u16, words: &[&str]) {
    assert_eq!(answer.status, status, "{address}: {}", answer.body);
    for word in words {
        assert!(answer.body.contains(word), "{address} does not say {word:?}: {}", answer.body);
    }
    if status >= 400 {
        for raw in RAW {
            assert!(!answer.body.contains(raw), "{address} says {raw:?}: {}", answer.body);
        }
        assert!(answer.body.contains("Reference <code>"), "{address}: {}", answer.body);
        assert_eq!(answer.body.matches("<h1").count(), 1, "{address}");
    }
}

/// On a fresh database: what the page is for, and the first act for whoever may do it.
const EMPTY: [(&str, &[&str]); 12] = [
    ("/", &["Three steps to the first job", "href=\"/templates"]),
    ("/jobs", &["No jobs yet", "A job is one request to run a template", "/jobs/new"]),
    ("/failures", &["Nothing is failing", "No attempt of a job has failed since this was first counted."]),
    ("/nodes", &["No node has run jobs yet", "It appears here with its first heartbeat"]),
    ("/pools", &["No pool yet", "A pool is what jobs share", "/pools/new"]),
    ("/operations", &["No bulk operation yet", "tick some or take all that match", "href=\"/jobs"]),
    ("/database", &["Nobody has looked at the database yet", "millrace serve"]),
    ("/views", &["No view yet", "press Save view", "href=\"/jobs"]),
    ("/notifications", &["Nothing yet", "What your acts led to is kept here"]),
    ("/templates", &["No templates yet", "A template names a piece of work", "/templates/new"]),
    ("/tokens", &["No tokens yet", "/tokens/new"]),
    ("/jobs?q=word", &["No job matches", "Clear"]),
];

#[test]
fn an_empty_page_teaches_what_it_is_for_and_what_to_do_first() {
    let console = Console::start();
    let mut admin = console.browser(Role::Admin);
    for (address, words) in EMPTY {
        says(address, &admin.get(address), 200, words);
    }

    // a queue is always there, unless somebody is limited to others
    let mut limited = console.browser_of(console.person(Role::Viewer, &["later"]));
    says("/queues", &limited.get("/queues"), 200, &["No queue to see yet", "A queue is where ready jobs wait"]);
    let mut viewer = console.browser(Role::Viewer);
    for (address, act) in [("/jobs", "/jobs/new"), ("/pools", "/pools/new"), ("/templates", "/templates/new")] {
        let body = viewer.get(address).body;
        assert!(!body.contains(&format!("href=\"{act}")), "{address} offers a viewer {act}: {body}");
    }
}

/// What a role may not open, and the least role that may.
const FORBIDDEN: [(Role, &str, &str); 16] = [
    (Role::Viewer, "/database", "auditor"),
    (Role::Viewer, "/people", "admin"),
    (Role::Operator, "/people", "admin"),
    (Role::Viewer, "/jobs/new", "operator"),
    (Role::Viewer, "/jobs/1/log", "analyst"),
    (Role::Auditor, "/jobs/1/log", "analyst"),
    (Role::Analyst, "/jobs/1/retry", "operator"),
    (Role::Viewer, "/jobs/export?q=", "auditor"),
    (Role::Viewer, "/operations/new?act=retry&q=", "operator"),
    (Role::Viewer, "/operations/1/stop", "operator"),
    (Role::Viewer, "/failures/0123456789abcdef/mute", "operator"),
    (Role::Viewer, "/queues/default/pause", "operator"),
    (Role::Viewer, "/nodes/mil-01/drain", "operator"),
    (Role::Operator, "/nodes/mil-01/slots", "admin"),
    (Role::Viewer, "/pools/new", "operator"),
    (Role::Viewer, "/templates/new", "operator"),
];

#[test]
fn whoever_may_not_is_told_what_is_needed_and_whom_to_ask() {
    let console = Console::start();
    console.person(Role::Admin, &[]);
    let mut browsers: Vec<_> = [Role::Viewer, Role::Auditor, Role::Analyst, Role::Operator]
        .into_iter()
        .map(|role| (role, console.browser(role)))
        .collect();

    for (role, address, least) in FORBIDDEN {
        let browser = &mut browsers.iter_mut().find(|(one, _)| *one == role).unwrap().1;
        let needed = format!("This needs the role {least}. Ask Giulia Ferrando:");
        let words = ["You may not do this", needed.as_str(), "href=\"/\""];
        says(address, &browser.get(address), 403, &words);
    }
}

/// What was never there or is there no more, and the list in which it would stand.
const GONE: [(&str, &str, &str); 18] = [
    ("/jobs/999999", "/jobs", "All jobs"),
    ("/jobs/x", "/jobs", "All jobs"),
    ("/jobs/999999/log", "/jobs", "All jobs"),
    ("/jobs/999999/attempts/1", "/jobs", "All jobs"),
    ("/jobs/999999/retry", "/jobs", "All jobs"),
    ("/failures/0000000000000000", "/failures", "All failures"),
    ("/failures/0000000000000000/mute", "/failures", "All failures"),
    ("/queues/no.such", "/queues", "All queues"),
    ("/queues/no.such/pause", "/queues", "All queues"),
    ("/nodes/nobody", "/nodes", "All nodes"),
    ("/nodes/nobody/drain", "/nodes", "All nodes"),
    ("/pools/memory", "/pools", "All pools"),
    ("/pools/memory/change", "/pools", "All pools"),
    ("/operations/999", "/operations", "All operations"),
    ("/operations/999/stop", "/operations", "All operations"),
    ("/views/nothing/change", "/views", "All views"),
    ("/templates/none", "/templates", "All templates"),
    ("/people/999", "/people", "All people"),
];

#[test]
fn what_is_not_there_leads_to_where_it_would_be() {
    let console = Console::start();
    let mut admin = console.browser(Role::Admin);
    for (address, list, words) in GONE {
        let link = format!("href=\"{list}\"><span>{words}</span>");
        says(address, &admin.get(address), 404, &["There is nothing here", &link, "href=\"/\""]);
    }
    let mut limited = console.browser_of(console.person(Role::Operator, &["mail"]));
    says("/queues/default", &limited.get("/queues/default"), 404, &["outside of what you may see", "All queues"]);
    let viewer = console.browser(Role::Viewer).get("/people/999");
    assert_eq!(viewer.status, 403, "whoever may not see people learns nothing of them");
}

#[test]
fn what_was_deleted_is_gone_and_leads_to_what_is_left() {
    let console = Console::start();
    let mut admin = console.browser(Role::Admin);
    admin.get("/pools");
    assert_eq!(admin.post("/pools/new", "name=memory&amount=5").status, 303);
    says("/pools/memory", &admin.get("/pools/memory"), 200, &["memory"]);

    assert_eq!(admin.post("/pools/memory/remove", "reason=sold").status, 303);

    says("/pools/memory", &admin.get("/pools/memory"), 404, &["There is nothing here", "All pools"]);
}

/// Every page of lists and of single things, with a table without which it cannot be read.
const READ: [(&str, &str); 14] = [
    ("/", "rollups"),
    ("/jobs", "placements"),
    ("/jobs?state=failed", "history"),
    ("/jobs/1", "jobs"),
    ("/failures", "failure_groups"),
    ("/failures/0123456789abcdef", "failure_groups"),
    ("/queues", "job_counts"),
    ("/queues/default", "job_counts"),
    ("/nodes", "nodes"),
    ("/pools", "pools"),
    ("/operations", "operations"),
    ("/database", "health_now"),
    ("/views", "saved_views"),
    ("/templates", "template_versions"),
];

/// A page whose question takes so long is given up.
const HASTE: Duration = Duration::from_millis(900);

#[test]
fn a_page_that_takes_too_long_is_stopped_and_says_so() {
    let console = Console::start_hasty(HASTE);
    let mut admin = console.browser(Role::Admin);

    for (address, table) in READ {
        let mut locking = console.db.connect();
        locking.batch_execute(&format!("BEGIN; LOCK TABLE millrace.{table} IN ACCESS EXCLUSIVE MODE")).unwrap();
        let slow = admin.get(address);
        drop(locking);

        let again = format!("href=\"{}\"><svg", address.replace('&', "&#38;"));
        let words = ["This took too long", "Ask for less, or try again.", "Try again", again.as_str(), "id=\"rail\""];
        says(address, &slow, 503, &words);
        assert!(admin.get(address).status < 500, "{address} does not come back");
    }
}

#[test]
fn without_the_database_every_page_says_that_it_is_away_and_comes_back() {
    let console = Console::start_hasty(HASTE);
    let mut admin = console.browser(Role::Admin);

    console.db.shut_out();
    for (address, _) in READ {
        let words = ["The database cannot be reached", "pages return as soon as the database does", "Try again"];
        says(address, &admin.get(address), 503, &words);
    }
    console.db.let_in();

    for (address, _) in READ {
        assert!(admin.get(address).status < 500, "{address} does not come back");
    }
}

#[test]
fn every_live_page_can_say_that_it_is_cut_off_and_be_refreshed_without_script() {
    let console = Console::start();
    let mut admin = console.browser(Role::Admin);

    for address in
        ["/", "/jobs", "/failures", "/queues", "/queues/default", "/nodes", "/pools", "/operations", "/database"]
    {
        let refresh = format!("class=\"live no-js\" href=\"{address}\"");
        let words =
            ["hx-sse:connect=\"/live/", "Live updates stopped", "Reconnect now", "data-when=\"ended\"", &refresh];
        says(address, &admin.get(address), 200, &words);
    }
}
