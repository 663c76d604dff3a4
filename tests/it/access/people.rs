use millrace::admin::people::service::{self as people, Filter, NewPerson, PeopleError, PersonChange, Place};
use millrace::queue::access::email::Email;
use millrace::queue::access::hash;
use millrace::queue::access::password::Password;
use millrace::queue::access::session::{self, Session};
use millrace::queue::actor::Scope;
use millrace::queue::permission::Role;
use serde_json::json;

use super::{GOOD, Stage, cli, in_browser};

#[test]
fn a_person_is_added_once_and_recorded() {
    let mut stage = Stage::new();

    let person = stage.person("Giulia@Example.org", Role::Operator);
    let again = NewPerson {
        email: Email::parse("giulia@example.org").unwrap(),
        name: "Other".into(),
        role: Role::Viewer,
        scope: Scope::default(),
        password: None,
    };
    let refused = people::add(&mut stage.conn, &stage.clock, &cli(), &again);

    assert_eq!((person.email.as_str(), person.role, person.has_password), ("giulia@example.org", Role::Operator, true));
    assert!(matches!(refused, Err(PeopleError::EmailTaken(_))));
    assert_eq!(stage.acts(), ["person.add"]);
}

#[test]
fn the_list_is_filtered_and_paged_by_address() {
    let mut stage = Stage::new();
    stage.person("c@example.org", Role::Admin);
    stage.person("a@example.org", Role::Viewer);
    let gone = stage.person("b@example.org", Role::Viewer);
    people::disable(&mut stage.conn, &stage.clock, &cli(), gone.id, None).unwrap();

    let mut emails = |filter: Filter| {
        let page = people::list(&mut stage.conn, &cli(), &filter).unwrap();
        page.people.into_iter().map(|person| person.email.replace("@example.org", "")).collect::<String>()
    };

    assert_eq!(emails(Filter::default()), "ac");
    assert_eq!(emails(Filter { disabled: true, ..Filter::default() }), "abc");
    assert_eq!(emails(Filter { role: Some(Role::Viewer), ..Filter::default() }), "a");
    assert_eq!(emails(Filter { text: "C@EX".into(), ..Filter::default() }), "c");
    assert_eq!(emails(Filter { place: Place::After("a@example.org".into()), ..Filter::default() }), "c");
    let before_c = Filter { place: Place::Before("c@example.org".into()), disabled: true, ..Filter::default() };
    assert_eq!(emails(before_c), "ab");
}

#[test]
fn only_admins_manage_people_and_refusals_are_recorded() {
    let mut stage = Stage::new();
    for role in Role::ALL.into_iter().filter(|role| *role != Role::Admin) {
        let person = stage.person(&format!("{}@example.org", role.as_str()), role);
        let actor = in_browser(&person);
        let stronger = PersonChange { role: Some(Role::Admin), ..PersonChange::default() };

        assert!(matches!(
            people::change(&mut stage.conn, &actor, person.id, &stronger),
            Err(PeopleError::Forbidden(_))
        ));
        assert!(matches!(people::list(&mut stage.conn, &actor, &Filter::default()), Err(PeopleError::Forbidden(_))));
        assert!(matches!(people::enable(&mut stage.conn, &actor, person.id), Err(PeopleError::Forbidden(_))));
    }

    let acts = stage.acts();
    assert_eq!(acts.iter().filter(|act| *act == "-person.change").count(), 4);
    assert_eq!(acts.iter().filter(|act| *act == "-person.enable").count(), 4);
}

#[test]
fn the_last_admin_cannot_be_lost() {
    let mut stage = Stage::new();
    let admin = stage.person("a@example.org", Role::Admin);
    let weaker = PersonChange { role: Some(Role::Viewer), ..PersonChange::default() };

    let disabled = people::disable(&mut stage.conn, &stage.clock, &cli(), admin.id, None);
    let demoted = people::change(&mut stage.conn, &cli(), admin.id, &weaker);
    assert!(matches!(disabled, Err(PeopleError::LastAdmin)), "{disabled:?}");
    assert!(matches!(demoted, Err(PeopleError::LastAdmin)), "{demoted:?}");

    stage.person("b@example.org", Role::Admin);
    assert!(people::change(&mut stage.conn, &cli(), admin.id, &weaker).is_ok());
}

#[test]
fn two_admins_cannot_disable_each_other_at_once() {
    let mut stage = Stage::new();
    let (one, other) = (stage.person("a@example.org", Role::Admin), stage.person("b@example.org", Role::Admin));

    let done = std::thread::scope(|scope| {
        let disable = |id| {
            let (mut conn, clock) = (stage.connect(), &stage.clock);
            scope.spawn(move || people::disable(&mut conn, clock, &cli(), id, None).is_ok())
        };
        let threads = [disable(one.id), disable(other.id)];
        threads.into_iter().filter(|_| true).map(|thread| thread.join().unwrap()).filter(|done| *done).count()
    });

    assert_eq!(done, 1);
    assert!(people::admin_exists(&mut stage.conn).unwrap());
}

#[test]
fn a_disabled_person_loses_every_session_and_may_come_back() {
    let mut stage = Stage::new();
    let person = stage.person("a@example.org", Role::Viewer);
    let now = stage.now();
    let held = Session { person: Some(person.id), ..Session::anonymous(json!({}), now) };
    session::insert(&mut stage.conn, &hash("one"), &held, now).unwrap();

    people::disable(&mut stage.conn, &stage.clock, &cli(), person.id, Some("left".into())).unwrap();
    let again = people::disable(&mut stage.conn, &stage.clock, &cli(), person.id, None);

    assert!(session::find(&mut stage.conn, &hash("one"), now).unwrap().is_none());
    assert!(matches!(again, Err(PeopleError::AlreadyDisabled(_))));
    people::enable(&mut stage.conn, &cli(), person.id).unwrap();
    assert!(matches!(people::enable(&mut stage.conn, &cli(), person.id), Err(PeopleError::NotDisabled(_))));
    assert_eq!(stage.acts(), ["person.add", "person.disable", "person.enable"]);
}

#[test]
fn another_role_or_password_ends_the_sessions_and_another_name_does_not() {
    let mut stage = Stage::new();
    let person = stage.person("a@example.org", Role::Viewer);
    let now = stage.now();
    let held = Session { person: Some(person.id), ..Session::anonymous(json!({}), now) };
    let mut survives = |act: &mut dyn FnMut(&mut Stage)| {
        session::end_all(&mut stage.conn, person.id, None).unwrap();
        session::insert(&mut stage.conn, &hash("one"), &held, now).unwrap();
        act(&mut stage);
        session::find(&mut stage.conn, &hash("one"), now).unwrap().is_some()
    };

    let name = PersonChange { name: Some("Anna".into()), ..PersonChange::default() };
    assert!(survives(&mut |stage| drop(people::change(&mut stage.conn, &cli(), person.id, &name).unwrap())));
    let role = PersonChange { role: Some(Role::Operator), ..PersonChange::default() };
    assert!(!survives(&mut |stage| drop(people::change(&mut stage.conn, &cli(), person.id, &role).unwrap())));
    let password = Password::choose(GOOD, &[]).unwrap();
    assert!(!survives(&mut |stage| drop(
        people::reset_password(&mut stage.conn, &cli(), person.id, &password).unwrap()
    )));
}

#[test]
fn a_change_that_changes_nothing_is_not_recorded() {
    let mut stage = Stage::new();
    let person = stage.person("a@example.org", Role::Viewer);

    people::change(&mut stage.conn, &cli(), person.id, &PersonChange::default()).unwrap();

    assert_eq!(stage.acts(), ["person.add"]);
}
