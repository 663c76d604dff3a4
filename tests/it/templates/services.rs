//! What the services promise: versions, publication, life cycle, permission, audit.

use diesel::QueryableByName;
use diesel::sql_types::{Integer, Text};
use millrace::admin::templates::acts::{Act, Acted, act};
use millrace::admin::templates::service::{
    Draft, Publication, Saved, TemplateError, apply, archive, publish, roll_back, save,
};
use millrace::admin::templates::{self, TemplateFilter, TemplateState};
use millrace::base::clock::SystemClock;
use millrace::base::db::{PgConnection, statement};
use millrace::base::text::TemplateName;
use millrace::queue::actor::{Actor, Scope};
use millrace::queue::idempotency::{Once, RequestKey};
use millrace::queue::permission::Role;
use millrace::queue::template::TemplateSpec;
use serde_json::{Value, json};

use crate::support::TestDb;
use crate::support::stage::{enqueue, number};

const CLOCK: SystemClock = SystemClock;

fn admin() -> Actor {
    Actor { name: "ada@example.org".into(), ..Actor::system("x") }
}

fn somebody(role: Role) -> Actor {
    Actor { role, ..admin() }
}

fn name(text: &str) -> TemplateName {
    TemplateName::parse(text).unwrap()
}

fn spec(argument: &str) -> TemplateSpec {
    serde_json::from_value(json!({ "runner": "command", "command": { "argv": ["/bin/echo", argument] } })).unwrap()
}

fn saved(conn: &mut PgConnection, argument: &str, base: Option<i32>) -> Result<Saved, TemplateError> {
    let (name, spec) = (name("demo.echo"), spec(argument));
    save(conn, &CLOCK, &admin(), &Draft { name: &name, spec: &spec, message: "why", base })
}

fn version_of(conn: &mut PgConnection, job: i64) -> i32 {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        version: i32,
    }
    let row: Option<Row> = statement("SELECT version FROM millrace.jobs WHERE id = $1")
        .bind::<diesel::sql_types::BigInt, _>(job)
        .row(conn)
        .unwrap();
    row.unwrap().version
}

fn audited(conn: &mut PgConnection) -> Vec<String> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        said: String,
    }
    const SQL: &str = "SELECT act || ' by ' || actor || coalesce(': ' || reason, '') AS said FROM millrace.audit
        WHERE act LIKE 'template.%' ORDER BY id";
    statement(SQL).rows::<Row>(conn).unwrap().into_iter().map(|row| row.said).collect()
}

#[test]
fn each_change_makes_a_version_and_no_change_makes_none() {
    let db = TestDb::new();
    let conn = &mut db.connect();

    assert_eq!(saved(conn, "a", Some(0)).unwrap(), Saved { version: 1, unchanged: false });
    assert_eq!(saved(conn, "b", Some(1)).unwrap(), Saved { version: 2, unchanged: false });
    assert_eq!(saved(conn, "b", None).unwrap(), Saved { version: 2, unchanged: true });

    let row = templates::show(conn, "demo.echo").unwrap().unwrap();
    assert_eq!((row.state(), row.active_version, row.latest_version), (TemplateState::Draft, None, 2));
    let versions = templates::versions(conn, row.id, None, 10).unwrap();
    let told: Vec<_> = versions.iter().map(|one| (one.version, one.author.as_str(), one.message.as_deref())).collect();
    assert_eq!(told, [(2, "ada@example.org", Some("why")), (1, "ada@example.org", Some("why"))]);
}

#[test]
fn a_change_from_an_old_version_is_refused_but_not_a_form_sent_twice() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    saved(conn, "a", Some(0)).unwrap();
    saved(conn, "b", Some(1)).unwrap();

    assert!(matches!(saved(conn, "c", Some(1)), Err(TemplateError::Stale { base: 1, latest: 2 })));
    assert!(matches!(saved(conn, "c", Some(0)), Err(TemplateError::NameTaken(_))));
    assert!(saved(conn, "b", Some(1)).unwrap().unchanged);
}

