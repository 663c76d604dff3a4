//! Saved views: who sees them, who may change them, what a stale form does, and what the jobs page makes of them.

use diesel::sql_types::BigInt;
use millrace::admin::views::service::{self, PINS_MAX, ViewError, Wish, make_in, pin};
use millrace::admin::views::{SavedView, Visibility};
use millrace::base::db::{PgConnection, statement, transaction};
use millrace::queue::actor::{Actor, PersonId, Scope};
use millrace::queue::permission::Role;
use serde_json::json;

use crate::support::TestDb;
use crate::support::stage::{enqueue, handler_template, number};
use crate::templates::stage::Console;

fn person(conn: &mut PgConnection, name: &str, role: Role) -> Actor {
    #[derive(diesel::QueryableByName)]
    struct Id {
        #[diesel(sql_type = BigInt)]
        id: i64,
    }
    const SQL: &str = "INSERT INTO millrace.people (email, name, role, zone) VALUES ($1 || '@example.org', $1, $2, 'UTC') RETURNING id";
    let row: Option<Id> = statement(SQL)
        .bind::<diesel::sql_types::Text, _>(name)
        .bind::<diesel::sql_types::Text, _>(role.as_str())
        .row(conn)
        .unwrap();
    let person = Some(PersonId(row.unwrap().id));
    Actor { person, role, name: format!("{name}@example.org"), scope: Scope::default(), ..Actor::system("t") }
}

fn wish(name: &str, visibility: Visibility) -> Wish {
    Wish { name: name.into(), address: "state=failed".into(), visibility }
}

fn make(conn: &mut PgConnection, actor: &Actor, wish: &Wish) -> Result<String, ViewError> {
    transaction(conn, "test", |tx| make_in(tx, actor, "jobs", wish))
}

fn names(conn: &mut PgConnection, actor: &Actor) -> Vec<String> {
    service::list(conn, actor, "jobs").unwrap().into_iter().map(|view: SavedView| view.name).collect()
}

#[test]
fn a_view_is_seen_by_whom_its_owner_shows_it_to() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let [ada, bob] = ["ada", "bob"].map(|name| person(&mut conn, name, Role::Operator));
    let [eve, root, vic] = [("eve", Role::Analyst), ("root", Role::Admin), ("vic", Role::Viewer)]
        .map(|(name, role)| person(&mut conn, name, role));
    for (name, visibility) in [("mine", Visibility::Private), ("ours", Visibility::Team), ("all", Visibility::Everyone)]
    {
        make(&mut conn, &ada, &wish(name, visibility)).unwrap();
    }

    assert_eq!(names(&mut conn, &ada), ["all", "mine", "ours"]);
    assert_eq!(names(&mut conn, &bob), ["all", "ours"]);
    for other in [&eve, &root, &vic] {
        assert_eq!(names(&mut conn, other), ["all"], "{}", other.name);
    }
    assert!(matches!(service::find(&mut conn, &root, "mine"), Err(ViewError::NotFound(_))));

    const DEMOTE: &str = "UPDATE millrace.people SET role = 'viewer' WHERE name = 'ada'";
    statement(DEMOTE).run(&mut conn).unwrap();
    assert_eq!(names(&mut conn, &bob), [] as [String; 0], "what somebody shared who may share no more is theirs alone");
}

#[test]
fn a_viewer_keeps_views_and_shows_them_to_nobody() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let vic = person(&mut conn, "vic", Role::Viewer);

    let slug = make(&mut conn, &vic, &wish("Mine, only", Visibility::Private)).unwrap();
    assert_eq!(slug, "mine-only");
    for visibility in [Visibility::Team, Visibility::Everyone] {
        assert!(matches!(make(&mut conn, &vic, &wish("x", visibility)), Err(ViewError::Forbidden(_))));
        let shared = service::change(&mut conn, &vic, &slug, (&wish("x", visibility), 1));
        assert!(matches!(shared, Err(ViewError::Forbidden(_))));
    }
    for bad in ["", " \n", "a\nb", "a\u{202e}b", &"x".repeat(81)] {
        assert!(matches!(make(&mut conn, &vic, &wish(bad, Visibility::Private)), Err(ViewError::BadName)), "{bad:?}");
    }
    let nobody = Actor::command_line("ada");
    assert!(matches!(make(&mut conn, &nobody, &wish("x", Visibility::Private)), Err(ViewError::NoAccount)));
}

