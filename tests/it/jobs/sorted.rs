//! Lists in another order than by number: which jobs, which pages, and what the order is said to hold for.

use diesel::connection::SimpleConnection;
use millrace::admin::jobs::sorted::{Within, sorted};
use millrace::admin::jobs::view::{Key, Order, Way};
use millrace::admin::jobs::{Cursor, JobPage};
use millrace::base::db::PgConnection;
use millrace::queue::actor::Scope;
use millrace::queue::job::JobId;
use millrace::queue::permission::Role;
use serde_json::json;

use super::stage::Console;
use super::work::registry;
use crate::support::TestDb;
use crate::support::stage::{TestEngine, asked, enqueue_many, handler_template, wait_for};

fn page(conn: &mut PgConnection, text: &str, place: (Order, Cursor), rows: u32) -> (JobPage, Option<Within>) {
    let found = sorted(conn, &Scope::default(), &asked(text), place, rows).unwrap();
    (found.page, found.within)
}

fn ids(page: &JobPage) -> Vec<JobId> {
    page.rows.iter().map(|row| row.id).collect()
}

#[test]
fn the_oldest_first_pages_through_all_and_back() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "done", json!({}));
    let mut jobs = enqueue_many(&mut conn, "done", 25);
    jobs.sort_unstable();

    for text in ["", "queue:default"] {
        let (first, within) = page(&mut conn, text, (Order::Oldest, Cursor::Newest), 10);
        assert_eq!((ids(&first), within, first.newer), (jobs[..10].to_vec(), None, None), "{text}");
        let (second, _) = page(&mut conn, text, (Order::Oldest, Cursor::After(first.older.unwrap())), 10);
        assert_eq!(ids(&second), jobs[10..20]);
        let (last, _) = page(&mut conn, text, (Order::Oldest, Cursor::After(second.older.unwrap())), 10);
        assert_eq!((ids(&last), last.older), (jobs[20..].to_vec(), None));
        let (back, _) = page(&mut conn, text, (Order::Oldest, Cursor::Before(last.newer.unwrap())), 10);
        assert_eq!(ids(&back), jobs[10..20]);
    }
}

/// 1,100 jobs that succeeded, the first after the longest run.
fn many_ended(db: &TestDb, conn: &mut PgConnection) -> Vec<JobId> {
    handler_template(conn, "done", json!({}));
    let mut jobs = enqueue_many(conn, "done", 1_100);
    jobs.sort_unstable();
    let engine = TestEngine::start(db, registry());
    for job in &jobs {
        wait_for(conn, *job, "succeeded");
    }
    engine.drain();
    conn.batch_execute("UPDATE millrace.history SET started_at = finished_at - interval '1 hour' / job_id").unwrap();
    jobs
}

#[test]
fn another_order_holds_for_the_newest_that_match_and_says_so() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let jobs = many_ended(&db, &mut conn);
    let longest = Order::By(Key::Run, Way::Falling);

    let (found, within) = page(&mut conn, "", (longest, Cursor::Newest), 3);
    assert_eq!(ids(&found), jobs[100..103], "the first hundred are older than the newest 1,000");
    assert_eq!((within, found.older, found.edge), (Some(Within::Newest(1_000)), None, None));

    let few = format!("id:{}..{}", jobs[0], jobs[4]);
    let (found, within) = page(&mut conn, &few, (longest, Cursor::Newest), 3);
    assert_eq!((ids(&found), within), (jobs[..3].to_vec(), None), "what is read whole is sorted whole");
    let (found, _) = page(&mut conn, &few, (Order::By(Key::Run, Way::Rising), Cursor::Newest), 2);
    assert_eq!(ids(&found), [jobs[4], jobs[3]]);
}

#[test]
fn what_waits_is_sorted_by_its_wait_among_the_oldest() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "done", json!({}));
    let mut jobs = enqueue_many(&mut conn, "done", 1_050);
    jobs.sort_unstable();
    conn.batch_execute(&format!(
        "UPDATE millrace.ready SET since = since - interval '1 day' WHERE job_id IN ({}, {})",
        jobs[7], jobs[1_049]
    ))
    .unwrap();

    let (found, within) = page(&mut conn, "state:ready", (Order::By(Key::Wait, Way::Falling), Cursor::Newest), 2);

    assert_eq!((ids(&found)[0], within), (jobs[7], Some(Within::Oldest(1_000))));
    let (all, within) = page(
        &mut conn,
        &format!("state:ready id:{}..", jobs[500]),
        (Order::By(Key::Wait, Way::Falling), Cursor::Newest),
        2,
    );
    assert_eq!((ids(&all)[0], within), (jobs[1_049], None));
}

