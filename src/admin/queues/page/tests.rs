//! Every template in every state.

use askama::Template;

use super::act::Act;
use super::limits::LimitsPage;
use super::list::sample::list;
use super::show::sample::show;

use crate::admin::queues::{Counts, Limits, QueueRow};
use crate::queue::permission::Role;
use crate::web::form::Form;
use crate::web::shell::sample::shell;

fn queue(name: &str, paused: bool) -> QueueRow {
    let ago = |seconds| shell().now - chrono::TimeDelta::seconds(seconds);
    QueueRow {
        name: name.into(),
        limits: Limits { weight: 10, concurrency: Some(1_200), concurrency_per_node: None, wait_target_ms: None },
        created_at: ago(90_000),
        paused_at: paused.then(|| ago(1_260)),
        paused_by: paused.then(|| "tomas@example.org".into()),
        paused_by_name: paused.then(|| "Tomás <b>".into()),
        pause_reason: paused.then(|| "waiting for <b>credentials</b>".into()),
        jobs: Counts { ready: 14_206, running: 1, scheduled: 12, retrying: 3, held: 0, blocked: 0 },
        oldest_ready_at: Some(ago(252)),
    }
}

fn clean(html: &str) {
    assert!(!html.contains("<b>") || html.contains("<b class"), "{html}");
    assert!(!html.contains("Tomás <b>") && !html.contains("<b>credentials") && !html.contains(" style="), "{html}");
    assert_eq!(html.matches("<main").count(), 1);
    assert_eq!(html.matches("<h1").count(), 1);
}

#[test]
fn the_list_shows_what_stands_in_each_queue_and_who_stopped_it() {
    let html = list(Role::Operator, &[queue("exports", true), queue("mail", false)]).render().expect("rendered");

    clean(&html);
    for word in [
        "2 queues · 1 paused · 28,412 ready · 2 running",
        "state=ready&#38;queue=mail\">14,206",
        "Takes work",
        "Paused",
        "by Tomás &#60;b&#62;",
        "“waiting for &#60;b&#62;credentials",
        "4m 12s",
        "3 retrying",
        "title=\"1,204,000\"",
        "5.1%",
        "/queues/mail/pause?from=list",
        "hx-post=\"/queues/exports/resume?from=list\"",
        "/queues/mail/limits?from=list",
        "at most 1,200 at once",
        "hx-sse:connect=\"/live/queues",
    ] {
        assert!(html.contains(word), "{word}: {html}");
    }
    assert!(!html.contains("/queues/exports/pause"), "it is paused already");
}

#[test]
fn a_queue_that_is_paused_is_not_behind() {
    assert!(list(Role::Viewer, &[queue("mail", false)]).queues[0].behind);
    assert!(!list(Role::Viewer, &[queue("mail", true)]).queues[0].behind);
}

#[test]
fn the_values_of_a_limit_are_for_those_who_may_read_arguments() {
    let lanes = |role| show(role, &queue("mail", false), true).as_lanes_block().render().expect("lanes");

    assert!(lanes(Role::Operator).contains("acme") && !lanes(Role::Viewer).contains("acme"));
    assert!(lanes(Role::Viewer).contains("1,000 or more") && lanes(Role::Viewer).contains("fra-01, 1m 30s"));
}

#[test]
fn a_target_is_told_beside_the_oldest_with_a_word_when_it_is_passed() {
    let mut slow = queue("mail", false);
    for (target, behind) in [(Some(300_000), false), (Some(252_000), false), (Some(251_999), true), (None, true)] {
        slow.limits.wait_target_ms = target;
        let (page, rows) = (show(Role::Viewer, &slow, false), list(Role::Viewer, std::slice::from_ref(&slow)));
        assert_eq!((page.queue.behind, rows.queues[0].behind), (behind, behind), "{target:?}");
        let html = rows.as_rows().render().expect("rows");
        assert_eq!((html.contains("target</span>"), html.contains("behind: ")), (target.is_some(), behind), "{html}");
    }
}

#[test]
fn a_viewer_is_offered_nothing_to_do() {
    let html = list(Role::Viewer, &[queue("exports", true), queue("mail", false)]).render().expect("rendered");

    assert!(!html.contains("/pause") && !html.contains("/resume") && !html.contains("/limits"), "{html}");
}