#[test]
fn two_who_save_at_once_do_not_overwrite_each_other() {
    let db = TestDb::new();
    saved(&mut db.connect(), "a", Some(0)).unwrap();
    let (db, barrier) = (std::sync::Arc::new(db), std::sync::Arc::new(std::sync::Barrier::new(4)));

    let savers: Vec<_> = (0..4)
        .map(|n| {
            let (db, barrier) = (db.clone(), barrier.clone());
            std::thread::spawn(move || {
                let mut conn = db.connect();
                barrier.wait();
                saved(&mut conn, &format!("from {n}"), Some(1)).is_ok()
            })
        })
        .collect();
    let done = savers.into_iter().filter(|_| true).map(|saver| saver.join().unwrap()).filter(|done| *done).count();

    assert_eq!(done, 1);
    assert_eq!(number(&mut db.connect(), "SELECT count(*) AS number FROM millrace.template_versions"), 2);
}

#[test]
fn new_jobs_run_what_is_published_and_old_ones_what_they_were_made_with() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    saved(conn, "a", None).unwrap();
    publish(conn, &CLOCK, &admin(), "demo.echo", None).unwrap();
    let first = enqueue(conn, "demo.echo", json!({}));

    saved(conn, "b", None).unwrap();
    let while_draft = enqueue(conn, "demo.echo", json!({}));
    publish(conn, &CLOCK, &admin(), "demo.echo", Some(2)).unwrap();
    let second = enqueue(conn, "demo.echo", json!({}));
    let third_version = roll_back(conn, &CLOCK, &admin(), "demo.echo", 1).unwrap();
    let third = enqueue(conn, "demo.echo", json!({}));

    assert_eq!([first, while_draft, second, third].map(|job| version_of(conn, job.0)), [1, 1, 2, 3]);
    assert_eq!(third_version, 3);
    let row = templates::show(conn, "demo.echo").unwrap().unwrap();
    let content = |conn: &mut PgConnection, version| templates::version(conn, row.id, version).unwrap().unwrap().spec;
    assert_eq!(content(conn, 3), content(conn, 1));
    assert_eq!((row.state(), row.active_version, row.unfinished), (TemplateState::Active, Some(3), 4));
}

#[test]
fn publishing_again_changes_nothing_and_a_missing_version_is_named() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    saved(conn, "a", None).unwrap();

    assert!(!publish(conn, &CLOCK, &admin(), "demo.echo", None).unwrap().unchanged);
    assert!(publish(conn, &CLOCK, &admin(), "demo.echo", Some(1)).unwrap().unchanged);
    let missing = publish(conn, &CLOCK, &admin(), "demo.echo", Some(9)).unwrap_err();
    assert_eq!(missing.to_string(), "the template \"demo.echo\" has no version 9");
    assert_eq!(
        roll_back(conn, &CLOCK, &admin(), "no.such", 1).unwrap_err().to_string(),
        "there is no template called \"no.such\""
    );
    assert_eq!(audited(conn).len(), 2);
}

#[test]
fn an_archived_template_is_at_its_end() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    saved(conn, "a", None).unwrap();
    publish(conn, &CLOCK, &admin(), "demo.echo", None).unwrap();
    let job = enqueue(conn, "demo.echo", json!({}));

    archive(conn, &CLOCK, &admin(), "demo.echo", "replaced").unwrap();

    let refused = |result: Result<(), TemplateError>| result.unwrap_err().to_string();
    assert!(
        refused(archive(conn, &CLOCK, &admin(), "demo.echo", "")).contains("is archived, so it cannot be archived")
    );
    assert!(refused(saved(conn, "b", None).map(drop)).contains("cannot be changed"));
    assert!(refused(publish(conn, &CLOCK, &admin(), "demo.echo", None).map(drop)).contains("cannot be published"));
    assert!(refused(roll_back(conn, &CLOCK, &admin(), "demo.echo", 1).map(drop)).contains("cannot be rolled back"));
    assert!(statement("SELECT millrace.enqueue('demo.echo', '{}')").run(conn).is_err());
    assert_eq!(crate::support::stage::state(conn, job), "ready");
}

