//! What is asked for: every page, and every kind of filter, common and rare.

use super::Fixture;
use super::fill::{NEEDLE, NODES, QUEUES, TEMPLATES};
use crate::admin::jobs::view::ListView;
use crate::web::paths;

/// Searches of the jobs list, each with what makes it hard.
const SEARCHES: [&str; 46] = [
    "",
    "state:failed",
    "state:ready",
    "state:running",
    "state:scheduled",
    "state:retrying",
    "state:held",
    "state:succeeded",
    "state:cancelled",
    "state:expired",
    "state:failed,cancelled,expired",
    "queue:mail",
    "queue:rare",
    "queue:m*",
    "-queue:mail",
    "template:mail.send",
    "template:rare.job",
    "template:*.sync state:succeeded",
    "-template:mail.*",
    "tag:vip",
    "tag:migration",
    "-tag:vip",
    "node:mil-02",
    "node:none",
    "priority:1",
    "attempt:>1",
    "attempt:>2 state:succeeded",
    "wait:>5m",
    "wait:>10h",
    "run:>30s",
    "run:<10ms",
    "created:-24h",
    "created:-7d..-6d",
    "since:-1h",
    "due:<+1h",
    "error:refused",
    "error:\"no such customer\"",
    "arg.customer:4711",
    "arg.country:it",
    "arg.total:>990",
    "by:bench",
    "key:order-17",
    "state:failed OR state:held",
    "(queue:mail OR queue:exports) -tag:vip attempt:1 created:-48h",
    "confirmation",
    "\"customer 4711\"",
];

/// Orders of the jobs list.
const SORTS: [&str; 7] = ["created", "run", "-run", "-wait", "priority", "-attempt", "due"];

/// Columns of the jobs list.
const ALL_COLUMNS: [&str; 13] = [
    "state", "queue", "priority", "attempt", "node", "wait", "run", "created", "due", "tags", "version", "by",
    "activity",
];

/// Lists the addresses that are visited.
pub(super) fn all(fixture: Fixture) -> Vec<String> {
    let searched = |search: &&str| found(search);
    let mut pages: Vec<String> = SEARCHES.iter().map(searched).collect();
    pages.push(found(&format!("{NEEDLE} created:-7d")));
    pages.push(found(&format!("arg.note:{NEEDLE}* created:-7d")));
    pages.push(found("error:\"quota of tenant 77\" created:-7d"));
    let middle = (fixture.finished / 2).to_string();
    for (name, value) in [("after", middle.as_str()), ("before", middle.as_str()), ("n", "200")] {
        pages.push(paths::with_query(paths::JOBS, &[(name, value)]));
        pages.push(paths::with_query(paths::JOBS, &[("state", "failed"), (name, value)]));
    }
    for sort in SORTS {
        pages.push(paths::with_query(paths::JOBS, &[("sort", sort)]));
        pages.push(paths::with_query(paths::JOBS, &[("state", "failed"), ("sort", sort)]));
        pages.push(paths::with_query(paths::JOBS, &[("state", "ready"), ("sort", sort)]));
    }
    pages.push(paths::with_query(paths::JOBS, &[("cols", &ALL_COLUMNS.join(","))]));
    pages.extend(of_one(fixture));
    pages.extend(places());
    pages
}

/// The address that a typed search is led to.
fn found(search: &str) -> String {
    ListView::read(vec![("q".to_owned(), search.to_owned())]).href()
}

/// Single jobs in the states that matter.
fn of_one(fixture: Fixture) -> Vec<String> {
    let failed = 7 + u64::from(fixture.finished / fixture.failed.max(1)) * 3;
    let waiting = u64::from(fixture.finished) + 3;
    let mut pages = Vec::new();
    for id in [failed, failed + 1, waiting] {
        pages.push(format!("/jobs/{id}"));
        pages.push(format!("/jobs/{id}/log"));
    }
    pages.push(format!("/jobs/{failed}/attempts/1"));
    pages.push(format!("/jobs/compare?a={failed}&b={}", failed + 1));
    pages.push("/operations/new?act=retry&all=on&q=state%3Afailed&back=%2Fjobs".into());
    pages.push(format!("/jobs/{failed}/edit"));
    for fingerprint in ["aaaa000000000010", "aaaa000000000014"] {
        pages.push(paths::failure(fingerprint));
    }
    let counting = "/operations/new?act=cancel&all=on&q=tag%3Avip";
    pages.push(counting.into());
    let half = fixture.finished + fixture.waiting / 2;
    pages.push(format!("{counting}&counted=below.{half}-ready.1000&spent_ms=200")); // goes on by itself until all are counted
    pages.push(format!("{counting}&whole=on")); // without script: counts for as long as somebody waits
    pages
}

fn places() -> Vec<String> {
    let fixed = [
        paths::DASHBOARD,
        paths::JOB_NEW,
        paths::OPERATIONS,
        paths::FAILURES,
        paths::VIEWS,
        paths::NOTIFICATIONS,
        paths::QUEUES,
        paths::NODES,
        paths::POOLS,
        paths::TEMPLATES,
        paths::DATABASE,
        paths::PEOPLE,
        paths::TOKENS,
        paths::HELP,
        paths::ACCOUNT,
    ];
    let named = [paths::queue(QUEUES[0]), paths::node(NODES[0]), paths::template(TEMPLATES[0])];
    let typed = [
        paths::with_query(paths::PALETTE, &[("q", "mail")]),
        paths::with_query(paths::PALETTE, &[("q", "4711")]),
        paths::with_query(paths::JOBS_COMPLETE, &[("q", "queue:m"), ("at", "7")]),
        paths::with_query(paths::FAILURES, &[("q", "refused")]),
        paths::with_query(paths::FAILURES, &[("state", "rising")]),
        paths::with_query(paths::JOB_NEW, &[("template", TEMPLATES[0])]),
    ];
    fixed.iter().map(|path| (*path).to_owned()).chain(named).chain(typed).collect()
}
