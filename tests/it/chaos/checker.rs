//! Judges a history. Every rule is a pure function that gives what it found wrong, one sentence for each.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::history::{Answer, Event, History, Known, What, Wish};

/// All that is wrong.
pub fn judge(history: &History) -> Vec<String> {
    [one_job_per_request, every_job_ends_once, fences, turns, sql_effects_stand_once, effects_are_explained]
        .iter()
        .flat_map(|rule| rule(history))
        .collect()
}

fn by_number(history: &History) -> HashMap<i64, Vec<Known>> {
    let mut found: HashMap<i64, Vec<Known>> = HashMap::new();
    history.known.iter().for_each(|job| found.entry(job.number).or_default().push(*job));
    found
}

/// What was acknowledged is there, once and under its id; what is not known is there at most once; nothing else is there.
pub fn one_job_per_request(history: &History) -> Vec<String> {
    let jobs = by_number(history);
    let mut wrong = Vec::new();
    for asked in &history.asked {
        let ids: Vec<i64> = jobs.get(&asked.number).into_iter().flatten().map(|job| job.id).collect();
        match (asked.answer, ids.as_slice()) {
            (Answer::Job(id), [one]) if id == *one => {}
            (Answer::Unknown, [] | [_]) => {}
            (answer, ids) => {
                wrong.push(format!("request {}: answered {answer:?}, and there are {ids:?}", asked.number))
            }
        }
    }
    let asked: HashSet<i64> = history.asked.iter().map(|asked| asked.number).collect();
    let strange = history.known.iter().filter(|job| !asked.contains(&job.number));
    wrong.extend(strange.map(|job| format!("nobody asked for job {}", job.id)));
    wrong
}

fn endings(events: &[Event]) -> HashMap<i64, Vec<(&str, Option<i64>)>> {
    let mut found: HashMap<i64, Vec<(&str, Option<i64>)>> = HashMap::new();
    for event in events {
        if let What::Ended(state) = &event.what {
            found.entry(event.job).or_default().push((state, event.fence));
        }
    }
    found
}

/// Every job that is there has ended exactly once, and as it should.
pub fn every_job_ends_once(history: &History) -> Vec<String> {
    let (jobs, endings) = (by_number(history), endings(&history.events));
    let mut wrong = Vec::new();
    for asked in &history.asked {
        for job in jobs.get(&asked.number).into_iter().flatten() {
            let states: Vec<&str> = endings.get(&job.id).into_iter().flatten().map(|(state, _)| *state).collect();
            let fits = matches!(
                (asked.wish, states.as_slice()),
                (Wish::Succeeds, ["succeeded"])
                    | (Wish::Fails, ["failed"])
                    | (Wish::IsCancelled, ["cancelled"])
                    | (Wish::MayBeCancelled, ["cancelled" | "succeeded"])
            );
            if !fits {
                wrong.push(format!("job {} ({}, {:?}) ended as {states:?}", job.id, asked.kind, asked.wish));
            }
        }
    }
    wrong
}

/// Under which lease a job is, by what was seen so far.
#[derive(Default)]
struct Holder {
    now: Option<i64>,
    /// The highest fence so far.
    highest: i64,
    /// The last release: fence and transaction.
    last: Option<(i64, i64)>,
    ended: bool,
}

/// No two leases hold a job at once, fences rise, nothing begins after the end, and whoever writes holds the lease or gives it
/// up in the same transaction.
pub fn fences(history: &History) -> Vec<String> {
    let mut holders: HashMap<i64, Holder> = HashMap::new();
    let mut wrong = Vec::new();
    for event in &history.events {
        let holder = holders.entry(event.job).or_default();
        if let Err(problem) = follow(holder, event) {
            wrong.push(format!("job {}: {problem}", event.job));
        }
    }
    let held = holders.iter().filter_map(|(job, holder)| Some((job, holder.now?)));
    wrong.extend(held.map(|(job, fence)| format!("job {job} is still under lease {fence}")));
    wrong
}