#[test]
fn several_templates_are_saved_together_or_not_at_all() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    saved(conn, "a", None).unwrap();
    archive(conn, &CLOCK, &admin(), "demo.echo", "").unwrap();
    let both = [(name("first.one"), spec("a")), (name("demo.echo"), spec("b"))];

    let refused = apply(conn, &CLOCK, &admin(), &both, ("", Publication::WhenAllowed)).unwrap_err();

    assert!(refused.to_string().contains("\"demo.echo\" is archived"), "{refused}");
    assert!(templates::show(conn, "first.one").unwrap().is_none());
    let applied = apply(conn, &CLOCK, &somebody(Role::Operator), &both[..1], ("", Publication::WhenAllowed)).unwrap();
    assert_eq!((applied[0].version, applied[0].published), (1, false));
    let applied = apply(conn, &CLOCK, &admin(), &both[..1], ("", Publication::WhenAllowed)).unwrap();
    assert_eq!((applied[0].version, applied[0].unchanged, applied[0].published), (1, true, true));
}

#[test]
fn drafting_and_publishing_are_different_rights() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    let (of, content) = (name("demo.echo"), spec("a"));
    let draft = Draft { name: &of, spec: &content, message: "", base: None };

    for role in [Role::Analyst, Role::Auditor, Role::Viewer] {
        assert!(matches!(save(conn, &CLOCK, &somebody(role), &draft), Err(TemplateError::Forbidden(_))), "{role:?}");
    }
    save(conn, &CLOCK, &somebody(Role::Operator), &draft).unwrap();
    for role in [Role::Operator, Role::Analyst, Role::Auditor, Role::Viewer] {
        let actor = somebody(role);
        assert!(matches!(publish(conn, &CLOCK, &actor, "demo.echo", None), Err(TemplateError::Forbidden(_))));
        assert!(matches!(roll_back(conn, &CLOCK, &actor, "demo.echo", 1), Err(TemplateError::Forbidden(_))));
        assert!(matches!(archive(conn, &CLOCK, &actor, "demo.echo", ""), Err(TemplateError::Forbidden(_))));
    }
    let limited = Actor { scope: Scope { queues: vec!["mail".into()], tags: vec![] }, ..somebody(Role::Operator) };
    let other = spec("b");
    let refused = save(conn, &CLOCK, &limited, &Draft { spec: &other, ..draft }).unwrap_err();
    assert_eq!(refused.to_string(), "the queue \"default\" is outside of your scope");
}

#[test]
fn rules_are_checked_and_names_of_the_console_refused() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    let broken: TemplateSpec =
        serde_json::from_value(json!({ "runner": "command", "command": { "argv": ["./x", "{{ params. }}"] } }))
            .unwrap();
    let problems = |conn: &mut PgConnection, of: &str, spec: &TemplateSpec| match save(
        conn,
        &CLOCK,
        &admin(),
        &Draft { name: &name(of), spec, message: "", base: None },
    ) {
        Err(TemplateError::Refused(problems)) => problems.into_iter().map(|one| one.pointer).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };

    assert_eq!(problems(conn, "a", &broken), ["/command/argv/0", "/command/argv/1"]);
    assert_eq!(problems(conn, "new", &spec("a")), ["/name"]);
    assert_eq!(number(conn, "SELECT count(*) AS number FROM millrace.templates"), 0);
    let long = "x".repeat(501);
    let draft = Draft { name: &name("a"), spec: &spec("a"), message: &long, base: None };
    assert!(matches!(save(conn, &CLOCK, &admin(), &draft), Err(TemplateError::BadNote(_))));
}

#[test]
fn every_accepted_act_is_audited_once() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    saved(conn, "a", None).unwrap();
    saved(conn, "a", None).unwrap();
    publish(conn, &CLOCK, &admin(), "demo.echo", None).unwrap();
    roll_back(conn, &CLOCK, &admin(), "demo.echo", 1).unwrap();
    archive(conn, &CLOCK, &admin(), "demo.echo", "replaced").unwrap();

    assert_eq!(
        audited(conn),
        [
            "template.save by ada@example.org: why",
            "template.publish by ada@example.org",
            "template.roll_back by ada@example.org",
            "template.archive by ada@example.org: replaced",
        ]
    );
}

