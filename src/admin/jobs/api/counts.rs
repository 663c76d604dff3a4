//! `GET /api/v1/counts?by=state,queue,template`: exact, at any size.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use serde_json::{Map, Value, json};

use super::refusal::refused;
use crate::admin::jobs::service;
use crate::queue::actor::Actor;
use crate::queue::counts::Count;
use crate::queue::state::JobState;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::Problem;
use crate::web::kit::Kit;
use crate::web::respond;

/// What counts can be told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    State,
    Queue,
    Template,
}

impl By {
    fn parse(text: &str) -> Option<Self> {
        [Self::State, Self::Queue, Self::Template].into_iter().find(|by| by.as_str() == text)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Queue => "queue",
            Self::Template => "template",
        }
    }

    fn of(self, count: &Count) -> &str {
        match self {
            Self::State => count.state.as_str(),
            Self::Queue => &count.queue,
            Self::Template => &count.template,
        }
    }
}

/// Answers how many jobs there are of what the actor may see.
pub(super) async fn counts(query: Query, actor: Actor, kit: Data<Kit>) -> Result<HttpResponse, WebError> {
    let by = asked(query.0.text("by"))?;
    let by_tag_alone = actor.scope.queues.is_empty() && !actor.scope.tags.is_empty();
    let counts = kit.db.run(move |conn| service::counts(conn, &actor).map_err(refused)).await?;
    // not even zeros, which would say that there are no jobs
    let told = if by_tag_alone { Vec::new() } else { summed(&counts, &by) };
    respond::json(StatusCode::OK, &json!({ "counts": told, "as_of": kit.clock.now() }))
}

fn asked(text: &str) -> Result<Vec<By>, WebError> {
    let mut by = Vec::new();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let one = By::parse(word).filter(|one| !by.contains(one)).ok_or_else(|| {
            let message = "by names state, queue and template, each at most once, separated by commas".into();
            WebError::Invalid(vec![Problem { field: "by".into(), message }])
        })?;
        by.push(one);
    }
    Ok(if by.is_empty() { vec![By::State] } else { by })
}

/// Adds up. By state alone every state is told, also those that no job is in.
fn summed(counts: &[Count], by: &[By]) -> Vec<Value> {
    let mut sums: BTreeMap<Vec<&str>, i64> = BTreeMap::new();
    for count in counts {
        *sums.entry(by.iter().map(|by| by.of(count)).collect()).or_default() += count.jobs;
    }
    if by == [By::State] {
        let of = |state: JobState| sums.get(&vec![state.as_str()]).copied().unwrap_or(0);
        return JobState::ALL.into_iter().map(|state| json!({ "state": state, "count": of(state) })).collect();
    }
    sums.iter().map(|(names, jobs)| line(by, names, *jobs)).collect()
}

fn line(by: &[By], names: &[&str], jobs: i64) -> Value {
    let named = by.iter().zip(names).map(|(by, name)| (by.as_str().to_owned(), json!(name)));
    Value::Object(named.chain([("count".to_owned(), json!(jobs))]).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(queue: &str, state: JobState, jobs: i64) -> Count {
        Count { queue: queue.into(), template: "t".into(), state, jobs }
    }

    #[test]
    fn counts_add_up_in_the_order_that_was_asked_for() {
        let counts = [count("a", JobState::Ready, 2), count("b", JobState::Ready, 3), count("b", JobState::Failed, 1)];

        let by = asked("queue,state").unwrap();
        assert_eq!(
            json!(summed(&counts, &by)),
            json!([
                {"queue": "a", "state": "ready", "count": 2},
                {"queue": "b", "state": "failed", "count": 1},
                {"queue": "b", "state": "ready", "count": 3}
            ])
        );
        let states = summed(&counts, &asked("").unwrap());
        assert_eq!(states.len(), JobState::ALL.len());
        assert_eq!(states[2], json!({"state": "ready", "count": 5}));
        assert_eq!(states[4], json!({"state": "running", "count": 0}));
    }

    #[test]
    fn other_words_are_refused() {
        for bad in ["color", "state,state", "state,color"] {
            assert!(asked(bad).is_err(), "{bad}");
        }
    }
}
