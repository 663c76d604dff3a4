//! What is a concern, and which of them is worse.

use super::*;
use crate::admin::dashboard::failing::sample::failing;
use crate::queue::job::QueueId;

const NOW: Time = Time::UNIX_EPOCH;

fn ago(seconds: i64) -> Time {
    NOW - chrono::TimeDelta::seconds(seconds)
}

fn queue(name: &str, oldest: Option<i64>, paused: Option<i64>) -> QueueLine {
    QueueLine {
        id: QueueId(1),
        name: name.into(),
        running: 0,
        ready: 5,
        failed: 0,
        oldest: oldest.map(ago),
        oldest_in_line: oldest.map(ago),
        per_minute: Vec::new(),
        attempts_failed: 0,
        shorter_per_minute: 0.0,
        wait_target_ms: None,
        paused: paused.is_some(),
        paused_by: paused.map(|_| "ada".into()),
        pause_reason: None,
        paused_at: paused.map(ago),
    }
}

/// One node with a free slot.
const UP: Fleet = Fleet { nodes: 1, slots: 2, busy: 1, takers: 1, free: 1 };

fn mute(heartbeat: i64, lost: Option<i64>) -> Unheard {
    Unheard { node: "n".into(), heartbeat_at: ago(heartbeat), lost_at: lost.map(ago) }
}

fn seen<'a>(flow: &'a Flow, queues: &'a [QueueLine], fleet: Fleet, drains: &'a [Drain]) -> Seen<'a> {
    Seen { flow, queues, failing: &[], fleet, unheard: &[], drains, database: &[], ailing: &[] }
}

#[test]
fn nothing_is_said_while_all_is_well() {
    assert_eq!(concerns(NOW, &seen(&Flow::default(), &[queue("a", Some(59), None)], UP, &[])), []);
}

#[test]
fn the_worst_comes_first() {
    let queues = [
        queue("a", Some(90), None),
        queue("b", None, Some(20)),
        queue("c", Some(61), None),
        queue("d", Some(99), None),
    ];

    let silent = [mute(60, None)];
    let found = concerns(NOW, &Seen { unheard: &silent, ..seen(&Flow::default(), &queues, UP, &[]) });

    assert_eq!(found.len(), 5);
    assert!(matches!(found[0], Concern::Silent { .. }), "{found:?}");
    assert!(matches!(found[1], Concern::Behind { slots: Slots::Free, .. }));
}

#[test]
fn work_without_a_node_is_said() {
    let flow = Flow { all: 3, ready: 3, ..Flow::default() };

    assert_eq!(concerns(NOW, &seen(&flow, &[], Fleet::default(), &[]))[0], Concern::NoNode { ready: 3 });
}

#[test]
fn a_drained_node_is_said_first_when_no_other_takes_work() {
    let flow = Flow { all: 5, ready: 5, ..Flow::default() };
    let drain = Drain { node: "vm".into(), by: Some("Ada".into()), reason: Some("disk swap".into()) };
    let drained = Fleet { takers: 0, free: 0, ..UP };
    let behind = [queue("a", Some(90), None)];

    let alone = concerns(NOW, &seen(&flow, &behind, drained, std::slice::from_ref(&drain)));
    assert!(matches!(&alone[0], Concern::Drained { node, stops: Some(5), .. } if node == "vm"), "{alone:?}");
    assert!(matches!(alone[1], Concern::Behind { slots: Slots::None, .. }), "{alone:?}");

    let beside = concerns(NOW, &seen(&flow, &behind, Fleet { nodes: 2, slots: 4, ..UP }, &[drain]));
    assert!(matches!(beside[0], Concern::Behind { slots: Slots::Free, .. }), "{beside:?}");
    assert!(matches!(beside[1], Concern::Drained { stops: None, .. }), "{beside:?}");
}

#[test]
fn what_is_wrong_with_the_database_is_one_concern() {
    let found = [
        Finding::new("snapshot", "bi keeps a transaction open", "end it"),
        Finding::new("dead-rows", "many", "vacuum"),
    ];
    let behind = [queue("a", Some(90), None)];

    let all = concerns(NOW, &Seen { database: &found, ..seen(&Flow::default(), &behind, UP, &[]) });

    assert!(matches!(&all[0], Concern::Database { found } if found.len() == 2) && all.len() == 2, "{all:?}");
}

#[test]
fn a_queue_is_behind_its_own_target_and_else_behind_a_minute() {
    let cases = [
        (60, None, false),
        (61, None, true),
        (61, Some(120_000), false),
        (120, Some(120_000), false),
        (121, Some(120_000), true),
        (2, Some(1_500), true),
        (1, Some(1_500), false),
    ];

    for (waited, wait_target_ms, expected) in cases {
        let queues = [QueueLine { wait_target_ms, ..queue("a", Some(waited), None) }];
        let found = concerns(NOW, &seen(&Flow::default(), &queues, UP, &[]));
        assert_eq!(found.len() == 1, expected, "{waited} s of {wait_target_ms:?} ms: {found:?}");
    }
    let paused = [QueueLine { wait_target_ms: Some(1), ..queue("a", Some(9), Some(1)) }];
    let found = concerns(NOW, &seen(&Flow::default(), &paused, UP, &[]));
    assert!(matches!(found[..], [Concern::Paused { .. }]), "a paused queue is not behind: {found:?}");
}