fn follow(holder: &mut Holder, event: &Event) -> Result<(), String> {
    match (&event.what, event.fence) {
        (What::Claimed, Some(fence)) => {
            let (before, highest) = (holder.now.replace(fence), std::mem::replace(&mut holder.highest, fence));
            if let Some(before) = before {
                return Err(format!("claimed under {fence} while {before} held it"));
            }
            if fence <= highest {
                return Err(format!("claimed under {fence}, which is not above {highest}"));
            }
            if holder.ended {
                return Err(format!("claimed under {fence} after its end"));
            }
            Ok(())
        }
        (What::Released, Some(fence)) => {
            let before = holder.now.take();
            holder.last = Some((fence, event.by));
            if before == Some(fence) { Ok(()) } else { Err(format!("released from {fence} while {before:?} held it")) }
        }
        (what, fence) => {
            holder.ended |= matches!(what, What::Ended(_));
            writes(holder, event, fence)
        }
    }
}

fn writes(holder: &Holder, event: &Event, fence: Option<i64>) -> Result<(), String> {
    let may = match (fence, holder.now, holder.last) {
        (None, held, _) => held.is_none(), // ended while it waited
        (Some(fence), Some(held), _) => fence == held,
        (Some(fence), None, last) => last == Some((fence, event.by)),
    };
    if may { Ok(()) } else { Err(format!("{:?} by the stale fence {fence:?}, {:?} held it", event.what, holder.now)) }
}

/// Jobs of an ordering key run one at a time, each after the end of those that were asked for before.
pub fn turns(history: &History) -> Vec<String> {
    let jobs = by_number(history);
    let keys: HashMap<i64, &str> = history
        .asked
        .iter()
        .filter_map(|asked| Some((asked.turn.as_deref()?, jobs.get(&asked.number)?)))
        .flat_map(|(key, jobs)| jobs.iter().map(move |job| (job.id, key)))
        .collect();
    let mut unended: HashMap<&str, BTreeSet<i64>> = HashMap::new();
    for (job, key) in &keys {
        unended.entry(key).or_default().insert(*job);
    }
    let mut wrong = Vec::new();
    for event in &history.events {
        let Some(key) = keys.get(&event.job) else { continue };
        let waiting = unended.entry(key).or_default();
        match event.what {
            What::Claimed => {
                let earlier = waiting.range(..event.job).next();
                wrong.extend(earlier.map(|job| format!("job {} of {key} began before {job} had ended", event.job)));
            }
            What::Ended(_) => {
                waiting.remove(&event.job);
            }
            What::Released | What::Trouble(_) | What::Said => {}
        }
    }
    wrong
}

/// The insert of an `sql` job stands once when it succeeded and not at all when it did not.
pub fn sql_effects_stand_once(history: &History) -> Vec<String> {
    let (jobs, endings) = (by_number(history), endings(&history.events));
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    history.inserted.iter().for_each(|number| *counts.entry(*number).or_default() += 1);
    let mut wrong = Vec::new();
    for asked in history.asked.iter().filter(|asked| history.inserting.contains(&asked.kind)) {
        let ids = jobs.get(&asked.number).into_iter().flatten();
        let succeeded =
            ids.filter(|job| endings.get(&job.id).is_some_and(|all| all.iter().any(|(s, _)| *s == "succeeded")));
        let (wanted, found) = (succeeded.count(), counts.remove(&asked.number).unwrap_or(0));
        if wanted != found {
            wrong.push(format!("number {} was inserted {found} times by {wanted} successes", asked.number));
        }
    }
    wrong.extend(counts.keys().map(|number| format!("number {number} was inserted for nobody")));
    wrong
}

/// An attempt leaves its effect once; one that succeeded has left it; every other one was written down as trouble.
pub fn effects_are_explained(history: &History) -> Vec<String> {
    let endings = endings(&history.events);
    let troubles: HashSet<(i64, Option<i64>)> = history
        .events
        .iter()
        .filter(|event| matches!(event.what, What::Trouble(_)))
        .map(|event| (event.job, event.fence))
        .collect();
    let succeeded = |job: i64| {
        endings.get(&job).into_iter().flatten().find(|(state, _)| *state == "succeeded").and_then(|(_, fence)| *fence)
    };
    let mut wrong = Vec::new();
    let mut seen: HashSet<(i64, i64)> = HashSet::new();
    for effect in &history.effects {
        let (job, fence) = (effect.job, effect.fence);
        if !seen.insert((job, fence)) {
            wrong.push(format!("job {job} has left its effect twice under {fence}"));
        }
        if succeeded(job) != Some(fence) && !troubles.contains(&(job, Some(fence))) {
            wrong.push(format!("job {job}: nothing explains its effect under {fence}"));
        }
    }
    let jobs = by_number(history);
    for asked in history.asked.iter().filter(|asked| history.leaving.contains(&asked.kind)) {
        for job in jobs.get(&asked.number).into_iter().flatten() {
            if let Some(fence) = succeeded(job.id).filter(|fence| !seen.contains(&(job.id, *fence))) {
                wrong.push(format!("job {} succeeded under {fence} and left no effect", job.id));
            }
        }
    }
    wrong
}

