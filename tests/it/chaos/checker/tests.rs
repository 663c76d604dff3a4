//! The checker finds what is broken on purpose.

use super::*;
use crate::chaos::history::{Asked, Effect, Struck};

fn event(job: i64, by: i64, fence: i64, what: What) -> Event {
    Event { at: by * 1_000_000, by, job, fence: Some(fence), node: Some("a".into()), what }
}

fn trouble(job: i64, by: i64, fence: i64) -> Event {
    event(job, by, fence, What::Trouble("interrupted".into()))
}

fn ended(job: i64, by: i64, fence: i64) -> Event {
    event(job, by, fence, What::Ended("succeeded".into()))
}

/// Job 1 was interrupted and succeeded in its second attempt; job 2 is an `sql` job.
fn good() -> History {
    let asked = |number, kind, answer| Asked { number, kind, answer, wish: Wish::Succeeds, turn: None };
    History {
        asked: vec![asked(10, "effect", Answer::Job(1)), asked(20, "insert", Answer::Unknown)],
        known: vec![Known { id: 1, number: 10 }, Known { id: 2, number: 20 }],
        events: vec![
            event(1, 1, 5, What::Claimed),
            event(1, 2, 5, What::Said),
            event(1, 4, 5, What::Released),
            trouble(1, 4, 5),
            event(1, 6, 7, What::Claimed),
            ended(1, 8, 7), // a statement may write before it lets go
            event(1, 8, 7, What::Released),
            event(2, 9, 8, What::Claimed),
            event(2, 10, 8, What::Released),
            ended(2, 10, 8),
        ],
        effects: vec![Effect { job: 1, fence: 5 }, Effect { job: 1, fence: 7 }],
        leaving: vec!["effect"],
        inserted: vec![20],
        inserting: vec!["insert"],
        struck: vec![Struck { at: 3_000_000, node: "a".into() }],
        ..History::default()
    }
}

#[track_caller]
fn caught(break_it: impl Fn(&mut History), by: &str) {
    let mut broken = good();
    break_it(&mut broken);
    let found = judge(&broken);
    assert!(found.iter().any(|wrong| wrong.contains(by)), "{by:?} is not in {found:?}");
}

#[test]
fn a_good_history_is_good() {
    assert_eq!(judge(&good()), Vec::<String>::new());
    assert_eq!((completed_alone(&good()), most_interruptions(&good())), ((2, 2), 1));
    let rescues = rescues(&good(), 0);
    assert_eq!((rescues.ready, rescues.again), (vec![1_000_000], vec![3_000_000]));
}

#[test]
fn lost_and_doubled_jobs_are_caught() {
    caught(|history| history.known.clear(), "request 10");
    caught(|history| history.known.push(Known { id: 3, number: 20 }), "request 20");
    caught(|history| history.known.push(Known { id: 4, number: 99 }), "nobody asked for job 4");
    caught(|history| history.known[0].id = 7, "request 10");
}

#[test]
fn jobs_that_end_wrongly_are_caught() {
    caught(|history| drop(history.events.pop()), "job 2 (insert, Succeeds) ended as []");
    caught(|history| history.events.push(ended(2, 10, 8)), "ended as [\"succeeded\", \"succeeded\"]");
    caught(|history| history.asked[0].wish = Wish::IsCancelled, "job 1 (effect, IsCancelled)");
}

#[test]
fn broken_fences_are_caught() {
    caught(|history| drop(history.events.remove(2)), "claimed under 7 while 5 held it");
    caught(|history| history.events.push(event(1, 11, 9, What::Claimed)), "after its end");
    caught(|history| history.events.push(event(1, 11, 9, What::Claimed)), "still under lease 9");
    caught(|history| history.events[4].fence = Some(4), "not above 5");
    caught(|history| history.events.insert(5, event(1, 7, 5, What::Said)), "Said by the stale fence Some(5)");
    caught(|history| history.events[9].by = 11, "by the stale fence Some(8)");
    caught(|history| history.events[5].fence = None, "by the stale fence None");
}

#[test]
fn jobs_that_do_not_wait_for_their_turn_are_caught() {
    let of_one_key = |history: &mut History| history.asked.iter_mut().for_each(|asked| asked.turn = Some("k".into()));
    let mut fine = good();
    of_one_key(&mut fine);
    assert_eq!(judge(&fine), Vec::<String>::new());

    caught(
        |history| {
            of_one_key(history);
            history.events.rotate_right(3); // the second job comes first
        },
        "job 2 of k began before 1 had ended",
    );
}

#[test]
fn effects_without_a_reason_are_caught() {
    caught(|history| history.inserted.push(20), "inserted 2 times by 1 successes");
    caught(|history| history.inserted.clear(), "inserted 0 times by 1 successes");
    caught(|history| history.inserted.push(77), "number 77 was inserted for nobody");
    caught(|history| drop(history.events.remove(3)), "nothing explains its effect under 5");
    caught(|history| history.effects.push(Effect { job: 1, fence: 7 }), "twice under 7");
    caught(|history| history.effects.truncate(1), "left no effect");
}

#[test]
fn the_99th_of_a_hundred_is_p99() {
    assert_eq!(p99(&(1..=100).rev().collect::<Vec<_>>()), 99);
    assert_eq!((p99(&[5]), p99(&[])), (5, 0));
}

#[test]
fn rescues_under_an_outage_are_told_apart_and_released_jobs_are_no_completion() {
    let history = History { outages: vec![(3_500_000, 4_500_000)], released: vec![1], ..good() };

    let rescues = rescues(&history, 0);

    assert_eq!((rescues.ready.len(), rescues.without_database), (0, vec![3_000_000]));
    assert_eq!(completed_alone(&history), (1, 2));
}
