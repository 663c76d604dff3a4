//! Every template in every state.

use askama::Template;
use chrono::TimeDelta;
use serde_json::json;

use super::ask::{AskPage, Verb, mute_choices, people_choices, version_choices};
use super::list::ListPage;
use super::near::differs;
use super::row::Row;
use super::show::{Known, ShowPage};
use super::view::View;
use crate::admin::failures::detail::{Assignable, Attempt, Note, Share};
use crate::admin::failures::differs::{Compared, Difference};
use crate::admin::failures::read::{GroupRow, Page, Tally};
use crate::admin::failures::{Range, Sort};
use crate::admin::jobs::trail::Record;
use crate::queue::actor::{Actor, PersonId, Scope};
use crate::queue::failures::GroupState;
use crate::queue::job::JobId;
use crate::queue::permission::Role;
use crate::web::apart::Apart;
use crate::web::form::Form;
use crate::web::shell::sample::shell;

const HOSTILE: &str = "<script>alert(1)</script> \"quoted\" 'x'\u{202e} of order 7";

/// A group that is in `state`.
fn group(state: GroupState) -> GroupRow {
    let now = shell().now;
    let hours = |hours: i64| now - TimeDelta::hours(hours);
    let handled = matches!(state, GroupState::Handled | GroupState::Returned);
    GroupRow {
        fingerprint: "0123456789abcdef".into(),
        template: "mail.send".into(),
        message: "<script>alert(#)</script> of order #".into(),
        error: HOSTILE.into(),
        first_seen: if state == GroupState::New { hours(1) } else { hours(90) },
        last_seen: if state == GroupState::Quiet { hours(30) } else { hours(0) },
        first_job: JobId(7),
        last_job: JobId(9),
        last_number: 2,
        first_version: 3,
        last_version: 4,
        attempts: 1_204_000,
        jobs_failed: 12,
        rising: state == GroupState::Rising,
        muted_until: (state == GroupState::Muted).then(|| now + TimeDelta::hours(3)),
        handled_at: handled.then(|| hours(5)),
        handled_by: handled.then(|| "nadia@example.org".into()),
        handled_name: handled.then(|| "Nadia <b>".into()),
        handled_from: handled.then_some(4),
        returned_at: (state == GroupState::Returned).then(|| hours(1)),
        touched_at: None,
        ticket: Some("https://tickets.example/OPS-1?a=<b>".into()),
        assignee: Some("Luca <b>".into()),
        assignee_email: Some("luca@example.org".into()),
    }
}

fn actor(role: Role) -> Actor {
    Actor { role, ..Actor::system("test") }
}

fn list(actor: &Actor, query: &str, groups: &[GroupRow]) -> String {
    let view = View::read(&Form::parse(query.as_bytes()).expect("a query"));
    let rows = groups.iter().map(|group| Row::new(group, None, (Range::Day, Sort::Last), actor, &shell())).collect();
    let found = Page { rows: groups.to_vec(), has_newer: false, has_older: true };
    ListPage::new(actor, shell(), view, (&found, &Tally::default(), rows)).render().expect("rendered")
}

fn known(state: GroupState) -> Known {
    let at = shell().now;
    let share = |kind: &str, name: &str| Share { kind: kind.into(), name: name.into(), attempts: 3, last: at };
    let attempt = Attempt {
        job: JobId(9),
        number: 2,
        at,
        node: Some("mil-01".into()),
        queue: "mail".into(),
        version: 4,
        ended: Some("failed".into()),
        error: Some(HOSTILE.into()),
        trace: Some("   0: std::panicking::begin\n   1: shop::<b>order::price\n".into()),
    };
    let difference = Difference { field: "arg.<b>".into(), value: "<i>ch</i>".into(), failing: 36, succeeding: 5 };
    let record = |act: &str, after: serde_json::Value| Record {
        at,
        actor: "Nadia <b>".into(),
        act: act.into(),
        accepted: true,
        reason: Some("<b>why</b>".into()),
        after: Some(after),
    };
    Known {
        group: group(state),
        range: Range::Week,
        course: None,
        shares: vec![share("version", "4"), share("node", "mil-01"), share("queue", "mail")],
        attempts: vec![attempt],
        compared: Apart::Here(Compared { failing: 40, succeeding: 100, differences: vec![difference] }),
        notes: vec![Note { at, author: "Luca".into(), note: "<b>known</b>\nsecond".into() }],
        trail: vec![
            record("failure.mute", json!({ "muted_until": "2026-11-25T00:00:00Z" })),
            record("failure.handle", json!({ "from_version": 4 })),
            record("failure.assign", json!({ "assignee": "luca@example.org" })),
            record("failure.ticket", json!({ "ticket": null })),
            record("failure.note", json!({ "note": "x" })),
        ],
    }
}

fn clean(html: &str) {
    for bad in ["<script>alert", "<b>", "<i>ch", " style=", "\u{202e}"] {
        assert!(!html.contains(bad), "{bad}: {html}");
    }
    assert_eq!((html.matches("<main").count(), html.matches("<h1").count()), (1, 1));
}

fn holds(html: &str, words: &[&str]) {
    words.iter().for_each(|word| assert!(html.contains(word), "{word}: {html}"));
}

