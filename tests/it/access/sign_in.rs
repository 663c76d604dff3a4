use std::net::IpAddr;
use std::time::Duration;

use millrace::admin::account::service::{self as account, AccountError};
use millrace::admin::account::sign_in::{self, Attempt, SignInError, Welcome};
use millrace::admin::people::service as people;
use millrace::queue::access::hash;
use millrace::queue::access::session::{self, Session};
use millrace::queue::access::throttle;
use millrace::queue::permission::Role;
use serde_json::json;

use super::{GOOD, Stage, cli, in_browser};

const WRONG: &str = "five wet otters sang";

impl Stage {
    fn sign_in(&mut self, email: &str, password: &str) -> Result<Welcome, SignInError> {
        self.sign_in_from("192.0.2.7", email, password)
    }

    fn sign_in_from(&mut self, address: &str, email: &str, password: &str) -> Result<Welcome, SignInError> {
        let address: IpAddr = address.parse().unwrap();
        let attempt = Attempt { email, password, address: Some(address), request: None };
        sign_in::sign_in(&mut self.conn, &self.clock, &attempt)
    }

    /// Signs in again and again until told to wait; gives the number of guesses that were looked at, and the wait.
    fn guess(&mut self, address: &str, email: &str) -> (u32, Duration) {
        for guesses in 0..100 {
            match self.sign_in_from(address, email, WRONG) {
                Err(SignInError::Refused) => {}
                Err(SignInError::Wait(left)) => return (guesses, left),
                other => panic!("{other:?}"),
            }
        }
        panic!("a hundred guesses and no delay");
    }
}

#[test]
fn the_right_password_lets_in_and_is_recorded() {
    let mut stage = Stage::new();
    let person = stage.person("giulia@example.org", Role::Viewer);

    let welcome = stage.sign_in(" Giulia@EXAMPLE.org", GOOD).unwrap();

    assert_eq!(welcome.person, person.id);
    assert_eq!(welcome.sudo_until - stage.now(), chrono::TimeDelta::minutes(15));
    assert_eq!(stage.acts(), ["person.add", "account.sign_in"]);
}

#[test]
fn nobody_is_told_what_was_wrong() {
    let mut stage = Stage::new();
    stage.person("giulia@example.org", Role::Viewer);
    let gone = stage.person("gone@example.org", Role::Viewer);
    people::disable(&mut stage.conn, &stage.clock, &cli(), gone.id, None).unwrap();

    let refusals: Vec<String> = [
        ("giulia@example.org", WRONG),
        ("nobody@example.org", GOOD),
        ("gone@example.org", GOOD),
        ("no address", GOOD),
        ("a\0b@example.org", "\0"),
    ]
    .into_iter()
    .map(|(email, password)| stage.sign_in(email, password).unwrap_err().to_string())
    .collect();

    assert!(refusals.iter().all(|refusal| *refusal == "the address or the password is wrong"), "{refusals:?}");
    assert_eq!(stage.acts().iter().filter(|act| *act == "-account.sign_in").count(), 5);
}

#[test]
fn a_name_that_does_not_exist_is_not_written_down() {
    let mut stage = Stage::new();
    let attempt = stage.sign_in("my secret password@home", GOOD);
    assert!(attempt.is_err());

    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        record: String,
    }
    let sql = diesel::sql_query("SELECT coalesce(string_agg(audit::text, ' '), '') AS record FROM millrace.audit");
    let row: Row = diesel::RunQueryDsl::get_result(sql, &mut stage.conn).unwrap();
    assert!(row.record.contains("unknown") && !row.record.contains("secret"), "{}", row.record);
}

#[test]
fn delays_of_an_account_grow_and_never_lock_it() {
    let mut stage = Stage::new();
    stage.person("giulia@example.org", Role::Viewer);

    let (free, first) = stage.guess("192.0.2.7", "giulia@example.org");
    assert_eq!((free, first.as_secs()), (4, 1), "the fourth failure costs a second");
    let mut waits = vec![first];
    for _ in 0..8 {
        stage.wait(waits.last().unwrap().as_secs());
        let (_, wait) = stage.guess("198.51.100.1", "giulia@example.org");
        waits.push(wait);
    }

    assert_eq!(waits.iter().map(Duration::as_secs).collect::<Vec<_>>(), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert!(matches!(stage.sign_in("giulia@example.org", GOOD), Err(SignInError::Wait(_))), "not even the right one");
    stage.wait(60);
    assert!(stage.sign_in("giulia@example.org", GOOD).is_ok());
    assert_eq!(stage.guess("203.0.113.9", "giulia@example.org").0, 4, "a right password starts anew");
}

#[test]
fn an_address_that_tries_many_names_is_slowed_down() {
    let mut stage = Stage::new();
    stage.person("own@example.org", Role::Viewer);

    for number in 0..21 {
        let refused = stage.sign_in_from("2001:db8::1", &format!("name{number}@example.org"), WRONG);
        assert!(matches!(refused, Err(SignInError::Refused)), "{number}: {refused:?}");
    }
    let same_household = stage.sign_in_from("2001:db8::ffff:2", "other@example.org", WRONG);
    let elsewhere = stage.sign_in_from("2001:db8:1::1", "other@example.org", WRONG);
    assert!(matches!(same_household, Err(SignInError::Wait(_))));
    assert!(matches!(elsewhere, Err(SignInError::Refused)));

    stage.wait(1);
    stage.sign_in_from("2001:db8::1", "own@example.org", GOOD).unwrap();
    stage.sign_in_from("2001:db8::1", "x@example.org", WRONG).unwrap_err();
    let after_own = stage.sign_in_from("2001:db8::1", "y@example.org", WRONG);
    assert!(matches!(after_own, Err(SignInError::Wait(_))), "one's own right password does not wipe the count out");
}

#[test]
fn guesses_at_once_are_counted_before_they_are_looked_at() {
    let mut stage = Stage::new();
    stage.person("giulia@example.org", Role::Viewer);

    let looked_at = std::thread::scope(|scope| {
        let guess = |_| {
            let (mut conn, clock) = (stage.connect(), &stage.clock);
            let attempt = Attempt { email: "giulia@example.org", password: WRONG, address: None, request: None };
            scope.spawn(move || matches!(sign_in::sign_in(&mut conn, clock, &attempt), Err(SignInError::Refused)))
        };
        let threads: Vec<_> = (0..12).map(guess).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).filter(|refused| *refused).count()
    });

    assert_eq!(looked_at, 4);
}

