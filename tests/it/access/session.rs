use millrace::admin::account::service as account;
use millrace::admin::people::service::{self as people, PersonChange};
use millrace::queue::access::session::{self, Session};
use millrace::queue::access::{Hash, hash};
use millrace::queue::actor::Scope;
use millrace::queue::permission::Role;
use serde_json::json;

use super::{Stage, cli, in_browser};

/// Somebody who is signed in with the key "mine".
fn signed_in(role: Role) -> (Stage, people::Person, Hash) {
    let mut stage = Stage::new();
    let person = stage.person("giulia@example.org", role);
    let now = stage.now();
    let session = Session {
        person: Some(person.id),
        address: Some("192.0.2.7".into()),
        agent: Some("Firefox\u{7} ".repeat(100)),
        ..Session::anonymous(json!({"csrf": "x"}), now)
    };
    session::insert(&mut stage.conn, &hash("mine"), &session, now).unwrap();
    (stage, person, hash("mine"))
}

#[test]
fn the_holder_of_a_key_has_the_rights_of_now() {
    let (mut stage, person, key) = signed_in(Role::Viewer);
    let now = stage.now();
    assert_eq!(session::actor(&mut stage.conn, &key, now).unwrap().unwrap().actor.role, Role::Viewer);

    stage.as_owner("UPDATE millrace.people SET role = 'operator', scope_queues = '{mail}'");
    let actor = session::actor(&mut stage.conn, &key, now).unwrap().unwrap().actor;

    assert_eq!(actor.role, Role::Operator);
    assert_eq!(actor.scope, Scope { queues: vec!["mail".into()], tags: Vec::new() });
    assert_eq!((actor.person, actor.name.as_str()), (Some(person.id), "giulia@example.org"));
    assert!(session::actor(&mut stage.conn, &hash("other"), now).unwrap().is_none());
}

#[test]
fn a_session_ends_when_idle_and_after_half_a_day() {
    let (mut stage, _, key) = signed_in(Role::Viewer);
    let mut alive_after = |seconds| {
        stage.wait(seconds);
        let now = stage.now();
        session::actor(&mut stage.conn, &key, now).unwrap().is_some()
    };

    assert!(alive_after(29 * 60), "29 min idle");
    assert!(alive_after(29 * 60), "the request before counted");
    assert!((0..22).all(|_| alive_after(29 * 60)), "busy for 11 h 36 min");
    assert!(!alive_after(25 * 60), "12 h old");

    let (mut stage, _, key) = signed_in(Role::Viewer);
    stage.wait(30 * 60);
    let now = stage.now();
    assert!(session::actor(&mut stage.conn, &key, now).unwrap().is_none(), "30 min idle");
    assert!(session::find(&mut stage.conn, &key, now).unwrap().is_none());
    assert_eq!(session::sweep(&mut stage.conn, now).unwrap(), 1);
}

#[test]
fn an_ended_session_does_not_come_back() {
    let (mut stage, _, key) = signed_in(Role::Viewer);

    session::end(&mut stage.conn, &key).unwrap();

    let now = stage.now();
    assert!(!session::set_state(&mut stage.conn, &key, &json!({})).unwrap());
    assert!(!session::set_sudo(&mut stage.conn, &key, now).unwrap());
    assert!(session::find(&mut stage.conn, &key, now).unwrap().is_none());
}

#[test]
fn people_see_and_end_only_their_own_sessions() {
    let (mut stage, giulia, key) = signed_in(Role::Viewer);
    let nadia = stage.person("nadia@example.org", Role::Viewer);
    let (giulia, nadia) = (in_browser(&giulia), in_browser(&nadia));

    let seen = account::sessions(&mut stage.conn, &stage.clock, &giulia).unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].key_hash, key);
    assert!(seen[0].agent.as_ref().is_some_and(|agent| agent.chars().count() <= 200 && !agent.contains('\u{7}')));
    assert!(account::sessions(&mut stage.conn, &stage.clock, &nadia).unwrap().is_empty());

    assert!(account::end_session(&mut stage.conn, &nadia, &key).is_err());
    assert!(account::end_session(&mut stage.conn, &giulia, &key).is_ok());
    assert!(account::end_session(&mut stage.conn, &giulia, &key).is_err());
}

#[test]
fn all_other_sessions_can_be_ended_at_once() {
    let (mut stage, person, key) = signed_in(Role::Viewer);
    let now = stage.now();
    for other in ["a", "b"] {
        let session = Session { person: Some(person.id), ..Session::anonymous(json!({}), now) };
        session::insert(&mut stage.conn, &hash(other), &session, now).unwrap();
    }

    assert_eq!(account::end_other_sessions(&mut stage.conn, &in_browser(&person), &key).unwrap(), 2);
    assert!(session::find(&mut stage.conn, &key, now).unwrap().is_some());
}

#[test]
fn a_session_of_nobody_has_no_actor() {
    let mut stage = Stage::new();
    let now = stage.now();
    session::insert(&mut stage.conn, &hash("x"), &Session::anonymous(json!({"csrf": "x"}), now), now).unwrap();

    assert!(session::actor(&mut stage.conn, &hash("x"), now).unwrap().is_none());
    assert!(session::find(&mut stage.conn, &hash("x"), now).unwrap().is_some());
}

#[test]
fn a_changed_profile_is_checked_and_recorded() {
    let (mut stage, person, key) = signed_in(Role::Viewer);
    let actor = in_browser(&person);
    let profile = account::profile(&mut stage.conn, &actor).unwrap();

    let wrong = account::Profile { zone: "Europe/Atlantis".into(), ..profile.clone() };
    assert!(account::set_profile(&mut stage.conn, &actor, &wrong).unwrap_err().to_string().contains("Atlantis"));
    let rome = account::Profile { zone: "Europe/Rome".into(), theme: "dark".into(), ..profile };
    account::set_profile(&mut stage.conn, &actor, &rome).unwrap();

    let now = stage.now();
    let shown = session::actor(&mut stage.conn, &key, now).unwrap().unwrap();
    assert_eq!((shown.zone.as_str(), shown.theme.as_str()), ("Europe/Rome", "dark"));
    assert_eq!(stage.acts().last().map(String::as_str), Some("account.change"));
}

#[test]
fn a_role_that_was_taken_away_is_gone_at_the_next_request() {
    let (mut stage, person, key) = signed_in(Role::Operator);
    stage.person("admin@example.org", Role::Admin);
    let weaker = PersonChange { role: Some(Role::Viewer), ..PersonChange::default() };

    people::change(&mut stage.conn, &cli(), person.id, &weaker).unwrap();

    let now = stage.now();
    assert!(session::actor(&mut stage.conn, &key, now).unwrap().is_none(), "the session ended with the role");
}