#[test]
fn whoever_waits_for_a_limit_is_behind_only_when_somebody_has_said_how_long_it_may_wait() {
    for (wait_target_ms, expected) in [(None, false), (Some(30_000), true), (Some(300_000), false)] {
        let limited = QueueLine { oldest_in_line: None, wait_target_ms, ..queue("a", Some(222), None) };
        let found = concerns(NOW, &seen(&Flow::default(), &[limited], UP, &[]));
        assert_eq!(matches!(found[..], [Concern::Behind { slots: Slots::NotNeeded, .. }]), expected, "{found:?}");
    }
}

#[test]
fn a_slow_database_comes_after_what_stops_work() {
    let slow = [Finding::new("claim-time", "slow", "look")];
    let behind = [queue("a", Some(90), None)];

    let all = concerns(NOW, &Seen { database: &slow, ..seen(&Flow::default(), &behind, UP, &[]) });

    assert!(matches!(all[..], [Concern::Behind { .. }, Concern::Database { .. }]), "{all:?}");
}

#[test]
fn failures_that_want_somebody_are_told_worst_first() {
    use GroupState::{New, Returned, Rising, Steady};
    let told = |groups: &[Failing]| -> Vec<(GroupState, i64)> {
        let found = concerns(NOW, &Seen { failing: groups, ..seen(&Flow::default(), &[], UP, &[]) });
        let state = |concern: Concern| match concern {
            Concern::Failing { state, cause } => (state, cause.recent),
            other => panic!("{other:?}"),
        };
        found.into_iter().map(state).collect()
    };

    let cases = [
        (vec![failing(Rising, 5)], vec![(Rising, 5)]),
        (vec![failing(Rising, 4)], vec![]),
        (vec![failing(Steady, 500)], vec![]),
        (vec![failing(New, 90), failing(Returned, 6)], vec![(Returned, 6), (New, 90)]),
        (vec![failing(Rising, 6), failing(Rising, 7), failing(Returned, 8)], vec![(Returned, 8), (Rising, 7)]),
        (vec![Failing { state: None, ..failing(Rising, 90) }], vec![]),
    ];
    for (groups, expected) in cases {
        assert_eq!(told(&groups), expected, "{groups:?}");
    }
}

#[test]
fn what_a_queue_behind_fails_of_is_told_beside_it_and_only_there() {
    let behind = [queue("mail", Some(90), None), queue("other", Some(90), None)];
    let groups = [failing(GroupState::Rising, 9), failing(GroupState::Steady, 6)];

    let found = concerns(NOW, &Seen { failing: &groups, ..seen(&Flow::default(), &behind, UP, &[]) });

    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        matches!(&found[0], Concern::Behind { queue, cause: Some(cause), .. } if queue == "mail" && cause.recent == 9)
    );
    assert!(matches!(&found[1], Concern::Behind { queue, cause: None, .. } if queue == "other"));
}

#[test]
fn a_queue_paused_for_long_comes_before_a_new_failure_and_one_paused_just_now_after_it() {
    let groups = [failing(GroupState::New, 9)];
    for (seconds, first) in [(15 * 60, false), (15 * 60 + 1, true)] {
        let queues = [queue("a", None, Some(seconds))];
        let found = concerns(NOW, &Seen { failing: &groups, ..seen(&Flow::default(), &queues, UP, &[]) });
        assert_eq!(matches!(found[0], Concern::Paused { .. }), first, "{seconds}: {found:?}");
    }
}

#[test]
fn a_lost_node_is_told_for_an_hour_and_a_silent_one_from_ten_seconds_on() {
    let cases = [
        (mute(10, None), None),
        (mute(11, None), Some("silent-n")),
        (mute(75, Some(60)), Some("lost-n")),
        (mute(3_610, Some(3_599)), Some("lost-n")),
        (mute(3_620, Some(3_600)), None),
    ];

    for (one, expected) in cases {
        let unheard = [one];
        let found = concerns(NOW, &Seen { unheard: &unheard, ..seen(&Flow::default(), &[], UP, &[]) });
        let keys: Vec<String> = found.iter().map(Concern::key).collect();
        assert_eq!(keys.first().map(String::as_str), expected, "{unheard:?}");
    }
    let many: Vec<Unheard> = (0..9).map(|n| mute(60 + n, Some(50))).collect();
    let behind = [queue("a", Some(90), None)];
    let found = concerns(NOW, &Seen { unheard: &many, ..seen(&Flow::default(), &behind, UP, &[]) });
    assert!(found.len() == 5 && matches!(found[4], Concern::Behind { .. }), "others are told beside them: {found:?}");
    assert!(matches!(found[0], Concern::Lost { since, .. } if since == ago(60)), "the latest first: {found:?}");
}
