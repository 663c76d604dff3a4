//! The page in every state.

use askama::Template;

use super::DatabasePage;
use crate::admin::health::database::{Health, Moment, Sample, sample, warnings};
use crate::web::live::LivePage;
use crate::web::shell::sample::shell;

fn shown(sample: Option<Sample>, moments: usize) -> String {
    page(sample, moments).render().expect("a page")
}

fn page(sample: Option<Sample>, moments: usize) -> DatabasePage {
    let moment = |place: usize| Moment {
        at: shell().now,
        snapshot_age_ms: 0,
        dead_rows: place as i64,
        connections: 20,
        claim_p50_us: Some(400),
        claim_p99_us: Some(2_000),
    };
    let course: Vec<Moment> = (0..moments).map(moment).collect();
    let warnings = warnings(sample.as_ref(), shell().now);
    DatabasePage::new(shell(), Health { sample, warnings }, &course)
}

#[test]
fn a_database_that_nobody_looked_at_is_said_to_be_unknown() {
    let page = shown(None, 0);

    assert!(page.contains("Nobody has looked at the database yet") && !page.contains("All is well"));
}

#[test]
fn every_figure_stands_beside_its_limit() {
    let page = shown(Some(sample::well()), 30);

    assert!(page.contains("All is well") && page.contains("Nobody holds a snapshot"));
    for words in ["limit 50 ms", "limit 1m", "limit 100,000 in a table", "limit 77 of 97", "at least 1,000,000"] {
        assert!(page.contains(words), "{words}");
    }
    assert!(page.contains("Claim time in the last hour: at most 2"));
    assert!(!shown(Some(sample::well()), 2).contains("in the last hour"), "two points are no line");
}

#[test]
fn what_is_wrong_is_told_with_the_act_that_mends_it_and_nothing_is_markup() {
    let mut sick = sample::well();
    sick.holders = vec![sample::holder("session", 3_700), sample::holder("slot", 5)];
    sick.durability.fsync = "off".into();
    sick.oldest = None;

    let page = shown(Some(sick), 0);

    assert!(
        page.contains("<code class=\"mono\">SELECT pg_terminate_backend(4711)</code>")
            && page.contains("ALTER SYSTEM SET fsync = on")
    );
    assert!(page.contains("1h 01m") && page.contains("nightly &#60;report&#62;") && !page.contains("<report>"));
}

#[test]
fn what_is_sent_later_holds_what_the_page_held() {
    let page = page(Some(sample::well()), 30);

    let body = page.panels().expect("panels").pop().expect("a panel").html;

    for words in ["Hot tables", "millrace web", "fra-01", "synchronous_commit", "log_chunks"] {
        assert!(body.contains(words), "{words}");
    }
}

#[test]
fn a_figure_is_marked_exactly_when_it_is_warned_of() {
    let marked = |sample: &Sample| -> Vec<&'static str> {
        super::rows::tiles(sample, &[]).iter().filter(|tile| tile.bad).map(|tile| tile.label).collect()
    };
    let told = |sample: &Sample| warnings(Some(sample), sample.at).len();

    let mut few = sample::well();
    (few.claims[0].claims, few.claims[0].p99_ms) = (5, Some(60.0));
    assert!(marked(&few).is_empty() && told(&few) == 0, "the slowest of few claims says nothing");
    assert!(super::rows::nodes(&few).iter().all(|node| !node.bad));

    let mut slot = sample::well();
    slot.holders = vec![sample::holder("slot", 0)];
    (slot.holders[0].since, slot.holders[0].xids) = (None, 200_000);
    assert_eq!((marked(&slot), told(&slot)), (vec!["Oldest snapshot"], 1));

    let mut full = sample::well();
    full.connections.used = 78; // of 97
    assert_eq!((marked(&full), told(&full)), (vec!["Connections"], 1));
}
