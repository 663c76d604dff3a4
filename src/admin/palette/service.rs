//! What fits a text, in which order: chosen lately, then the better fit; acts behind what they act on unless a verb was typed.

use super::asked::{Asked, Needle};
use super::entry::{Entry, Kind, Named};
use super::place::Place;
use super::read;
use crate::admin::jobs::acts::{self, Act};
use crate::admin::jobs::{Detail, details};
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::queue::permission::Permission;

/// Most results.
pub const SHOWN_MAX: usize = 10;
/// Most recent keys that are looked at.
pub const RECENT_MAX: usize = 10;
/// Longest key, in bytes.
const KEY_BYTES_MAX: usize = 200;
/// Things whose acts are offered too.
const WITH_ACTS_MAX: usize = 2;
/// Places that acts of found things leave to others.
const ACTS_MAX: usize = 4;

/// Finds what fits, at most ten, in at most three statements: nothing that `actor` may not see, no act that `actor` may not do.
///
/// `recent` are keys of what was chosen lately, the last first; `places` those that open for `actor`.
///
/// # Errors
/// Database failures.
pub fn find(
    conn: &mut PgConnection,
    actor: &Actor,
    asked: &Asked,
    recent: &[String],
    places: &[Place],
) -> Result<Vec<Entry>, DbError> {
    let recent: Vec<String> =
        recent.iter().filter(|key| key.len() <= KEY_BYTES_MAX).take(RECENT_MAX).cloned().collect();
    let kinds: Vec<Kind> = Kind::NAMED.into_iter().filter(|kind| actor.may(kind.permission())).collect();
    let search = Search { actor, asked, recent: &recent, places };
    if asked.is_empty() {
        let things = read::names(conn, actor, &kinds, None, &recent)?;
        let jobs = jobs(conn, actor, recent_jobs(&recent))?;
        return Ok(search.lately(&things, &jobs));
    }
    let things = read::names(conn, actor, &kinds, Some(&asked.needle()), &recent)?;
    let object = asked.verb().filter(|verb| is_verb(verb)).map(|_| asked.object());
    let objects = match &object {
        Some(object) => read::names(conn, actor, &kinds, Some(object), &recent)?,
        None => Vec::new(),
    };
    let jobs = jobs(conn, actor, search.jobs(object.as_ref()))?;
    Ok(search.sorted(&things, &objects, &jobs))
}

/// Reads jobs that are in scope.
fn jobs(conn: &mut PgConnection, actor: &Actor, ids: Vec<JobId>) -> Result<Vec<Detail>, DbError> {
    if ids.is_empty() || !actor.may(Permission::ReadJobs) {
        return Ok(Vec::new());
    }
    details(conn, &actor.scope, &ids)
}

fn recent_jobs(recent: &[String]) -> Vec<JobId> {
    recent.iter().filter_map(|key| key.strip_prefix("job ")?.parse().ok().map(JobId)).collect()
}

/// Tells whether a word begins the name of an act.
fn is_verb(word: &str) -> bool {
    let named = ["pause", "resume", "run", "limit", "drain", "enqueue", "edit", "change"];
    named.into_iter().chain(Act::ALL.map(Act::as_str)).any(|act| act.starts_with(word))
}

struct Search<'a> {
    actor: &'a Actor,
    asked: &'a Asked,
    recent: &'a [String],
    places: &'a [Place],
}

