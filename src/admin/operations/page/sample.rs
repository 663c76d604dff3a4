//! An operation for the tests of this feature.

use crate::admin::jobs::query::parse;
use crate::admin::operations::{Bulk, Operation, OperationId, OperationState};
use crate::queue::actor::PersonId;
use crate::web::shell::sample::shell;

/// One that retries 5,000 jobs of which it came to 3,200.
pub(in crate::admin::operations) fn operation(state: OperationState) -> Operation {
    let now = shell().now;
    Operation {
        id: OperationId(7),
        act: Bulk::Retry,
        query: parse("state:failed error:\"<b>refused</b>\"").query,
        job_ids: None,
        zone: "Europe/Rome".into(),
        asked_at: now,
        reason: Some("the <i>server</i> is back".into()),
        person: Some(PersonId(3)),
        actor: "giulia@example.org".into(),
        by: "Giulia Ferrando".into(),
        token: None,
        rate_per_s: Some(500),
        expected: Some(5_000),
        state,
        below: 99,
        looked: 3_200,
        done: 3_190,
        asked: 2,
        skipped: 8,
        chunks: 16,
        holds_payloads: false,
        started_at: now - chrono::TimeDelta::seconds(10),
        worked_ms: 8_000,
        finished_at: (state != OperationState::Running).then_some(now),
        ended_by: (state == OperationState::Stopped).then(|| "marco@example.org".into()),
        stopped_by: (state == OperationState::Stopped).then(|| "Marco Bellini".into()),
        trouble: (state == OperationState::Failed).then(|| "there is no queue \"<u>\" to move to".into()),
        waits_for_node: false,
    }
}