#[test]
fn a_stale_form_overwrites_nothing_and_only_shared_views_are_audited() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let [ada, bob] = ["ada", "bob"].map(|name| person(&mut conn, name, Role::Operator));
    let root = person(&mut conn, "root", Role::Admin);
    let audited =
        |conn: &mut PgConnection| number(conn, "SELECT count(*) AS number FROM millrace.audit WHERE act LIKE 'view.%'");

    let slug = make(&mut conn, &ada, &wish("Late", Visibility::Private)).unwrap();
    let other = make(&mut conn, &bob, &wish("Late", Visibility::Private)).unwrap();
    assert!(other.starts_with("late-") && other.len() == 9, "{other}: the name is taken, the address is not");
    assert_eq!(audited(&mut conn), 0);
    let changed = service::change(&mut conn, &ada, &slug, (&wish("Later", Visibility::Everyone), 1)).unwrap();
    assert_eq!((changed.version, audited(&mut conn)), (2, 1));
    let again = service::change(&mut conn, &ada, &slug, (&wish("Later", Visibility::Everyone), 1)).unwrap();
    assert_eq!((again.version, audited(&mut conn)), (2, 1), "the same form sent again");

    let stale = service::change(&mut conn, &ada, &slug, (&wish("Mine", Visibility::Everyone), 1));
    assert!(matches!(stale, Err(ViewError::Stale(present)) if present.name == "Later"));
    let refused = service::change(&mut conn, &bob, &slug, (&wish("Bob's", Visibility::Everyone), 2));
    assert!(matches!(refused, Err(ViewError::NotYours { owner, .. }) if owner == "ada"));
    assert!(matches!(service::remove(&mut conn, &bob, &slug), Err(ViewError::NotYours { .. })));

    service::remove(&mut conn, &root, &slug).unwrap();
    assert_eq!(audited(&mut conn), 2, "an admin removed what was shown to everyone");
    service::remove(&mut conn, &bob, &other).unwrap();
    assert_eq!(audited(&mut conn), 2);
}

#[test]
fn everybody_pins_for_themselves_and_not_without_end() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let [ada, bob] = ["ada", "bob"].map(|name| person(&mut conn, name, Role::Operator));
    let slugs: Vec<String> = (0..=PINS_MAX)
        .map(|n| make(&mut conn, &ada, &wish(&format!("View {n}"), Visibility::Everyone)).unwrap())
        .collect();

    pin(&mut conn, &bob, &slugs[3]).unwrap();
    assert_eq!(names(&mut conn, &bob)[0], "View 3", "pinned ones stand first");
    assert!(service::list(&mut conn, &ada, "jobs").unwrap().iter().all(|view| !view.is_pinned));
    for slug in &slugs[..PINS_MAX as usize] {
        pin(&mut conn, &ada, slug).unwrap();
    }
    pin(&mut conn, &ada, &slugs[0]).unwrap();
    assert!(matches!(pin(&mut conn, &ada, &slugs[PINS_MAX as usize]), Err(ViewError::TooManyPins)));
    service::unpin(&mut conn, &ada, &slugs[0]).unwrap();
    pin(&mut conn, &ada, &slugs[PINS_MAX as usize]).unwrap();
}

#[test]
fn a_view_is_saved_opened_changed_and_deleted_without_script() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    enqueue(&mut conn, "done", json!({}));
    let mut browser = console.browser(Role::Operator);
    let page = browser.get("/jobs?state=ready&n=100&after=99&tz=UTC").body;
    let save = "/views/new?page=jobs&#38;address=state%3Dready%26n%3D100%26tz%3DUTC";
    assert!(page.contains(save) && !page.contains("All views"), "{page}");

    let form = browser.get(&save.replace("&#38;", "&")).body;
    for words in ["Save view", "Only you", "People with the role operator", "There are no teams yet", "Everyone"] {
        assert!(form.contains(words), "{words}: {form}");
    }
    let refused = browser.post("/views/new", "page=jobs&address=state%3Dready&name=&visibility=team");
    assert!(refused.status == 422 && refused.body.contains("Enter a name"), "{}", refused.body);
    let made = browser
        .post("/views/new", "page=jobs&address=state%3Dready%26n%3D100&name=Waiting&visibility=team&pinned=on&op=one");
    assert_eq!((made.status, made.header("location")), (303, "/v/waiting"));
    let again = browser
        .post("/views/new", "page=jobs&address=state%3Dready%26n%3D100&name=Waiting&visibility=team&pinned=on&op=one");
    assert_eq!(again.header("location"), "/v/waiting", "the same form makes one view");

    let opened = browser.get("/v/waiting");
    assert_eq!(opened.header("location"), "/jobs?state=ready&n=100&view=waiting");
    let page = browser.get("/jobs?state=ready&n=100&view=waiting").body;
    assert!(page.contains("<a href=\"/v/waiting\" aria-current=\"true\">") && !page.contains("Changed."), "{page}");
    assert!(browser.get("/jobs?state=ready&n=100").body.contains("<a href=\"/v/waiting\" aria-current=\"true\">"));
    let changed = browser.get("/jobs?state=ready,failed&view=waiting").body;
    assert!(
        changed.contains("Changed.")
            && changed.contains("save as new")
            && changed.contains("name=\"seen\" value=\"1\""),
        "{changed}"
    );

    let saved = browser.post(
        "/views/waiting/change",
        "name=Waiting&visibility=team&address=state%3Dready,failed&seen=1&back=%2Fjobs%3Fstate%3Dready,failed%26view%3Dwaiting",
    );
    assert_eq!((saved.status, saved.header("location")), (303, "/jobs?state=ready,failed&view=waiting"));
    let stale = browser.post("/views/waiting/change", "name=Mine&visibility=team&address=state%3Dheld&seen=1");
    assert!(stale.status == 409 && stale.body.contains("Somebody changed it meanwhile."), "{}", stale.body);
    assert!(
        stale.body.contains("value=\"state=held\"") && stale.body.contains("name=\"seen\" value=\"2\""),
        "{}",
        stale.body
    );

    let list = browser.get("/views").body;
    assert!(list.contains("Waiting") && list.contains("state=ready,failed") && list.contains("Unpin"), "{list}");
    assert_eq!(browser.post("/views/waiting/pin", "pinned=no").header("location"), "/views");
    assert!(!browser.get("/jobs").body.contains("href=\"/v/waiting\""));
    assert!(browser.get("/views/waiting/delete").body.contains("people with the role operator"));
    assert_eq!(browser.post("/views/waiting/delete", "").header("location"), "/jobs");
    assert_eq!(browser.get("/v/waiting").status, 404);
    let gone = browser.get("/jobs?view=waiting").body;
    assert!(gone.contains("there is no view waiting that you may see"), "{gone}");
}