impl Search<'_> {
    /// Nothing was typed: what was chosen lately, in that order, then the places.
    fn lately(&self, things: &[Named], jobs: &[Detail]) -> Vec<Entry> {
        let of_key = |key: &String| {
            let thing = things.iter().find(|thing| thing.key() == *key).cloned().map(Entry::Thing);
            let job = || jobs.iter().find(|job| format!("job {}", job.id) == *key).map(job_entry);
            let place =
                || self.places.iter().find(|place| place.key().as_ref() == Some(key)).copied().map(Entry::Place);
            thing.or_else(job).or_else(place)
        };
        let mut entries: Vec<Entry> = self.recent.iter().filter_map(of_key).collect();
        for place in self.places.iter().copied().map(Entry::Place) {
            if !entries.contains(&place) {
                entries.push(place);
            }
        }
        entries.truncate(SHOWN_MAX);
        entries
    }

    /// The jobs that are named, and for a verb alone those that were looked at lately.
    fn jobs(&self, object: Option<&Needle>) -> Vec<JobId> {
        match object {
            Some(object) if object.is_empty() => recent_jobs(self.recent),
            Some(object) => object.job().into_iter().collect(),
            None => self.asked.needle().job().into_iter().collect(),
        }
    }

    fn sorted(&self, things: &[Named], objects: &[Named], jobs: &[Detail]) -> Vec<Entry> {
        let room = SHOWN_MAX - 1; // the last is the search of jobs
        let verbs = self.by_verb(objects, jobs);
        let found = self.found(things, jobs);
        let acts = self.acts_of(things, jobs);
        let says_more = !self.asked.object().is_empty();
        let entries = if says_more {
            [verbs, found].concat()
        } else {
            let most = room - acts.len().min(ACTS_MAX);
            let rest = found.get(most.min(found.len())..).unwrap_or_default().to_vec();
            [&found[..most.min(found.len())], &acts[..], &verbs[..], &rest[..]].concat()
        };
        let mut shown: Vec<Entry> = Vec::with_capacity(SHOWN_MAX);
        for entry in entries {
            if shown.len() < room && !shown.contains(&entry) {
                shown.push(entry);
            }
        }
        if self.actor.may(Permission::ReadJobs) {
            shown.push(Entry::Search(self.asked.text.clone()));
        }
        shown
    }

    /// What a typed verb can be done to.
    fn by_verb(&self, objects: &[Named], jobs: &[Detail]) -> Vec<Entry> {
        let Some(verb) = self.asked.verb() else { return Vec::new() };
        let of_thing = |thing: &Named| {
            let fits = |act: &super::NamedAct| act.verb().to_lowercase().starts_with(verb);
            thing
                .acts(self.actor)
                .into_iter()
                .filter(fits)
                .map(|act| Entry::Act(act, thing.clone()))
                .collect::<Vec<_>>()
        };
        let of_job = |job: &Detail| {
            let fits = |act: &Act| act.as_str().starts_with(verb);
            self.job_acts(job).into_iter().filter(fits).map(|act| act_entry(act, job)).collect::<Vec<_>>()
        };
        jobs.iter().flat_map(of_job).chain(objects.iter().flat_map(of_thing)).collect()
    }

    /// Things and places that are called so, the better fit first.
    fn found(&self, things: &[Named], jobs: &[Detail]) -> Vec<Entry> {
        let is_named = self.asked.needle().job();
        let jobs = jobs.iter().filter(|job| Some(job.id) == is_named).map(|job| (1, job_entry(job)));
        let things = things.iter().map(|thing| (thing.rank, Entry::Thing(thing.clone())));
        let places = self.places.iter().filter_map(|place| {
            let rank = place.rank(self.asked.words())?;
            let lately = place.key().is_some_and(|key| self.recent.contains(&key));
            Some((if lately { 0 } else { rank }, Entry::Place(*place)))
        });
        let mut all: Vec<_> = jobs.chain(places).chain(things).collect();
        all.sort_by_key(|(rank, _)| *rank);
        all.into_iter().map(|(_, entry)| entry).collect()
    }

    /// What can be done to the best of what was found.
    fn acts_of(&self, things: &[Named], jobs: &[Detail]) -> Vec<Entry> {
        let is_named = self.asked.needle().job();
        let of_job = |job: &Detail| self.job_acts(job).into_iter().map(|act| act_entry(act, job)).collect::<Vec<_>>();
        let of_thing = |thing: &Named| {
            thing.acts(self.actor).into_iter().map(|act| Entry::Act(act, thing.clone())).collect::<Vec<_>>()
        };
        let jobs = jobs.iter().filter(|job| Some(job.id) == is_named).flat_map(of_job);
        jobs.chain(things.iter().take(WITH_ACTS_MAX).flat_map(of_thing)).take(ACTS_MAX).collect()
    }

    /// Acts on a job that ask on a page of their own.
    fn job_acts(&self, job: &Detail) -> Vec<Act> {
        let acts = acts::allowed(job.state()).into_iter();
        acts.filter(|act| *act != Act::Again && self.actor.may(act.permission())).collect()
    }
}

fn job_entry(job: &Detail) -> Entry {
    Entry::Job { id: job.id, template: job.template.clone(), state: job.state() }
}

fn act_entry(act: Act, job: &Detail) -> Entry {
    Entry::JobAct(act, job.id, job.template.clone())
}