#[test]
fn the_list_shows_every_state_and_hostile_words_do_nothing() {
    let groups = GroupState::ALL.map(group);

    let html = list(&actor(Role::Operator), "", &groups);

    clean(&html);
    for word in ["New", "Rising", "Steady", "Returned", "Quiet", "Muted until", "Handled from v4"] {
        assert!(html.contains(word), "{word}");
    }
    holds(
        &html,
        &[
            "&#60;script&#62;alert(1)",
            "v3–v4",
            "/failures/0123456789abcdef",
            "hx-sse:connect=\"/live/failures",
            "rel=\"next\"",
        ],
    );
}

#[test]
fn viewers_read_messages_without_what_varies() {
    let html = list(&actor(Role::Viewer), "", &[group(GroupState::Steady)]);
    let page = ShowPage::new(&actor(Role::Viewer), shell(), &known(GroupState::Steady)).render().expect("page");

    for html in [html, page] {
        assert!(html.contains("of order #") && !html.contains("of order 7"), "{html}");
    }
}

#[test]
fn an_empty_list_says_what_that_means() {
    holds(&list(&actor(Role::Admin), "", &[]), &["Nothing is failing"]);
    holds(
        &list(&actor(Role::Admin), "q=x&state=nothing", &[]),
        &["No group matches", "state=nothing", "Clear all filters"],
    );
    holds(&list(&actor(Role::Admin), "state=muted", &[]), &["No group in this state"]);
    let tagged = Actor { scope: Scope { tags: vec!["vip".into()], ..Scope::default() }, ..actor(Role::Operator) };
    holds(&list(&tagged, "", &[]), &["Not counted for your access"]);
}

#[test]
fn the_page_of_a_group_shows_what_is_known_and_lets_operators_decide() {
    for state in GroupState::ALL {
        let html = ShowPage::new(&actor(Role::Operator), shell(), &known(state)).render().expect("page");
        let text = html.replace("<b class=", "<x class=");
        for bad in ["<script>alert", "<b>", "<i>ch", "\u{202e}"] {
            assert!(!text.contains(bad), "{bad}: {html}");
        }
        holds(
            &html,
            &[
                "90% · 36 of 40",
                "5% · 5 of 100",
                "shop::",
                "href=\"https://tickets.example/OPS-1?a=&#60;b&#62;\"",
                "rel=\"noopener noreferrer nofollow\"",
                "&#60;b&#62;known",
                "/failures/0123456789abcdef/assign",
                "/operations/new?act=retry&#38;all=on&#38;q=group%3A0123456789abcdef%20state%3Afailed",
                "muted it until",
                "marked it handled from v4 on",
                "took the ticket away",
                "hx-sse:connect=\"/live/failure?fingerprint=0123456789abcdef",
            ],
        );
        let handled = matches!(state, GroupState::Handled | GroupState::Returned);
        assert_eq!(html.contains("Open again…"), handled);
        assert_eq!(html.contains("Unmute…"), state == GroupState::Muted);
    }
}

#[test]
fn whoever_may_not_decide_sees_no_forms() {
    for role in [Role::Viewer, Role::Auditor, Role::Analyst] {
        let html = ShowPage::new(&actor(role), shell(), &known(GroupState::New)).render().expect("page");

        assert!(!html.contains("/failures/0123456789abcdef/"), "{html}");
        holds(&html, &["needs operator"]);
    }
}

#[test]
fn a_group_of_which_little_is_known_has_a_page() {
    let bare = Known {
        attempts: Vec::new(),
        shares: Vec::new(),
        notes: Vec::new(),
        trail: Vec::new(),
        compared: Apart::default(),
        ..known(GroupState::Quiet)
    };

    let html = ShowPage::new(&actor(Role::Admin), shell(), &bare).render().expect("page");

    holds(
        &html,
        &[
            "too few jobs to compare",
            "removed by retention",
            "Nobody has written about it",
            "None in this time",
            "Nothing failed so in the last 7 days",
        ],
    );
}

#[test]
fn each_decision_asks_what_it_needs() {
    let group = group(GroupState::Steady);
    let people = [Assignable { id: PersonId(3), name: "Luca <b>".into(), email: "luca@example.org".into() }];
    let page = |verb, choices| AskPage::new(shell(), (verb, &group), choices, Form::default()).render().expect("page");

    let mute = page(Verb::Mute, mute_choices());
    let handle = page(Verb::Handle, version_choices((Some(5), 6), &group));
    let assign = page(Verb::Assign, people_choices(&people));
    let others = [Verb::Unmute, Verb::Reopen, Verb::Note, Verb::Ticket].map(|verb| page(verb, Vec::new()));

    [&mute, &handle, &assign].into_iter().chain(&others).for_each(|html| clean(html));
    holds(&mute, &["name=\"hours\"", "1 week"]);
    holds(&handle, &["From v5, the active version", "From v7, the next version", "At once"]);
    holds(&assign, &["value=\"3\"", "Nobody"]);
    holds(&others[2], &["name=\"note\""]);
}

#[test]
fn too_few_jobs_to_compare_are_counted_by_kind() {
    let said = |failing, succeeding| differs(&Compared { failing, succeeding, differences: Vec::new() }).thin();

    assert_eq!(
        said(200, 4),
        "There are too few succeeding jobs to compare: only 4 succeeding jobs were found around the same time, and 5 are needed."
    );
    assert!(said(1, 80).starts_with("There are too few failing jobs to compare: only 1 failing job was found"));
    assert!(said(2, 0).contains("jobs to compare: only 2 failing jobs were found and no succeeding job was found"));
}