#[test]
fn failures_are_forgotten_after_a_day() {
    let mut stage = Stage::new();
    stage.guess("192.0.2.7", "giulia@example.org");

    stage.wait(24 * 3600 + 1);

    assert_eq!(stage.guess("192.0.2.7", "giulia@example.org").0, 4);
    stage.wait(25 * 3600);
    let now = stage.now();
    assert_eq!(throttle::sweep(&mut stage.conn, now).unwrap(), 2);
}

#[test]
fn a_weaker_hash_is_replaced_at_sign_in() {
    let mut stage = Stage::new();
    stage.person("giulia@example.org", Role::Viewer);
    // argon2id of GOOD with 8 MiB and one pass
    let weak = {
        use argon2::password_hash::PasswordHasher;
        let params = argon2::Params::new(8 * 1024, 1, 1, None).unwrap();
        argon2::Argon2::from(params).hash_password_with_salt(GOOD.as_bytes(), b"sixteen bytes ok").unwrap().to_string()
    };
    stage.as_owner(&format!("UPDATE millrace.people SET password_hash = '{weak}'"));

    stage.sign_in("giulia@example.org", GOOD).unwrap();
    stage.as_owner("DO $$ BEGIN ASSERT (SELECT password_hash LIKE '$argon2id$v=19$m=19456,t=2,p=1$%' FROM millrace.people); END $$");

    assert!(stage.sign_in("giulia@example.org", GOOD).is_ok());
}

#[test]
fn a_fresh_proof_lasts_a_quarter_of_an_hour() {
    let mut stage = Stage::new();
    let person = stage.person("giulia@example.org", Role::Admin);
    let (actor, key, now) = (in_browser(&person), hash("mine"), stage.now());
    let held = Session { person: Some(person.id), ..Session::anonymous(json!({}), now) };
    session::insert(&mut stage.conn, &key, &held, now).unwrap();
    let fresh = |stage: &mut Stage| {
        let now = stage.now();
        session::actor(&mut stage.conn, &key, now).unwrap().unwrap().is_fresh(now)
    };

    assert!(!fresh(&mut stage));
    assert!(matches!(sign_in::prove(&mut stage.conn, &stage.clock, &actor, &key, WRONG), Err(SignInError::Refused)));
    assert!(!fresh(&mut stage));
    sign_in::prove(&mut stage.conn, &stage.clock, &actor, &key, GOOD).unwrap();
    assert!(fresh(&mut stage));
    stage.wait(15 * 60);
    assert!(!fresh(&mut stage));
    assert_eq!(stage.acts(), ["person.add", "-account.sudo", "account.sudo"]);
}

#[test]
fn a_new_password_needs_the_old_one_and_ends_other_sessions() {
    let mut stage = Stage::new();
    let person = stage.person("giulia@example.org", Role::Viewer);
    let (actor, now) = (in_browser(&person), stage.now());
    for key in ["mine", "other"] {
        let held = Session { person: Some(person.id), ..Session::anonymous(json!({}), now) };
        session::insert(&mut stage.conn, &hash(key), &held, now).unwrap();
    }
    let change = |stage: &mut Stage, present: &str, new: &str| {
        account::change_password(&mut stage.conn, &stage.clock, &actor, (present, new), Some(&hash("mine")))
    };

    assert!(matches!(
        change(&mut stage, WRONG, "nine dry badgers hum"),
        Err(AccountError::SignIn(SignInError::Refused))
    ));
    assert!(matches!(change(&mut stage, GOOD, "giulia@example.org"), Err(AccountError::Weak(_))));
    change(&mut stage, GOOD, "nine dry badgers hum").unwrap();

    assert!(session::find(&mut stage.conn, &hash("mine"), now).unwrap().is_some());
    assert!(session::find(&mut stage.conn, &hash("other"), now).unwrap().is_none());
    assert!(stage.sign_in("giulia@example.org", GOOD).is_err());
    assert!(stage.sign_in("giulia@example.org", "nine dry badgers hum").is_ok());
}
