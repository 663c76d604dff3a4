//! How long jobs take to go on elsewhere that a node gave back because it ends in order.

use std::collections::{BTreeMap, HashMap};

use super::history::{Event, History, What};

/// A job that one node gave back and another one began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    pub job: i64,
    pub from: String,
    pub to: String,
    /// From the release of its lease to the first line of its code, in microseconds.
    pub took: i64,
}

/// Lists, for each end of a node, the jobs that it gave back while it ended. Those that wait for a place in a lane are left out,
/// and so are those that the same node took again after it was started anew: nobody else had room.
pub fn hand_overs(history: &History) -> Vec<Vec<HandOver>> {
    let mut of_job: BTreeMap<i64, Vec<&Event>> = BTreeMap::new();
    history.events.iter().for_each(|event| of_job.entry(event.job).or_default().push(event));
    let kinds = kinds(history);
    of_job.retain(|job, _| kinds.get(job).is_some_and(|kind| !kind.starts_with("narrow")));
    let of_end = |(node, from, to): &(String, i64, i64)| {
        let gives_back = |event: &&Event| {
            event.what == What::Released && event.node.as_ref() == Some(node) && (*from..=*to).contains(&event.at)
        };
        let given_back = |events: &Vec<&Event>| {
            let at = events.iter().position(gives_back)?;
            let next = events[at + 1..]
                .iter()
                .find(|event| !matches!(event.what, What::Trouble(ref outcome) if outcome == "handed back"))?;
            let went_on = next.what == What::Claimed && next.node != events[at].node;
            went_on.then(|| hand_over(history, events[at], next))?
        };
        of_job.values().filter_map(given_back).collect()
    };
    history.ends.iter().map(of_end).collect()
}

fn kinds(history: &History) -> HashMap<i64, &'static str> {
    let of_number: HashMap<i64, &'static str> = history.asked.iter().map(|asked| (asked.number, asked.kind)).collect();
    history.known.iter().filter_map(|job| Some((job.id, *of_number.get(&job.number)?))).collect()
}

fn hand_over(history: &History, released: &Event, claimed: &Event) -> Option<HandOver> {
    let started = history.starts.get(&(claimed.job, claimed.fence?))?;
    let (from, to) = (released.node.clone()?, claimed.node.clone()?);
    Some(HandOver { job: released.job, from, to, took: started - released.at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::history::{Answer, Asked, Known, Wish};

    fn event(at: i64, node: &str, fence: i64, what: What) -> Event {
        Event { at, by: at, job: 1, fence: Some(fence), node: Some(node.into()), what }
    }

    /// Node a ends from 10 to 20, gives its job back at 15, and b begins it at 19.
    fn history() -> History {
        let asked = |kind| Asked { number: 7, kind, answer: Answer::Job(1), wish: Wish::Succeeds, turn: None };
        History {
            asked: vec![asked("long")],
            known: vec![Known { id: 1, number: 7 }],
            events: vec![
                event(1, "a", 5, What::Claimed),
                event(15, "a", 5, What::Released),
                event(15, "a", 5, What::Trouble("handed back".into())),
                event(18, "b", 6, What::Claimed),
                event(30, "b", 6, What::Ended("succeeded".into())),
            ],
            starts: [((1, 6), 19)].into(),
            ends: vec![("a".into(), 10, 20)],
            ..History::default()
        }
    }

    #[test]
    fn a_hand_over_goes_from_the_release_to_the_start_on_another_node() {
        let over = HandOver { job: 1, from: "a".into(), to: "b".into(), took: 4 };

        assert_eq!(hand_overs(&history()), [[over]]);
    }

    #[test]
    fn what_was_interrupted_or_ended_or_waits_in_a_lane_or_stays_is_no_hand_over() {
        let none_when = |break_it: fn(&mut History)| {
            let mut history = history();
            break_it(&mut history);
            assert_eq!(hand_overs(&history), [[]; 1]);
        };

        none_when(|history| history.events[2].what = What::Trouble("interrupted".into()));
        none_when(|history| history.events[2].what = What::Ended("succeeded".into()));
        none_when(|history| history.asked[0].kind = "narrow");
        none_when(|history| history.events[3].node = Some("a".into()));
        none_when(|history| history.ends[0].1 = 16);
        none_when(|history| history.ends[0].0 = "b".into());
    }
}
