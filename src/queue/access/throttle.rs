//! Growing delays for people (and programs) who guess passwords. Never a lock.
//!
//! A guess is counted *before* the password is looked at, so that many guesses at once cannot slip through; a right one
//! takes its count back. The delay of an account ends at a minute, because its owner waits too; the delay of an address
//! goes on to a quarter of an hour.

use std::net::IpAddr;
use std::time::Duration;

use chrono::TimeDelta;
use diesel::sql_types::{Array, BigInt, Integer, Text, Timestamptz};

use super::hash;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, statement, transaction};

/// Wrong guesses at one account that cost nothing: people mistype.
const ACCOUNT_FREE: u32 = 3;
/// Longest delay of an account.
const ACCOUNT_DELAY_SECONDS_MAX: u32 = 60;
/// Wrong guesses from one address that cost nothing: many people may share it.
const ADDRESS_FREE: u32 = 20;
/// Longest delay of an address.
const ADDRESS_DELAY_SECONDS_MAX: u32 = 900;
/// Failures are forgotten this long after the last.
const MEMORY_HOURS: i64 = 24;
/// Longest login name that is kept as it is; a longer one by its hash.
const NAME_BYTES_MAX: usize = 254;
/// Most forgotten rows that one sweep removes.
pub const SWEEP_MAX: i64 = 1_000;

/// What guesses are counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A login name, whether such a person exists or not.
    Account(String),
    /// A network address.
    Address(IpAddr),
}

impl Subject {
    /// Names the row. Of IPv6 the first 64 bits count: a household has all the rest.
    fn key(&self) -> String {
        match self {
            Self::Account(name) if name.len() <= NAME_BYTES_MAX && !name.contains('\0') => {
                format!("email:{}", name.to_lowercase())
            }
            Self::Account(name) => format!("email:#{}", hex(&hash(name))),
            Self::Address(address) => match address.to_canonical() {
                IpAddr::V4(v4) => format!("address:{v4}"),
                IpAddr::V6(v6) => {
                    let [a, b, c, d, ..] = v6.segments();
                    format!("address:{a:x}:{b:x}:{c:x}:{d:x}::/64")
                }
            },
        }
    }

