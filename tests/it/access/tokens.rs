use chrono::TimeDelta;
use millrace::admin::people::service::{self as people, PersonChange};
use millrace::admin::tokens::service::{self as tokens, Issued, NewToken, Owner, TokenError};
use millrace::queue::access::token::{self, Scopes};
use millrace::queue::actor::{Actor, PersonId};
use millrace::queue::permission::{Permission, Role};

use super::{Stage, cli, in_browser};

fn new(scopes: &[&str]) -> NewToken {
    NewToken { name: "ci".into(), scopes: Scopes::parse(scopes.iter().copied()).unwrap(), expires_at: None }
}

impl Stage {
    fn token(&mut self, owner: PersonId, scopes: &[&str]) -> Issued {
        tokens::add(&mut self.conn, &self.clock, &cli(), owner, &new(scopes)).unwrap()
    }

    fn holder(&mut self, secret: &str) -> Option<Actor> {
        let now = self.now();
        token::authenticate(&mut self.conn, secret, now).unwrap()
    }
}

#[test]
fn a_token_has_its_scopes_and_its_owners_present_rights() {
    let mut stage = Stage::new();
    stage.person("admin@example.org", Role::Admin);
    let owner = stage.person("ci@example.org", Role::Operator);
    let issued = stage.token(owner.id, &["jobs:write"]);

    let actor = stage.holder(&issued.secret).unwrap();
    assert!(actor.may(Permission::Enqueue) && !actor.may(Permission::RunQueues));

    let weaker = PersonChange { role: Some(Role::Viewer), ..PersonChange::default() };
    people::change(&mut stage.conn, &cli(), owner.id, &weaker).unwrap();
    assert!(!stage.holder(&issued.secret).unwrap().may(Permission::Enqueue));
    people::disable(&mut stage.conn, &stage.clock, &cli(), owner.id, None).unwrap();
    assert_eq!(stage.holder(&issued.secret), None);
}

#[test]
fn revoked_expired_and_unknown_tokens_open_nothing() {
    let mut stage = Stage::new();
    let owner = stage.person("ci@example.org", Role::Admin).id;
    let revoked = stage.token(owner, &["all"]);
    let short = NewToken { expires_at: Some(stage.now() + TimeDelta::days(1)), ..new(&["all"]) };
    let expiring = tokens::add(&mut stage.conn, &stage.clock, &cli(), owner, &short).unwrap();

    tokens::revoke(&mut stage.conn, &stage.clock, &cli(), revoked.token.id, Some("leaked".into())).unwrap();
    let again = tokens::revoke(&mut stage.conn, &stage.clock, &cli(), revoked.token.id, None);

    assert!(matches!(again, Err(TokenError::AlreadyRevoked(_))));
    assert_eq!(stage.holder(&revoked.secret), None);
    assert_eq!(stage.holder(&token::generate()), None);
    assert!(stage.holder(&expiring.secret).is_some());
    stage.wait(24 * 3600);
    assert_eq!(stage.holder(&expiring.secret), None);
    assert_eq!(stage.acts(), ["person.add", "token.add", "token.add", "token.revoke"]);
}

#[test]
fn the_last_use_is_noted_to_the_minute() {
    let mut stage = Stage::new();
    let owner = stage.person("ci@example.org", Role::Admin).id;
    let issued = stage.token(owner, &["all"]);
    let start = stage.now();
    let mut used_after = |seconds| {
        stage.wait(seconds);
        stage.holder(&issued.secret).unwrap();
        tokens::find(&mut stage.conn, &cli(), issued.token.id).unwrap().last_used_at.unwrap() - start
    };

    assert_eq!(used_after(1), TimeDelta::seconds(1));
    assert_eq!(used_after(58), TimeDelta::seconds(1));
    assert_eq!(used_after(2), TimeDelta::seconds(61));
}

#[test]
fn rows_hold_no_token() {
    let mut stage = Stage::new();
    let owner = stage.person("ci@example.org", Role::Admin).id;
    let issued = stage.token(owner, &["all"]);

    let body = &issued.secret[7..];
    stage.as_owner(&format!(
        "DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM millrace.tokens t WHERE t::text LIKE '%{body}%'); \
         ASSERT NOT EXISTS (SELECT FROM millrace.audit a WHERE a::text LIKE '%{body}%'); END $$"
    ));
    assert!(!format!("{issued:?}").contains(body));
}

#[test]
fn people_make_and_see_their_own_tokens_only() {
    let mut stage = Stage::new();
    let admin = stage.person("admin@example.org", Role::Admin);
    let viewer = in_browser(&stage.person("viewer@example.org", Role::Viewer));
    let others = stage.token(admin.id, &["all"]).token.id;

    let own =
        tokens::add(&mut stage.conn, &stage.clock, &viewer, viewer.person.unwrap(), &new(&["jobs:read"])).unwrap();
    let foreign = tokens::add(&mut stage.conn, &stage.clock, &viewer, admin.id, &new(&["all"]));
    assert!(matches!(foreign, Err(TokenError::Forbidden(_))));
    assert!(matches!(tokens::find(&mut stage.conn, &viewer, others), Err(TokenError::NotFound)));
    assert!(matches!(tokens::revoke(&mut stage.conn, &stage.clock, &viewer, others, None), Err(TokenError::NotFound)));
    assert!(tokens::list(&mut stage.conn, &stage.clock, &viewer, Owner::Anybody).is_err());
    let seen = tokens::list(&mut stage.conn, &stage.clock, &viewer, Owner::Person(viewer.person.unwrap())).unwrap();
    assert_eq!(seen, [own.token]);
}

#[test]
fn a_token_cannot_make_a_stronger_one() {
    let mut stage = Stage::new();
    let owner = stage.person("ci@example.org", Role::Admin).id;
    let issued = stage.token(owner, &["account:write", "jobs:read"]);
    let actor = stage.holder(&issued.secret).unwrap();

    let wider = tokens::add(&mut stage.conn, &stage.clock, &actor, owner, &new(&["all"]));
    let same = tokens::add(&mut stage.conn, &stage.clock, &actor, owner, &new(&["jobs:read"]));

    assert!(matches!(wider, Err(TokenError::Wider)));
    assert!(same.is_ok());
}

#[test]
fn a_token_ends_within_ten_years() {
    let mut stage = Stage::new();
    let owner = stage.person("ci@example.org", Role::Admin).id;

    for days in [-1, 0, 3_651] {
        let odd = NewToken { expires_at: Some(stage.now() + TimeDelta::days(days)), ..new(&["all"]) };
        assert!(
            matches!(tokens::add(&mut stage.conn, &stage.clock, &cli(), owner, &odd), Err(TokenError::Expiry)),
            "{days}"
        );
    }
}
