//! Every template in every state.

use askama::Template;

use super::edit::EditPage;
use super::list::ListPage;
use super::remove::question;
use super::show::ShowPage;
use crate::admin::jobs::trail::Record;
use crate::admin::pools::service::Parties;
use crate::admin::pools::{Holder, NodeShare, PoolRow, User, Waiter};
use crate::queue::actor::{Actor, Scope};
use crate::queue::job::JobId;
use crate::queue::permission::Role;
use crate::web::form::Form;
use crate::web::live;
use crate::web::shell::sample::shell;

fn pool(name: &str, amount: i32, used: i32) -> PoolRow {
    PoolRow {
        name: name.into(),
        amount,
        unit: "MB".into(),
        description: "what a <b>worker</b> may take".into(),
        used,
        kept: 512,
        waiting: 1_204,
        too_large: 3,
        created_at: shell().now,
        updated_at: shell().now,
        version: 7,
    }
}

fn actor(role: Role) -> Actor {
    Actor { role, ..Actor::system("test") }
}

fn users() -> Vec<(String, User)> {
    let user = |template: &str| ("memory-mb".to_owned(), User { template: template.into(), version: 2, amount: 1_024 });
    ["a.b", "c", "d", "e"].map(user).into()
}

fn parties() -> Parties {
    let since = shell().now - chrono::TimeDelta::seconds(252);
    let (template, queue) = ("video.cut".to_owned(), "media".to_owned());
    Parties {
        nodes: vec![NodeShare { node: "mil-01".into(), amount: 3_072 }],
        holders: vec![Holder {
            job: JobId(7),
            template: template.clone(),
            queue: queue.clone(),
            node: "mil-01".into(),
            amount: 2_048,
            since,
        }],
        waiters: vec![Waiter { job: JobId(9), template, queue, priority: 2, amount: 8_192, since }],
        users: users().into_iter().map(|(_, user)| user).collect(),
    }
}

fn show(role: Role, pool: &PoolRow, parties: &Parties) -> String {
    let record = Record {
        at: shell().now,
        actor: "Nadia <b>".into(),
        act: "pool.change".into(),
        accepted: true,
        after: Some(serde_json::json!({ "amount": 4_096 })),
        reason: Some("more <b>memory</b>".into()),
    };
    ShowPage::new(&actor(role), shell(), (pool, parties), &[record]).render().expect("rendered")
}

fn clean(html: &str) {
    assert!(!html.contains("<b>") && !html.contains(" style="), "{html}");
    assert_eq!((html.matches("<main").count(), html.matches("<h1").count()), (1, 1));
}

fn holds(html: &str, words: &[&str]) {
    words.iter().for_each(|word| assert!(html.contains(word), "{word}: {html}"));
}

#[test]
fn the_list_shows_how_full_each_pool_is_and_who_reserves() {
    let pools = [pool("memory-mb", 4_096, 3_072), pool("low", 2_000, 3_072)];

    let html = ListPage::new(&actor(Role::Operator), shell(), &pools, &users()).render().expect("rendered");

    clean(&html);
    holds(
        &html,
        &[
            "2 pools · 1 without room · 2,408 jobs wait",
            "3,072 of 4,096 MB · 512 MB kept",
            "width=\"87%\"",
            ">512 MB</td>",
            "3 need more than there is",
            "More reserved than there is",
            "/templates/a.b",
            "and 1 more",
            "no template",
            "/pools/memory-mb/change?from=list",
            "/pools/new",
            "hx-sse:connect=\"/live/pools",
            "what a &#60;b&#62;worker",
        ],
    );
}

#[test]
fn whoever_may_not_act_sees_no_buttons() {
    let limited = Actor { scope: Scope { queues: vec!["mail".into()], ..Scope::default() }, ..actor(Role::Operator) };

    for actor in [actor(Role::Viewer), limited] {
        let list = ListPage::new(&actor, shell(), &[pool("memory-mb", 4_096, 0)], &[]).render().expect("rendered");
        let page = ShowPage::new(&actor, shell(), (&pool("memory-mb", 4_096, 0), &Parties::default()), &[]);
        let page = page.render().expect("rendered");
        for html in [list, page] {
            assert!(!html.contains("/change") && !html.contains("/remove") && !html.contains("/pools/new"), "{html}");
        }
    }
}

#[test]
fn an_empty_list_teaches() {
    let html = ListPage::new(&actor(Role::Admin), shell(), &[], &[]).render().expect("rendered");

    clean(&html);
    holds(&html, &["No pool yet", "millrace pool set db-connections --amount 5", "0 pools · nothing waits"]);
}

#[test]
fn a_pool_s_page_tells_who_holds_and_who_waits() {
    let html = show(Role::Admin, &pool("memory-mb", 4_096, 3_072), &parties());

    clean(&html);
    holds(
        &html,
        &[
            "2,048 MB",
            "/jobs/7",
            "mil-01",
            "3,072 MB",
            "The 1 that took most are shown.",
            "8,192 MB<span class=\"sub down\">more than there is",
            "4m 12s",
            "1 of ",
            "set it to 4,096 MB",
            "Nadia &#60;b&#62;",
            "hx-sse:connect=\"/live/pool?name=memory-mb",
        ],
    );
    let none = show(Role::Admin, &PoolRow { waiting: 0, kept: 0, ..pool("idle", 4_096, 0) }, &Parties::default());
    clean(&none);
    assert!(!html.contains("/remove"), "templates reserve of it");
    holds(&none, &["/pools/idle/remove", "Nothing is reserved", "Nothing waits for it.", "No template reserves of it"]);
}

#[test]
fn the_form_keeps_what_it_showed_in_mind_and_tells_when_that_is_old() {
    let fresh = EditPage::fresh(shell(), Form::default()).render().expect("rendered");
    let form = Form::default().with(live::FROM, live::FROM_LIST);
    let of = EditPage::of(shell(), &pool("memory-mb", 4_096, 3_072), form).render().expect("rendered");
    let typed = Form::default().with("amount", "9");
    let stale = EditPage { stale: true, ..EditPage::of(shell(), &pool("memory-mb", 4_096, 3_072), typed) };
    let stale = stale.render().expect("rendered");

    [&fresh, &of, &stale].into_iter().for_each(|html| clean(html));
    holds(&fresh, &["action=\"/pools/new\"", "name=\"name\"", "Make the pool"]);
    holds(
        &of,
        &[
            "name=\"seen\" value=\"7\"",
            "value=\"4096\"",
            "It has 4,096 MB now, of which 3,072 MB are reserved",
            "href=\"/pools\"",
        ],
    );
    holds(&stale, &["Somebody set it to 4,096 MB meanwhile.", "value=\"9\"", "Keep theirs"]);
}

#[test]
fn the_question_says_what_becomes_of_those_who_wait() {
    let effects = |waiting| question(&PoolRow { waiting, ..pool("db", 4, 0) }, Form::default()).effects.remove(1);

    assert_eq!(effects(0), "No job waits for it now.");
    assert_eq!(effects(1), "1 job of an older version waits for it: it goes on without it.");
    assert_eq!(effects(1_204), "1,204 jobs of older versions wait for it: they go on without it.");
}
