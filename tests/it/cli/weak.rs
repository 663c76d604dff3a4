//! A Postgres that may lose acknowledged work is told of above every page, with what mends it, until it is mended.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use millrace::cluster::{Cluster, ClusterSettings, DATABASE, SUPERUSER};

use super::millrace;
use super::served::Served;
use crate::support::ThrowAway;
use crate::web::browser::Browser;

/// Longest time until a page tells of a change.
const LIMIT: Duration = Duration::from_secs(30);

fn shows(browser: &mut Browser, wanted: bool) -> String {
    let end = Instant::now() + LIMIT;
    loop {
        let page = browser.get("/sign-in").body;
        if page.contains("Work may be lost") == wanted || Instant::now() > end {
            return page;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn weak_durability_stands_above_every_page_until_it_is_mended() {
    let folder = ThrowAway::new();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let mut served = Served::start(&data);
    let origin = served.origin();
    let variables = [("MILLRACE_DATA_DIR", data.to_str().unwrap())];
    let added =
        millrace(&data, &variables, &["user", "add", "a@example.org", "--role", "admin"], "five wet otters sing\n");
    assert_eq!(added.code, 0, "{}", added.err);
    let mut browser = Browser::new(origin.strip_prefix("http://").unwrap());
    assert!(!browser.get("/sign-in").body.contains("Work may be lost"), "the embedded cluster is durable");
    let running = Cluster::attach(&ClusterSettings::under(&data).unwrap()).unwrap();
    let mut owner = PgConnection::establish(&running.url(SUPERUSER, DATABASE)).unwrap();

    owner.batch_execute(&format!("ALTER DATABASE {DATABASE} SET synchronous_commit = off")).unwrap();

    let page = shows(&mut browser, true);
    let mends = format!("ALTER DATABASE &#34;{DATABASE}&#34; RESET synchronous_commit");
    for words in ["s-failed", "synchronous_commit is off: a crash can lose jobs that were acknowledged", &mends] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let doctor = millrace(&data, &variables, &["doctor"], "");
    assert!(doctor.code == 1 && doctor.out.contains("RESET synchronous_commit"), "{}", doctor.out);

    owner.batch_execute(&format!("ALTER DATABASE {DATABASE} RESET synchronous_commit")).unwrap();

    assert!(!shows(&mut browser, false).contains("Work may be lost"));
    assert_eq!(served.end(), 0);
}