#[test]
fn a_name_that_no_view_can_have_leads_nowhere() {
    let console = Console::start();
    let mut browser = console.browser(Role::Operator);
    browser.get("/views");

    for slug in ["%00", "late%00", "Late"] {
        assert_eq!(browser.get(&format!("/v/{slug}")).status, 404, "{slug}");
        for act in ["change", "delete"] {
            assert_eq!(browser.get(&format!("/views/{slug}/{act}")).status, 404, "{slug} {act}");
            let fields = "name=x&visibility=private&address=&seen=1";
            assert_eq!(browser.post(&format!("/views/{slug}/{act}"), fields).status, 404, "{slug} {act}");
        }
        assert_eq!(browser.post(&format!("/views/{slug}/pin"), "pinned=yes").status, 404, "{slug}");
    }
}

#[test]
fn whoever_sees_no_arguments_opens_a_view_without_those_that_it_asks_for() {
    let console = Console::start();
    let mut analyst = console.browser(Role::Analyst);
    analyst.get("/views");
    analyst.post("/views/new", "page=jobs&address=state%3Dready%26arg.to%3Drahimi&name=Farid&visibility=everyone");
    assert_eq!(analyst.get("/v/farid").header("location"), "/jobs?state=ready&arg.to=rahimi&view=farid");
    let mut viewer = console.browser(Role::Viewer);

    let list = viewer.get("/views").body;
    assert!(list.contains("Farid") && list.contains("needs the role analyst") && !list.contains("arg.to"), "{list}");
    viewer.get("/views");
    assert_eq!(viewer.post("/views/farid/pin", "pinned=yes").status, 303);
    let opened = viewer.get("/v/farid");
    let whole = opened.header("location").to_owned();
    assert_eq!(whole, "/jobs?state=ready&arg.to=%E2%80%A2%E2%80%A2%E2%80%A2&view=farid");
    let page = viewer.get(&whole).body;
    assert!(page.contains("Saved by") && !page.contains("rahimi"), "{page}");
    assert!(!page.contains("Changed."), "{page}");
}

#[test]
fn an_opened_view_shows_what_the_opener_may_see_and_lives_with_fields_that_are_unknown() {
    let console = Console::start();
    let mut conn = console.db.connect();
    handler_template(&mut conn, "done", json!({}));
    let job = enqueue(&mut conn, "done", json!({}));
    let mut analyst = console.browser(Role::Analyst);
    analyst.get("/views");
    let made =
        analyst.post("/views/new", "page=jobs&address=state%3Dready%26quue%3Dmail&name=All+ready&visibility=everyone");
    assert_eq!(made.header("location"), "/v/all-ready");

    let page = analyst.get("/jobs?state=ready&quue=mail&view=all-ready").body;
    assert!(page.contains(&format!("id=\"job-{job}-state\"")) && page.contains("there is no field quue"), "{page}");
    let mut limited = console.browser_of(console.person(Role::Operator, &["mail"]));
    assert_eq!(limited.get("/v/all-ready").status, 303);
    let page = limited.get("/jobs?state=ready&quue=mail&view=all-ready").body;
    assert!(!page.contains(&format!("id=\"job-{job}-state\"")) && page.contains("All ready"), "{page}");
    assert!(!page.contains("Changed.") && page.contains("seen by everyone"), "{page}");
    assert_eq!(limited.get("/views/all-ready/change").status, 409);
}
