//! The measurements that no other test needs: each runs, and its figures stand in the answer.

use millrace::bench::{Bench, Figures, Question, Trial, run};
use serde_json::Value;

use crate::support::TestDb;

/// The smallest comparison that measures anything.
fn compare(question: Question) -> Figures {
    let trial = Trial { question, jobs: 300, rounds: 2, payload_bytes: 200, finished: 500, seconds: 1 };
    run(TestDb::empty().url(), Bench::Designs(trial), &|_, _| panic!("no API is measured")).unwrap()
}

fn number(figures: &Figures, design: &str, name: &str) -> f64 {
    let line =
        figures.compared.iter().find(|line| line.name == design).unwrap_or_else(|| panic!("{design} is missing"));
    line.figures.get(name).and_then(Value::as_f64).unwrap_or_else(|| panic!("{design} has no {name}"))
}

const DESIGNS: [&str; 3] = ["thin", "one table", "moved row"];

#[test]
fn every_design_works_off_what_it_was_given() {
    let figures = compare(Question::Drain);

    for design in DESIGNS.into_iter().chain(["thin, claim by key", "thin, settle apart", "thin, no mark"]) {
        assert!(number(&figures, design, "drain_jobs_per_s") > 0.0);
        assert!(number(&figures, design, "enqueue_wal_bytes") > 200.0, "{design} wrote less than its payload");
    }
    assert_eq!(number(&figures, "thin", "to_first"), 1.0);
    let shown = figures.to_string();
    assert!(shown.contains("drain_jobs_per_s") && shown.contains("\n  one table "), "{shown}");
}

#[test]
fn every_design_goes_on_under_a_held_snapshot() {
    let figures = compare(Question::Snapshot);

    for design in DESIGNS.into_iter().chain(["thin, neither"]) {
        assert!(number(&figures, design, "second_to_first") > 0.0);
    }
}

#[test]
fn every_design_works_beside_a_history() {
    let figures = compare(Question::History);

    for design in DESIGNS {
        assert!(number(&figures, design, "laden_jobs_per_s") > 0.0);
    }
}

#[test]
fn every_design_keeps_up_with_an_even_flow() {
    let figures = compare(Question::Steady);

    for design in DESIGNS {
        let [free, held] = ["free_p99_ms", "held_p99_ms"].map(|name| number(&figures, design, name));
        assert!(free > 0.0 && held > 0.0, "{design}: {free}, {held}");
    }
}