#[test]
fn an_empty_list_teaches() {
    let html = list(Role::Viewer, &[]).render().expect("rendered");

    clean(&html);
    assert!(html.contains("A queue is where ready jobs wait") && !html.contains("Queues table"));
    assert!(!html.contains("access is limited to"));
}

#[test]
fn parts_are_rendered_alone_too() {
    let page = list(Role::Admin, &[queue("mail", true)]);
    assert!(page.as_rows().render().expect("rows").contains("id=\"queue-mail\""));
    assert!(page.as_facts().render().expect("facts").contains("1 queue"));

    let page = show(Role::Admin, &queue("mail", true), true);
    for (part, word) in [
        (page.as_head().render(), "Resume"),
        (page.as_banner().render(), "Paused for 21m"),
        (page.as_counts().render(), "Ready"),
        (page.as_hour().render(), "over the last hour"),
        (page.as_waits_block().render(), "median 19 ms"),
        (page.as_steps_block().render(), "up to 10 ms"),
        (page.as_mix_block().render(), "10,000 or more"),
        (page.as_lanes_block().render(), "[&#34;acme &#60;b&#62;&#34;]"),
        (page.as_servers_block().render(), "3 of 8 slots busy"),
        (page.as_deeds_block().render(), "because"),
    ] {
        let part = part.expect("rendered");
        assert!(part.contains(word) && !part.contains("<main"), "{word}: {part}");
    }
}

#[test]
fn one_queue_is_rendered_paused_and_open_with_and_without_users() {
    for (paused, lively) in [(true, true), (true, false), (false, true), (false, false)] {
        let html = show(Role::Operator, &queue("mail", paused), lively).render().expect("rendered");

        clean(&html);
        assert_eq!(html.contains("Paused for 21m"), paused);
        assert_eq!(html.contains("/queues/mail/pause"), !paused);
        assert_eq!(html.contains("mail.send"), lively);
        assert_eq!(html.contains("No template names it"), !lively);
        assert!(html.contains("hx-sse:connect=\"/live/queue?name=mail\""));
    }
    let deeds = show(Role::Admin, &queue("mail", false), true).render().expect("rendered");
    for word in [
        "paused it",
        "set its weight to 5, set its jobs at once to 20, took away its limit of jobs at once on a node",
        "tried: resumed it",
        "“because &#60;b&#62;”",
    ] {
        assert!(deeds.contains(word), "{word}");
    }
}

#[test]
fn the_questions_say_what_would_happen_in_numbers() {
    let pause = Act::Pause.question(&queue("mail", false), Form::default().with("from", "list"));
    assert!(pause.reason && pause.harmful && pause.back == "/queues");
    assert!(pause.effects.iter().any(|line| line == "14,206 jobs that are ready wait until somebody resumes it."));
    assert!(pause.effects.iter().any(|line| line == "1 job that runs goes on to its end."));

    let resume = Act::Resume.question(&queue("mail", true), Form::default());
    assert!(!resume.reason && !resume.harmful && resume.back == "/queues/mail");
}

#[test]
fn the_form_of_limits_keeps_what_was_typed() {
    let fresh = LimitsPage::new(shell(), &queue("mail", false), Form::default()).render().expect("rendered");
    clean(&fresh);
    for word in [
        "name=\"weight\" type=\"text\" value=\"10\"",
        "name=\"concurrency\" type=\"text\" value=\"1200\"",
        "name=\"concurrency_per_node\" type=\"text\" value=\"\"",
        "name=\"seen\" value=\"10,1200,-,-\"",
        "It has weight 10, at most 1,200 at once now",
    ] {
        assert!(fresh.contains(word), "{word}: {fresh}");
    }

    let mut form = Form::default().with("weight", "5000").with("concurrency", "").with("from", "list");
    form.number("weight", "the weight", 1..=1000);
    let page = LimitsPage { stale: true, ..LimitsPage::new(shell(), &queue("mail", false), form) };
    let dialog = page.as_dialog().render().expect("rendered");
    for word in [
        "value=\"5000\"",
        "must be a whole number from 1 to 1000",
        "Somebody changed them to weight 10, at most 1,200 at once meanwhile",
        "name=\"from\" value=\"list\"",
        "name=\"concurrency\" type=\"text\" value=\"\"",
    ] {
        assert!(dialog.contains(word), "{word}: {dialog}");
    }
}