/// All pages of an order, three jobs each, and then the way back.
fn paged(conn: &mut PgConnection, text: &str, order: Order) -> (Vec<Vec<JobId>>, Vec<Vec<JobId>>) {
    let filter = asked(text);
    let mut at = |cursor| sorted(conn, &Scope::default(), &filter, (order, cursor), 3).unwrap();
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let mut found = at(Cursor::Newest);
    assert_eq!(found.steps[0], None, "nothing comes before the first page");
    while let Some(behind) = found.steps[1] {
        there.push(ids(&found.page));
        assert!(there.len() < 100, "the pages do not end");
        found = at(Cursor::At(behind));
    }
    there.push(ids(&found.page));
    while let Some(before) = found.steps[0] {
        found = at(Cursor::At(before));
        back.insert(0, ids(&found.page));
    }
    (there, back)
}

#[test]
fn every_order_has_pages_both_ways_that_meet_each_job_once() {
    let db = TestDb::new();
    let mut conn = db.connect();
    handler_template(&mut conn, "done", json!({}));
    let mut jobs = enqueue_many(&mut conn, "done", 20);
    jobs.sort_unstable();
    // equal values, values that grow while one reads, and none at all
    let moved = format!(
        "UPDATE millrace.ready SET since = since - interval '1 hour' * (job_id % 4);
        INSERT INTO millrace.scheduled (job_id, seq, queue_id, template_id, priority, run_at, attempt, retrying, since)
            SELECT job_id, job_id, queue_id, template_id, 2, date_trunc('day', now()) + interval '1 day' * (job_id % 3), 1, true, since
            FROM millrace.ready WHERE job_id <= {0};
        DELETE FROM millrace.ready WHERE job_id <= {0}",
        jobs[7]
    );
    conn.batch_execute(&moved).unwrap();

    for name in ["-activity", "activity", "-wait", "wait", "-run", "run", "-due", "due", "-attempt", "priority"] {
        let order = Order::parse(name).unwrap();
        let (there, back) = paged(&mut conn, "", order);
        let mut all: Vec<JobId> = there.iter().flatten().copied().collect();
        let (whole, _) = page(&mut conn, "", (order, Cursor::Newest), 50);
        assert_eq!(all, ids(&whole), "{name}");
        assert_eq!(back, there[..there.len() - 1], "{name}");
        all.sort_unstable();
        assert_eq!(all, jobs, "{name}");
    }
}

#[test]
fn what_comes_meanwhile_moves_no_page_of_an_order() {
    let db = TestDb::new();
    let mut conn = db.connect();
    let jobs = many_ended(&db, &mut conn);
    let longest = Order::By(Key::Run, Way::Falling);
    let at =
        |conn: &mut PgConnection, cursor| sorted(conn, &Scope::default(), &asked(""), (longest, cursor), 3).unwrap();
    let first = at(&mut conn, Cursor::Newest);
    enqueue_many(&mut conn, "done", 500);

    let second = at(&mut conn, Cursor::At(first.steps[1].unwrap()));
    let back = at(&mut conn, Cursor::At(second.steps[0].unwrap()));

    assert_eq!(ids(&second.page), jobs[103..106], "the newest 1,000 are those of the first page");
    assert_eq!((ids(&back.page), back.steps[0]), (ids(&first.page), None));
    assert_eq!(second.within, Some(Within::Newest(1_000)));
}

#[test]
fn the_page_sorts_by_its_headings_and_says_what_it_sorted() {
    let console = Console::start();
    let mut conn = console.db.connect();
    many_ended(&console.db, &mut conn);
    let mut browser = console.browser(Role::Viewer);

    let page = browser.get("/jobs").body;
    assert!(page.contains("aria-sort=\"descending\"><a href=\"/jobs?sort=id\">Job"), "{page}");
    assert!(page.contains("href=\"/jobs?sort=-activity\""));
    let page = browser.get("/jobs?sort=-run&cols=state,run,wait,by,tags,created,version,due").body;
    assert!(page.contains("Sorted by run time within the newest 1,000 jobs that match; older ones are not looked at."));
    assert!(page.contains("longest run first") && page.contains("Run time"), "{page}");
    let page = browser.get("/jobs?sort=id").body;
    assert!(page.contains("oldest first") && !page.contains("Sorted by") && page.contains(">Newer<"), "{page}");
    let page = browser.get("/jobs?sort=-run&cols=run").body;
    let next = page.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    assert!(next.contains("place=behind."), "{next}");
    let second = browser.get(&next).body;
    assert!(
        second.contains("place=before.") && second.contains("Sorted by run time within the newest 1,000"),
        "{second}"
    );
    assert!(browser.get("/jobs?place=there").body.contains("is no place in a list"));
    let forms = browser.get("/jobs?cols=state&cols=run&sort=-run");
    assert_eq!(forms.header("location"), "/jobs?sort=-run&cols=state,run", "boxes of a form become one parameter");
}