#[test]
fn one_key_acts_once() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    saved(conn, "a", None).unwrap();
    let key = |asked: u8| RequestKey::new(&admin(), "k", [asked; 32]).unwrap();
    let mut again = |asked| act(conn, &CLOCK, &admin(), "demo.echo", (&Act::RollBack(1), Some(&key(asked)))).unwrap();

    let made = Acted { version: Some(2), unchanged: false };
    assert_eq!(again(1), Once::Done(made));
    assert_eq!(again(1), Once::Repeated(made));
    assert_eq!(again(2), Once::OtherRequest);
    assert_eq!(number(conn, "SELECT count(*) AS number FROM millrace.template_versions"), 2);
}

#[test]
fn lists_are_filtered_counted_and_paged() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    let http: TemplateSpec = serde_json::from_value(
        json!({ "runner": "http", "http": { "url": "http://a/" }, "description": "100% Über_all" }),
    )
    .unwrap();
    let all: Vec<_> =
        ["a.one", "b.two", "c.three"].iter().map(|of| (name(of), spec("x"))).chain([(name("d.web"), http)]).collect();
    apply(conn, &CLOCK, &admin(), &all[..2], ("", Publication::WhenAllowed)).unwrap();
    apply(conn, &CLOCK, &admin(), &all[2..], ("", Publication::Never)).unwrap();
    archive(conn, &CLOCK, &admin(), "b.two", "").unwrap();
    let everything = Scope::default();
    let mut found = |filter: &TemplateFilter, after: Option<&str>, limit| -> Vec<String> {
        let rows = templates::search(conn, &everything, filter, after, limit).unwrap();
        rows.into_iter().map(|row| row.name).collect()
    };
    let with_text = |text: &str| TemplateFilter { text: Some(text.into()), ..TemplateFilter::default() };
    let in_state = |state| TemplateFilter { state: Some(state), ..TemplateFilter::default() };

    assert_eq!(found(&TemplateFilter::default(), None, 10), ["a.one", "b.two", "c.three", "d.web"]);
    assert_eq!(found(&TemplateFilter::default(), Some("b.two"), 1), ["c.three"]);
    assert_eq!(found(&in_state(TemplateState::Draft), None, 10), ["c.three", "d.web"]);
    assert_eq!(found(&with_text("über"), None, 10), ["d.web"]);
    assert_eq!(found(&with_text("100%"), None, 10), ["d.web"]);
    assert_eq!(found(&with_text("r_a"), None, 10), ["d.web"]);
    assert_eq!(found(&with_text("%"), None, 10), ["d.web"]);
    assert_eq!(found(&with_text("a\0"), None, 10), [""; 0]);

    let counts = templates::state_counts(conn, &TemplateFilter::default()).unwrap();
    let mut told: Vec<_> = counts.iter().map(|count| (count.state.as_str(), count.templates)).collect();
    told.sort_unstable();
    assert_eq!(told, [("active", 1), ("archived", 1), ("draft", 2)]);
}

#[test]
fn jobs_are_counted_within_the_scope_of_who_looks() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    saved(conn, "a", None).unwrap();
    publish(conn, &CLOCK, &admin(), "demo.echo", None).unwrap();
    enqueue(conn, "demo.echo", json!({}));
    statement("SELECT millrace.enqueue('demo.echo', '{}', queue => 'mail')").run(conn).unwrap();
    let mut unfinished = |queues: &[&str], tags: &[&str]| {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let scope = Scope { queues: texts(queues), tags: texts(tags) };
        templates::show_in(conn, &scope, "demo.echo").unwrap().unwrap().unfinished
    };

    assert_eq!((unfinished(&[], &[]), unfinished(&["mail"], &[]), unfinished(&[], &["vip"])), (2, 1, 0));
}

#[test]
fn a_version_cannot_be_changed_in_the_database_either() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    saved(conn, "a", None).unwrap();

    let refused = statement("UPDATE millrace.template_versions SET author = 'somebody else'").run(conn);

    assert!(refused.is_err(), "{refused:?}");
    let id = templates::show(conn, "demo.echo").unwrap().unwrap().id;
    let kept: Value = templates::version(conn, id, 1).unwrap().unwrap().spec;
    assert_eq!(kept["command"]["argv"], json!(["/bin/echo", "a"]));
}