    /// Gives the delay after the first, second, … failure in a row; the last goes on.
    fn delays(&self) -> Vec<i32> {
        match self {
            Self::Account(_) => growing(ACCOUNT_FREE, ACCOUNT_DELAY_SECONDS_MAX),
            Self::Address(_) => growing(ADDRESS_FREE, ADDRESS_DELAY_SECONDS_MAX),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `free` times nothing, then 1, 2, 4, … seconds up to `highest`.
fn growing(free: u32, highest: u32) -> Vec<i32> {
    let doubling =
        std::iter::successors(Some(1u32), |seconds| Some(seconds * 2)).take_while(|seconds| *seconds < highest);
    let nothing = std::iter::repeat_n(0, free as usize);
    nothing.chain(doubling).chain([highest]).map(|seconds| seconds as i32).collect()
}

/// Why a guess is not looked at.
#[derive(Debug, thiserror::Error)]
pub enum ThrottleError {
    /// Too many failures: try again after this time.
    #[error("too many failed attempts: try again in {} s", .0.as_secs() + 1)]
    Wait(Duration),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Counts a guess by every subject, or refuses it and counts nothing.
///
/// # Errors
/// [`ThrottleError::Wait`] with the longest delay that still runs.
pub fn admit(conn: &mut PgConnection, subjects: &[Subject], now: Time) -> Result<(), ThrottleError> {
    transaction(conn, "access::admit", |tx| {
        let mut ordered: Vec<&Subject> = subjects.iter().collect();
        ordered.sort(); // everybody locks in one order
        ordered.into_iter().try_for_each(|subject| count(tx, subject, now))
    })
}

fn count(tx: &mut Tx<'_>, subject: &Subject, now: Time) -> Result<(), ThrottleError> {
    const SQL: &str = "-- queue::access::throttle::count
INSERT INTO millrace.sign_in_failures AS f (subject, failures, last_at, wait_until)
VALUES ($1, 1, $2, $2 + make_interval(secs => ($3::integer[])[1]))
ON CONFLICT (subject) DO UPDATE SET last_at = $2,
    failures = CASE WHEN f.last_at < $4 THEN 1 ELSE f.failures + 1 END,
    wait_until = $2 + make_interval(secs => ($3::integer[])[CASE WHEN f.last_at < $4 THEN 1
        ELSE least(f.failures + 1, cardinality($3::integer[])) END])
WHERE f.wait_until <= $2";
    let counted = statement(SQL)
        .bind::<Text, _>(subject.key())
        .bind::<Timestamptz, _>(now)
        .bind::<Array<Integer>, _>(subject.delays())
        .bind::<Timestamptz, _>(now - TimeDelta::hours(MEMORY_HOURS))
        .run(tx)?;
    if counted == 1 { Ok(()) } else { Err(ThrottleError::Wait(left(tx, subject, now)?)) }
}

#[derive(diesel::QueryableByName)]
struct WaitRow {
    #[diesel(sql_type = Timestamptz)]
    wait_until: Time,
}

fn left(tx: &mut Tx<'_>, subject: &Subject, now: Time) -> Result<Duration, DbError> {
    const SQL: &str = "-- queue::access::throttle::left
SELECT wait_until FROM millrace.sign_in_failures WHERE subject = $1";
    let row: Option<WaitRow> = statement(SQL).bind::<Text, _>(subject.key()).row(tx)?;
    // no row: a right guess has just removed it, so there is nothing to wait for
    Ok(row.map_or(Duration::ZERO, |row| (row.wait_until - now).to_std().unwrap_or_default()))
}

/// Takes back what a right guess was counted: the account starts anew, the address loses this one guess only, so that
/// somebody with an account of their own cannot wipe out the count of their guesses at others.
///
/// # Errors
/// Database failures.
pub fn forgive(conn: &mut PgConnection, subjects: &[Subject], now: Time) -> Result<(), DbError> {
    const FORGET: &str = "-- queue::access::throttle::forget
DELETE FROM millrace.sign_in_failures WHERE subject = $1 AND failures <= $2";
    const LESS: &str = "-- queue::access::throttle::less
UPDATE millrace.sign_in_failures SET failures = failures - 1, wait_until = $1 WHERE subject = $2";
    for subject in subjects {
        let most = if matches!(subject, Subject::Account(_)) { i32::MAX } else { 1 };
        let forgotten = statement(FORGET).bind::<Text, _>(subject.key()).bind::<Integer, _>(most).run(conn)?;
        if forgotten == 0 {
            statement(LESS).bind::<Timestamptz, _>(now).bind::<Text, _>(subject.key()).run(conn)?;
        }
    }
    Ok(())
}

/// Removes up to [`SWEEP_MAX`] rows that no longer count, and tells how many.
///
/// # Errors
/// Database failures.
pub fn sweep(conn: &mut PgConnection, now: Time) -> Result<usize, DbError> {
    const SQL: &str = "-- queue::access::throttle::sweep
DELETE FROM millrace.sign_in_failures WHERE subject IN (
    SELECT subject FROM millrace.sign_in_failures WHERE last_at < $1 ORDER BY last_at LIMIT $2 FOR UPDATE SKIP LOCKED)";
    statement(SQL).bind::<Timestamptz, _>(now - TimeDelta::hours(MEMORY_HOURS)).bind::<BigInt, _>(SWEEP_MAX).run(conn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_end() {
        assert_eq!(growing(3, 60), [0, 0, 0, 1, 2, 4, 8, 16, 32, 60]);
        let address = Subject::Address(IpAddr::from([127, 0, 0, 1])).delays();
        assert_eq!(address[19..23], [0, 1, 2, 4]);
        assert_eq!(address.last(), Some(&900));
        assert!(address.is_sorted());
    }

    #[test]
    fn subjects_are_told_apart_and_short() {
        let key = |text: &str| Subject::Address(text.parse().expect("an address")).key();

        assert_eq!(Subject::Account("Giulia@Example.org".into()).key(), "email:giulia@example.org");
        assert!(Subject::Account("x".repeat(9_000)).key().len() < 100);
        assert!(!Subject::Account("a\0b".into()).key().contains('\0'));
        assert_eq!(key("::ffff:10.0.0.1"), key("10.0.0.1"));
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    }
}
