//! What the pages show, and what people do there without script.

use millrace::queue::permission::Role;

use super::{fail, fold, groups};
use crate::jobs::live::{read_until, stream_of};
use crate::support::stage::{handler_template, register_node};
use crate::templates::stage::Console;

const HOSTILE: &str = "<script>alert(1)</script> \"><img src=x onerror=alert(2)> order 7";

fn stage() -> (Console, String) {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "mail", serde_json::json!({}));
    let who = register_node(&mut conn, "mil-01");
    fail(&mut conn, who, &[HOSTILE, "status 503", "status 503"]);
    fold(&mut conn);
    let hostile = groups(&mut conn).into_iter().find(|group| group.error == HOSTILE).unwrap();
    (console, hostile.fingerprint)
}

fn harmless(html: &str) {
    for bad in ["<script>alert", "<img src=x", "onerror=alert(2)>"] {
        assert!(!html.contains(bad), "{bad}: {html}");
    }
}

#[test]
fn groups_are_found_and_hostile_words_are_only_words() {
    let (console, print) = stage();
    let mut browser = console.browser(Role::Operator);

    let list = browser.get("/failures").body;
    harmless(&list);
    for word in ["2 open · 2 new", "status 503", "&#60;script&#62;alert(1)", "mail", "v1"] {
        assert!(list.contains(word), "{word}: {list}");
    }
    let found = browser.get("/failures?q=STATUS&template=mail&queue=default&since=1&range=7d&sort=most").body;
    assert!(found.contains("status 503") && !found.contains("alert(1)"), "{found}");
    assert!(browser.get("/failures?since=2").body.contains("No group matches"));
    assert!(browser.get("/failures?state=muted").body.contains("No group in this state"));

    let page = browser.get(&format!("/failures/{print}?panels=all")).body;
    harmless(&page);
    for word in ["too few jobs to compare", "Recognised by", "mil-01", "You have decided nothing", "group="] {
        assert!(page.contains(word), "{word}: {page}");
    }
    for missing in ["/failures/0000000000000000", "/failures/x", "/live/failure?fp=x", "/failures/%00"] {
        assert_eq!(browser.get(missing).status, 404, "{missing}");
    }
    let job = browser.get(&format!("/jobs?group={print}")).body;
    assert!(job.contains("alert(1)"), "{job}");
}

#[test]
fn people_decide_without_script_and_see_it() {
    let (console, print) = stage();
    let mut browser = console.browser(Role::Operator);
    let at = |verb: &str| format!("/failures/{print}/{verb}");

    assert!(browser.get(&at("mute")).body.contains("For how long"));
    assert_eq!(browser.post(&at("mute"), "hours=8&reason=closed&op=a").status, 303);
    assert!(browser.get(&format!("/failures/{print}")).body.contains("Muted until"));
    assert_eq!(browser.post(&at("mute"), "hours=x").status, 422);
    assert_eq!(browser.post(&at("unmute"), "op=b").status, 303);
    assert_eq!(browser.post(&at("unmute"), "op=c").status, 409, "it is not muted");
    assert_eq!(browser.post(&at("handle"), "from_version=2&op=d").status, 303);
    assert!(browser.get(&format!("/failures/{print}")).body.contains("Handled from v2"));
    assert_eq!(browser.post(&at("handle"), "from_version=3&op=e").status, 422, "there is no such version to come");
    assert_eq!(browser.post(&at("reopen"), "op=f").status, 303);
    for bad in ["javascript:alert(1)", "ftp://x", "https://x y", "nothing"] {
        let refused = browser.post(&at("ticket"), &format!("ticket={}", bad.replace(' ', "+").replace(':', "%3A")));
        assert_eq!(refused.status, 422, "{bad}");
    }
    assert_eq!(browser.post(&at("ticket"), "ticket=https%3A%2F%2Ft.example%2F7&op=g").status, 303);
    assert_eq!(browser.post(&at("note"), "note=&op=h").status, 422);
    assert_eq!(browser.post(&at("note"), "note=%3Cb%3Eknown&op=i").status, 303);
    let assign = browser.get(&at("assign")).body;
    let me = assign
        .split("<option value=\"")
        .find_map(|rest| rest.split('"').next().filter(|id| id.parse::<i64>().is_ok()))
        .unwrap()
        .to_owned();
    assert_eq!(browser.post(&at("assign"), &format!("person={me}&op=j")).status, 303);
    assert_eq!(browser.post(&at("assign"), "person=999999&op=k").status, 422);
    assert_eq!(browser.get(&at("dance")).status, 404);

    let page = browser.get(&format!("/failures/{print}")).body;
    for word in [
        "looks after it",
        "href=\"https://t.example/7\"",
        "&#60;b&#62;known",
        "marked it handled from v2 on",
        "opened it again",
        "“closed”",
    ] {
        assert!(page.contains(word), "{word}: {page}");
    }
    assert_eq!(console.number("SELECT count(*) AS id FROM millrace.audit WHERE act LIKE 'failure.%' AND accepted"), 7);
}

#[test]
fn a_page_follows_what_happens_and_says_what_moved() {
    let (console, print) = stage();
    let mut conn = console.db.connect();
    let mut browser = console.browser(Role::Viewer);
    let page = browser.get("/failures").body;
    assert!(page.contains("order #") && !page.contains("order 7"), "a viewer reads no values: {page}");

    let mut stream = browser.stream(&stream_of(&page), &[]);
    let first = read_until(&mut *stream, "panel-news");
    assert!(first.contains(&format!("#failure-{print}-count")), "{first}");
    let who = register_node(&mut conn, "mil-02");
    fail(&mut conn, who, &["something new"]);
    fold(&mut conn);
    let later = read_until(&mut *stream, "1 changed, Show");
    assert!(later.contains("3 open"), "{later}");
}
