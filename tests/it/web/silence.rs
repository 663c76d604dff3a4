//! The way to the database swallows what is sent and stays open: no limit of the server's begins, and a page must not wait for it.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;

use super::browser::{Answer, Browser};
use crate::access::pages::fields;
use crate::cli::served::Served;
use crate::support::cutter::Cutter;
use crate::support::{TestDb, ThrowAway};

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "five wet otters sing";
/// What GUARANTEES.md promises (G8).
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Somebody who is signed in at a node that reaches its database through a cutter.
struct Stage {
    db: TestDb,
    cutter: Cutter,
    browser: Browser,
    /// Killed at the end: connections of its engine hang as well, and it would wait for them.
    _served: Served,
    _folder: ThrowAway,
}

impl Stage {
    fn new() -> Stage {
        let (db, folder) = (TestDb::new(), ThrowAway::new());
        let cutter = Cutter::before(db.url());
        let url = cutter.url(db.url());
        let admin = [("MILLRACE_ADMIN_EMAIL", EMAIL), ("MILLRACE_ADMIN_PASSWORD", PASSWORD)];
        let mut served = Served::start_with(folder.path(), &[&[("DATABASE_URL", url.as_str())], &admin[..]].concat());
        let mut browser = Browser::new(&served.origin().replace("http://", ""));
        assert_eq!(browser.post("/sign-in", &fields(&[("email", EMAIL), ("password", PASSWORD)])).status, 303);
        Stage { db, cutter, browser, _served: served, _folder: folder }
    }

    fn page(&mut self) -> (Answer, Duration) {
        let begun = Instant::now();
        (self.browser.get("/jobs"), begun.elapsed())
    }

    #[track_caller]
    fn is_told_that_the_database_is_away(&mut self) {
        let (answer, took) = self.page();
        assert_eq!(answer.status, 503, "{took:?}");
        assert!(answer.body.contains("The database cannot be reached"), "{}", answer.body);
        assert!(took <= ANSWER_MAX, "{took:?}");
    }

    #[track_caller]
    fn sees_the_jobs(&mut self) {
        let (answer, took) = self.page();
        assert_eq!(answer.status, 200, "{took:?}");
        assert!(took <= ANSWER_MAX, "{took:?}");
    }
}

#[test]
fn a_page_whose_connections_hang_takes_fresh_ones_within_two_seconds() {
    let mut stage = Stage::new();
    stage.sees_the_jobs();

    stage.cutter.hang_all();

    stage.sees_the_jobs();
}

#[test]
fn a_black_hole_before_the_database_is_told_within_two_seconds_and_pages_come_back_with_it() {
    let mut stage = Stage::new();
    stage.sees_the_jobs();

    stage.cutter.swallow();
    (0..3).for_each(|_| stage.is_told_that_the_database_is_away());
    stage.cutter.spit_out();

    stage.sees_the_jobs();
}

#[test]
fn a_page_that_meets_the_black_hole_in_the_middle_of_a_statement_is_answered_too() {
    let mut stage = Stage::new();
    stage.sees_the_jobs();
    let mut other = stage.db.connect();
    other.batch_execute("BEGIN; LOCK TABLE millrace.history IN ACCESS EXCLUSIVE MODE").unwrap();

    let (answer, took) = std::thread::scope(|scope| {
        let Stage { browser, cutter, .. } = &mut stage;
        let asked = scope.spawn(|| {
            let begun = Instant::now();
            (browser.get("/jobs"), begun.elapsed())
        });
        std::thread::sleep(Duration::from_millis(200)); // the statement waits for the lock
        cutter.swallow();
        asked.join().unwrap()
    });

    assert_eq!(answer.status, 503, "{took:?}");
    assert!(answer.body.contains("The database cannot be reached"), "{}", answer.body);
    assert!(took <= ANSWER_MAX, "{took:?}");
    other.batch_execute("ROLLBACK").unwrap();
    stage.cutter.spit_out();
    stage.sees_the_jobs();
}
