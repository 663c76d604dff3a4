//! Every template in every state.

use askama::Template;

use super::act::Facts;
use super::list::ListPage;
use super::show::ShowPage;
use super::slots::{SlotsPage, question};
use crate::admin::jobs::trail::Record;
use crate::admin::nodes::read::sample::node;
use crate::admin::nodes::service::Act;
use crate::admin::nodes::{Ages, NodeRow, RunningJob};
use crate::queue::actor::{Actor, Scope};
use crate::queue::job::JobId;
use crate::queue::permission::Role;
use crate::queue::pool_sizes::PoolSize;
use crate::web::form::Form;
use crate::web::shell::sample::shell;

fn actor(role: Role) -> Actor {
    Actor { role, ..Actor::system("test") }
}

fn nodes() -> Vec<NodeRow> {
    let named = |name: &str, state: &str, heartbeat_age_ms: i64| NodeRow {
        name: name.into(),
        state: state.into(),
        heartbeat_age_ms,
        ..node()
    };
    vec![
        named("fra-01", "up", 900),
        named("fra-02", "draining", 900),
        named("fra-03", "up", 41_000),
        named("fra-04", "down", 9_000_000),
        NodeRow { lost_at: Some(node().heartbeat_at), ..named("fra-05", "down", 9_000_000) },
    ]
}

fn list(role: Role) -> ListPage {
    let ages = vec![Ages { name: "fra-01".into(), running_for: vec![700.0, 20.0, 0.2] }];
    ListPage::new(&actor(role), shell(), &nodes(), ages)
}

fn show(role: Role, node: &NodeRow, lively: bool) -> ShowPage {
    let job = RunningJob {
        id: JobId(48_213_907),
        template: "mail.send".into(),
        queue: "mail".into(),
        attempt: 2,
        claimed_at: shell().now - chrono::TimeDelta::seconds(700),
    };
    let record = Record {
        at: shell().now,
        actor: "Giulia <b>".into(),
        act: "node.drain".into(),
        accepted: true,
        reason: Some("new disk <b>".into()),
        after: None,
    };
    let size = PoolSize {
        at: shell().now,
        slots_before: 4,
        slots_after: 8,
        busy: 4,
        waiting: 9,
        drain_ms: None,
        reason: "9 jobs wait <b>".into(),
        applied: false,
    };
    let rest = if lively { (vec![job], vec![size], vec![record]) } else { (Vec::new(), Vec::new(), Vec::new()) };
    ShowPage::new(&actor(role), shell(), (node, &[700.0]), (&rest.0, &rest.1, &rest.2))
}

fn clean(html: &str) {
    assert!(!html.contains("<b>a") && !html.contains("Giulia <b>") && !html.contains(" style="), "{html}");
    assert_eq!((html.matches("<main").count(), html.matches("<h1").count()), (1, 1));
}

#[test]
fn the_list_shows_how_every_node_stands() {
    let html = list(Role::Operator).render().expect("rendered");

    clean(&html);
    for word in [
        "1 running · 1 draining · 1 silent · 1 lost · 1 stopped · 6 of 16 slots busy",
        "3 jobs still run",
        "for 41 s",
        "last heard 14:32:07",
        "3 of 8 slots busy",
        "class=\"h5\"",
        "212 MB",
        "zone=&#60;b&#62;a",
        "mail, exports",
        "/nodes/fra-01/drain?from=list",
        "hx-post=\"/nodes/fra-02/resume?from=list\"",
        "hx-sse:connect=\"/live/nodes",
    ] {
        assert!(html.contains(word), "{word}: {html}");
    }
    assert!(!html.contains("/nodes/fra-02/drain") && !html.contains("/nodes/fra-04/"));
}

#[test]
fn who_may_not_act_or_is_limited_to_some_queues_is_offered_nothing() {
    let limited = Actor { scope: Scope { queues: vec!["mail".into()], tags: Vec::new() }, ..actor(Role::Operator) };
    for actor in [actor(Role::Viewer), limited] {
        let html = ListPage::new(&actor, shell(), &nodes(), Vec::new()).render().expect("rendered");
        assert!(!html.contains("/drain") && !html.contains("/resume"), "{html}");
    }
}

#[test]
fn an_empty_list_teaches() {
    let html = ListPage::new(&actor(Role::Viewer), shell(), &[], Vec::new()).render().expect("rendered");

    clean(&html);
    assert!(html.contains("MILLRACE_ROLES=engine millrace serve") && html.contains("no node · 0 of 0 slots busy"));
}

#[test]
fn one_node_is_rendered_in_every_state() {
    let words = ["", "3 jobs still run.", "for 41 s.", "last heard"];
    for (node, word) in nodes().iter().zip(words) {
        for lively in [true, false] {
            let html = show(Role::Admin, node, lively).render().expect("rendered");
            clean(&html);
            assert!(html.contains(word), "{word}: {html}");
            assert_eq!(html.contains("/jobs/48213907"), lively);
            assert!(html.contains("2.4 s behind") && html.contains("class=\"down\""));
        }
    }
    let html = show(Role::Admin, &nodes()[0], true).render().expect("rendered");
    for word in ["11m 40s", "drained it", "“new disk &#60;b&#62;”", "1 of 3 jobs that run here are shown"] {
        assert!(html.contains(word), "{word}: {html}");
    }
}

