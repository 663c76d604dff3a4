//! What the palette finds, and for whom.

use diesel::connection::SimpleConnection;
use millrace::admin::palette::{Asked, Entry, Place, service};
use millrace::base::db::PgConnection;
use millrace::queue::actor::{Actor, PersonId, Scope};
use millrace::queue::permission::Role;
use millrace::web::rail::rail;
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{enqueue, handler_template};

const NAMES: &str = "INSERT INTO millrace.queues (name) VALUES ('mail'), ('mail-bulk'), ('exports');
UPDATE millrace.queues SET paused_at = now(), paused_by = 'ada@example.org' WHERE name = 'mail-bulk';
INSERT INTO millrace.pools (name, amount) VALUES ('mail-gate', 5);
INSERT INTO millrace.people (email, name, role) VALUES ('mailer@example.org', 'Marco Rossi', 'viewer')";

fn stage() -> (TestDb, PgConnection) {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "mail.send", json!({}));
    conn.batch_execute(NAMES).unwrap();
    (db, conn)
}

fn actor(role: Role, queues: &[&str]) -> Actor {
    let queues = queues.iter().map(|queue| (*queue).to_owned()).collect();
    Actor { role, scope: Scope { queues, tags: Vec::new() }, ..Actor::system("test") }
}

fn search(conn: &mut PgConnection, actor: &Actor, text: &str, recent: &[&str]) -> Vec<String> {
    let places = Place::all(&rail(|_| true), |_| true);
    let recent: Vec<String> = recent.iter().map(|key| (*key).to_owned()).collect();
    let found = service::find(conn, actor, &Asked::parse(text), &recent, &places).unwrap();
    assert!(found.len() <= service::SHOWN_MAX, "{found:?}");
    found.iter().map(said).collect()
}

fn said(entry: &Entry) -> String {
    match entry {
        Entry::Place(place) => place.label.to_owned(),
        Entry::Thing(thing) => thing.key(),
        Entry::Job { id, .. } => format!("job {id}"),
        Entry::Act(act, thing) => format!("{} {}", act.verb(), thing.name),
        Entry::JobAct(act, id, _) => format!("{} job {id}", act.as_str()),
        Entry::Search(text) => format!("search {text}"),
    }
}

#[test]
fn a_name_is_found_by_any_part_of_it_and_its_acts_stand_behind() {
    let (_db, mut conn) = stage();
    let found = search(&mut conn, &actor(Role::Operator, &[]), "mail", &[]);

    assert_eq!(found[0], "queue mail", "what is called exactly so comes first: {found:?}");
    for wanted in ["queue mail-bulk", "template mail.send", "pool mail-gate", "Pause mail", "search mail"] {
        assert!(found.contains(&wanted.to_owned()), "{wanted}: {found:?}");
    }
    assert!(!found.iter().any(|one| one.starts_with("person")), "an operator sees no people: {found:?}");
    assert!(search(&mut conn, &actor(Role::Admin, &[]), "rossi", &[])[0].starts_with("person "));
    assert_eq!(search(&mut conn, &actor(Role::Admin, &[]), "mail snd", &[]), ["search mail snd"]);
    assert_eq!(search(&mut conn, &actor(Role::Admin, &[]), "mail sen", &[])[0], "template mail.send");
    assert_eq!(search(&mut conn, &actor(Role::Admin, &[]), "100%_", &[]), ["search 100%_"], "signs are letters");
}

#[test]
fn schedules_and_calendars_are_found_with_what_can_be_done_to_them() {
    let (_db, mut conn) = stage();
    let schedules = "INSERT INTO millrace.calendars (name, spec, updated_by) VALUES ('it-holidays', '{}', 'test');
        INSERT INTO millrace.schedules (name, template_id, version, created_by, updated_by, paused_at, paused_by)
        SELECT s.name, t.id, 1, 'test', 'test', CASE WHEN s.rests THEN now() END, CASE WHEN s.rests THEN 'ada' END
        FROM millrace.templates t CROSS JOIN (VALUES ('nightly', false), ('nightly-old', true)) AS s(name, rests);
        INSERT INTO millrace.schedules (name, template_id, version, created_by, updated_by, removed_at) SELECT 'nightly-gone', t.id, 1, 't', 't', now() FROM millrace.templates t";
    conn.batch_execute(schedules).unwrap();
    let operator = actor(Role::Operator, &[]);

    let found = search(&mut conn, &operator, "night", &[]);
    assert_eq!(found[..2], ["schedule nightly", "schedule nightly-old"], "{found:?}");
    assert!(found.contains(&"Pause nightly".to_owned()) && found.contains(&"Run nightly".to_owned()), "{found:?}");
    assert!(!found.iter().any(|one| one.contains("gone")), "{found:?}");
    assert_eq!(search(&mut conn, &operator, "resume nightly", &[])[0], "Resume nightly-old");
    assert_eq!(search(&mut conn, &operator, "holidays", &[])[0], "calendar it-holidays");
    let viewer = search(&mut conn, &actor(Role::Viewer, &[]), "night", &[]);
    assert!(!viewer.iter().any(|one| one.starts_with("Pause")), "{viewer:?}");
    let limited = search(&mut conn, &actor(Role::Operator, &["exports"]), "night", &[]);
    assert!(!limited.iter().any(|one| one.starts_with("schedule")), "{limited:?}");
    assert_eq!(search(&mut conn, &operator, "", &["schedule nightly"])[0], "schedule nightly", "chosen lately");
}