/// Until everybody has a connection again after an outage.
const RECONNECT_US: i64 = 2_000_000;

/// How long interrupted jobs took to come back, in microseconds, those apart that met a time without a database.
#[derive(Debug, Default)]
pub struct Rescues {
    /// From the blow to the release from the lost lease.
    pub ready: Vec<i64>,
    /// From the blow to the next claim.
    pub again: Vec<i64>,
    /// The same, where there was no database in between.
    pub without_database: Vec<i64>,
}

/// Measures rescues under a lease. A job that is held afterwards, or put off because it was interrupted before, is none.
pub fn rescues(history: &History, lease: i64) -> Rescues {
    let mut found = Rescues::default();
    let mut of_job: HashMap<i64, Vec<&Event>> = HashMap::new();
    history.events.iter().for_each(|event| of_job.entry(event.job).or_default().push(event));
    for events in of_job.values() {
        let (mut interruptions, mut trouble) = (0, None);
        for event in events {
            match &event.what {
                What::Trouble(outcome) if outcome == "interrupted" => {
                    interruptions += 1;
                    trouble = Some(*event).filter(|_| interruptions == 1);
                }
                What::Claimed => {
                    if let Some(lost) = trouble.take() {
                        add(&mut found, history, lost, event.at, lease);
                    }
                }
                _ => {}
            }
        }
    }
    found
}

fn add(found: &mut Rescues, history: &History, lost: &Event, again: i64, lease: i64) {
    let blows = history.struck.iter().filter(|blow| Some(&blow.node) == lost.node.as_ref() && blow.at <= lost.at);
    let Some(blow) = blows.map(|blow| blow.at).max() else { return };
    // after an outage longer than half a lease nobody is called lost for one lease
    let patience = |from: i64, to: i64| if (to - from) * 2 > lease { lease } else { 0 };
    let meets = |(from, to): &(i64, i64)| *from <= again && blow <= to + patience(*from, *to) + RECONNECT_US;
    if history.outages.iter().any(meets) {
        found.without_database.push(again - blow);
    } else {
        found.ready.push(lost.at - blow);
        found.again.push(again - blow);
    }
}

/// How often that job was interrupted which was interrupted most often.
pub fn most_interruptions(history: &History) -> usize {
    let mut counts: HashMap<i64, usize> = HashMap::new();
    let interruptions = history.events.iter().filter(|event| event.what == What::Trouble("interrupted".into()));
    interruptions.for_each(|event| *counts.entry(event.job).or_default() += 1);
    counts.into_values().max().unwrap_or(0)
}

/// The value below which 99 of 100 lie.
pub fn p99(values: &[i64]) -> i64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * 99).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or(0)
}

/// Of the jobs whose code succeeds, how many did without a person; and all of them.
pub fn completed_alone(history: &History) -> (usize, usize) {
    let (jobs, endings) = (by_number(history), endings(&history.events));
    let helped: BTreeSet<i64> = history.released.iter().copied().collect();
    let fine = history.asked.iter().filter(|asked| asked.wish == Wish::Succeeds);
    let ids: Vec<i64> =
        fine.flat_map(|asked| jobs.get(&asked.number).into_iter().flatten()).map(|job| job.id).collect();
    let alone = ids.iter().filter(|id| {
        !helped.contains(id) && endings.get(id).into_iter().flatten().any(|(state, _)| *state == "succeeded")
    });
    (alone.count(), ids.len())
}

#[cfg(test)]
mod tests;