#[test]
fn parts_are_rendered_alone_too() {
    let page = list(Role::Admin);
    assert!(page.as_rows().render().expect("rows").contains("id=\"node-fra-01\""));
    assert!(page.as_facts().render().expect("facts").contains("1 running"));

    let page = show(Role::Admin, &nodes()[1], true);
    for (part, word) in [
        (page.as_head().render(), "Resume"),
        (page.as_banner().render(), "Draining, 3 jobs still run."),
        (page.as_facts().render(), "Epoch"),
        (page.as_slots_block().render(), "slots busy"),
        (page.as_jobs_block().render(), "mail.send"),
        (page.as_deeds_block().render(), "drained it"),
    ] {
        let part = part.expect("rendered");
        assert!(part.contains(word) && !part.contains("<main"), "{word}: {part}");
    }
}

#[test]
fn the_questions_say_what_would_happen_in_numbers() {
    let facts = Facts { node: node(), other_nodes: 0, other_slots: 0 };
    let drain = facts.question(Act::Drain, Form::default().with("from", "list"));
    assert!(drain.reason && drain.harmful && drain.back == "/nodes");
    assert!(drain.effects.iter().any(|line| line == "3 jobs that run there go on to their end."));
    assert!(drain.effects.iter().any(|line| line.starts_with("No other node takes work")));

    let facts = Facts { node: node(), other_nodes: 2, other_slots: 1_200 };
    let others = facts.question(Act::Drain, Form::default());
    assert!(others.effects.iter().any(|line| line == "2 other nodes take work, with 1,200 slots."));
    let resume = facts.question(Act::Resume, Form::default());
    assert!(!resume.reason && resume.back == "/nodes/fra-01");
}

#[test]
fn a_node_tells_how_its_pool_grew_and_why() {
    let lively = show(Role::Viewer, &node(), true).render().expect("rendered");
    for word in ["4 → 8 slots", "9 jobs wait &#60;b&#62;", "dry run", "2 to 32"] {
        assert!(lively.contains(word), "{word}: {lively}");
    }
    let calm = show(Role::Viewer, &node(), false).render().expect("rendered");
    assert!(calm.contains("It had no reason to change"));
    let fixed = NodeRow { slots_min: Some(8), slots_max: Some(8), ..node() };
    assert!(show(Role::Viewer, &fixed, false).render().expect("rendered").contains("It always has as many"));
}

#[test]
fn bounds_that_people_set_are_shown_beside_the_nodes_own() {
    let set = NodeRow {
        wanted_slots_min: Some(2),
        wanted_slots_max: Some(8),
        wanted_slots_at: Some(shell().now),
        wanted_slots_by: Some("ada@example.org".into()),
        wanted_slots_by_name: Some("Giulia <b>".into()),
        ..node()
    };
    let page = show(Role::Admin, &set, true);
    let block = page.as_bounds_block().render().expect("rendered");
    for word in [
        "2 to 8</b> as Giulia &#60;b&#62; set them",
        "Its own setting says 2 to 32",
        "room for 128",
        "As its setting says",
    ] {
        assert!(block.contains(word), "{word}: {block}");
    }
    assert!(page.as_facts().render().expect("rendered").contains("2 to 8"));
    let other = show(Role::Operator, &set, true).as_bounds_block().render().expect("rendered");
    assert!(other.contains("Giulia") && !other.contains("/slots") && !other.contains("/own-slots"));
    let untold = NodeRow { slots_min: None, slots_max: None, slots_ceiling: None, ..node() };
    let untold = show(Role::Admin, &untold, true).as_bounds_block().render().expect("rendered");
    assert!(untold.contains("It has not told") && !untold.contains("/slots"), "{untold}");
    let list = ListPage::new(&actor(Role::Viewer), shell(), &[set], Vec::new()).render().expect("rendered");
    assert!(list.contains("2 to 8<span title=\"Giulia &#60;b&#62;, "), "{list}");
}

#[test]
fn the_form_of_bounds_tells_what_is_in_force_and_keeps_what_was_typed() {
    let fresh = SlotsPage::new(shell(), &node(), Form::default());
    let html = fresh.render().expect("rendered");
    clean(&html);
    for word in [
        "It has 2 to 32 now",
        "value=\"2\"",
        "value=\"32\"",
        "fra-01 has room for 128",
        "action=\"/nodes/fra-01/slots\"",
    ] {
        assert!(html.contains(word), "{word}: {html}");
    }
    let mut typed = Form::default().with("min", "<b>a").with("max", "9");
    typed.refuse("min", "No number");
    let dialog = SlotsPage::new(shell(), &nodes()[3], typed);
    let dialog = dialog.as_dialog().render().expect("rendered").to_string();
    assert!(dialog.contains("value=\"&#60;b&#62;a\"") && dialog.contains("when it starts again"), "{dialog}");
    let ask = question(&node(), Form::default());
    assert!(ask.effects[0].starts_with("Its setting says 2 to 32.") && ask.action == "/nodes/fra-01/own-slots");
}