#[test]
fn a_verb_finds_what_it_can_be_done_to() {
    let (_db, mut conn) = stage();
    let job = enqueue(&mut conn, "mail.send", json!({}));
    let operator = actor(Role::Operator, &[]);

    assert_eq!(search(&mut conn, &operator, "pause mail", &[])[0], "Pause mail");
    assert_eq!(search(&mut conn, &operator, "resume queue mail", &[])[0], "Resume mail-bulk");
    assert_eq!(search(&mut conn, &operator, "enq send", &[])[0], "Enqueue mail.send");
    assert_eq!(search(&mut conn, &operator, &format!("hold {job}"), &[])[0], format!("hold job {job}"));
    let named = search(&mut conn, &operator, &format!("#{job}"), &[]);
    assert_eq!(named[0], format!("job {job}"), "{named:?}");
    assert!(named.contains(&format!("cancel job {job}")) && !named.contains(&format!("retry job {job}")), "{named:?}");
}

#[test]
fn nobody_is_offered_what_they_may_not_see_or_do() {
    let (_db, mut conn) = stage();
    let job = enqueue(&mut conn, "mail.send", json!({}));
    let viewer = search(&mut conn, &actor(Role::Viewer, &[]), "pause mail", &[]);
    let limited = search(&mut conn, &actor(Role::Operator, &["exports"]), "mail", &["queue mail"]);
    let elsewhere = search(&mut conn, &actor(Role::Operator, &["exports"]), &job.to_string(), &[]);

    assert_eq!(viewer, ["search pause mail"]);
    assert!(limited.contains(&"pool mail-gate".to_owned()), "{limited:?}");
    let not_theirs = |one: &String| ["queue", "Pause", "Change"].iter().any(|start| one.starts_with(start));
    assert!(!limited.iter().any(not_theirs), "{limited:?}");
    assert_eq!(elsewhere, [format!("search {job}")]);
}

#[test]
fn what_was_chosen_lately_comes_first_and_is_looked_up_again() {
    let (_db, mut conn) = stage();
    let job = enqueue(&mut conn, "mail.send", json!({})).to_string();
    let job = format!("job {job}");
    let operator = actor(Role::Operator, &[]);

    let lately = search(&mut conn, &operator, "", &["queue gone", &job, "place /queues", "queue exports", "person 1"]);
    assert_eq!(lately[..3], [job, "Queues".to_owned(), "queue exports".to_owned()], "{lately:?}");
    let bulk = search(&mut conn, &operator, "mail", &["queue mail-bulk"]);
    assert_eq!(bulk[0], "queue mail-bulk", "{bulk:?}");
}

#[test]
fn views_and_operations_are_found_by_those_who_may_see_them() {
    let (_db, mut conn) = stage();
    conn.batch_execute(
        "INSERT INTO millrace.people (id, email, name, role) OVERRIDING SYSTEM VALUE
            VALUES (901, 'ada@example.org', 'Ada', 'operator'), (902, 'bo@example.org', 'Bo', 'operator');
        INSERT INTO millrace.saved_views (slug, page, owner_id, name, address, visibility) VALUES
            ('late-mail', 'jobs', 901, 'Late mail', 'queue=mail', 'everyone'), ('own-mail', 'jobs', 901, 'Own mail', 'queue=mail', 'private');
        INSERT INTO millrace.operations (act, query, zone, actor, via, person_id, below) VALUES
            ('retry', 'state:failed', 'UTC', 'ada@example.org', 'console', 901, 9), ('hold', '', 'UTC', 'bo@example.org', 'console', 902, 9)",
    )
    .unwrap();
    let person = |id: i64, queues: &[&str]| Actor { person: Some(PersonId(id)), ..actor(Role::Operator, queues) };

    let ada = search(&mut conn, &person(901, &[]), "view mail", &[]);
    assert_eq!(ada[..2], ["view own-mail", "view late-mail"], "{ada:?}");
    let bo = search(&mut conn, &person(902, &[]), "view mail", &[]);
    assert_eq!(bo, ["view late-mail", "search view mail"]);

    let all = search(&mut conn, &person(902, &[]), "operation", &[]);
    assert!(all.contains(&"operation 1".into()) && all.contains(&"operation 2".into()), "{all:?}");
    assert!(all.contains(&"Operations".into()), "the page of all of them too: {all:?}");
    let limited = search(&mut conn, &person(902, &["mail"]), "operation", &[]);
    assert!(limited.contains(&"operation 2".into()) && !limited.contains(&"operation 1".into()), "{limited:?}");
    assert_eq!(search(&mut conn, &person(901, &[]), "operation retr", &[])[0], "operation 1");
    assert_eq!(search(&mut conn, &person(901, &[]), "", &["operation 1"])[0], "operation 1", "chosen lately");
}

#[test]
fn a_search_is_few_statements_and_fast_among_ten_thousand_names() {
    let (_db, mut conn) = stage();
    conn.batch_execute(
        "INSERT INTO millrace.templates (name, created_by, latest_version) SELECT 'shop.task-' || n, 'test', 1 FROM generate_series(1, 10000) AS n;
        ANALYZE millrace.templates",
    )
    .unwrap();
    let operator = actor(Role::Operator, &[]);
    search(&mut conn, &operator, "pause task-99", &["queue mail"]);

    let begun = std::time::Instant::now();
    let found = search(&mut conn, &operator, "task-9999", &["queue mail"]);

    assert_eq!(found[0], "template shop.task-9999");
    assert!(begun.elapsed() < std::time::Duration::from_millis(200), "{:?}", begun.elapsed());
}
