//! How many jobs one operation may act on, and who may let it.
//!
//! Whoever may not run large operations acts on at most 1,000 jobs, counted when the operation is started *and* while it runs: jobs that
//! begin to match meanwhile are acted on too, but no further than a tenth more than were expected, and never past 1,100. An operation
//! that would go further comes to rest. Letting one go on needs what starting it would.
//!
//! A file has at most 1,000,000 jobs, whoever makes it: counted when the export is started, as far as they can be counted then, *and*
//! while it is written. An export that would go further comes to rest without a file: one that lacks jobs would look whole.

use super::{Bulk, Operation};
use crate::admin::jobs::reckon::Reckoned;
use crate::queue::actor::{Actor, Forbidden};
use crate::queue::permission::Permission;
use crate::web::format::grouped;

/// More jobs than this need an admin.
pub const SMALL_JOBS_MAX: i64 = 1_000;
/// Most jobs of an export.
pub const EXPORT_JOBS_MAX: i64 = 1_000_000;
/// Beyond that, an operation may act on one part in this many more than matched at its start: jobs come and go while it runs.
const MARGIN_PART: i64 = 10;

/// Refuses whoever may not do `act` to any job. What is written down about jobs needs the right to read them.
///
/// # Errors
/// [`Forbidden`] naming what is missing.
pub fn require(actor: &Actor, act: &Bulk) -> Result<(), Forbidden> {
    actor.require(act.permission())?;
    if act.changes_jobs() { Ok(()) } else { actor.require(Permission::ReadJobs) }
}

/// Tells what somebody must hold to do `act` to this many jobs.
pub fn needed(act: &Bulk, reckoned: &Reckoned) -> Permission {
    let is_small = !reckoned.is_partial() && reckoned.total() <= SMALL_JOBS_MAX;
    if is_small || !act.changes_jobs() { act.permission() } else { Permission::RunLargeOperations }
}

/// Tells what somebody must hold to let an operation go on: what starting one on as many jobs would need.
pub fn needed_to_resume(operation: &Operation) -> Permission {
    let is_small = operation.expected.is_some_and(|expected| expected <= SMALL_JOBS_MAX) && left(operation) > 0;
    if is_small || !operation.act.changes_jobs() { operation.act.permission() } else { Permission::RunLargeOperations }
}

/// Tells on how many jobs more an operation may act with the rights of its owner; `None` = no limit.
pub fn room(owner: &Actor, operation: &Operation) -> Option<i64> {
    if !operation.act.changes_jobs() {
        return Some((EXPORT_JOBS_MAX - operation.acted()).max(0));
    }
    (!owner.may(Permission::RunLargeOperations)).then(|| left(operation))
}

/// The same of jobs that are changed and an owner who may not run large ones.
fn left(operation: &Operation) -> i64 {
    let expected = operation.expected.unwrap_or_default().min(SMALL_JOBS_MAX);
    let most = SMALL_JOBS_MAX.max(expected + expected / MARGIN_PART);
    (most - operation.acted()).max(0)
}

/// Tells whether an export has as many jobs as a file may have, or an operation of somebody who may not run large ones has acted on as
/// many as it may.
pub fn is_spent(operation: &Operation) -> bool {
    if !operation.act.changes_jobs() {
        return operation.acted() >= EXPORT_JOBS_MAX;
    }
    let was_small = operation.expected.is_some_and(|expected| expected <= SMALL_JOBS_MAX);
    was_small && left(operation) == 0
}

/// Says why an operation without [`room`] comes to rest, and what its owner can do.
pub fn beyond(operation: &Operation) -> String {
    if !operation.act.changes_jobs() {
        return format!(
            "it has written down {} jobs, as many as a file may have, and more match: filter for fewer, by the time for example, and \
             export them in parts",
            grouped(operation.acted().unsigned_abs())
        );
    }
    let expected = match operation.expected {
        Some(expected) => format!("{expected} matched when it was started"),
        None => "they could not be counted when it was started".to_owned(),
    };
    format!(
        "it has acted on {} jobs and more match, {expected}; acting on more than {SMALL_JOBS_MAX} needs the role {}: look at what \
         matches now, then start another one for the rest",
        operation.acted(),
        Permission::RunLargeOperations.least_role().as_str()
    )
}

#[cfg(test)]
mod tests {
    use super::super::page::sample::operation;
    use super::super::{Format, OperationState};
    use super::*;
    use crate::queue::permission::Role;

    fn of(expected: Option<i64>, done: i64) -> Operation {
        Operation { expected, done, asked: 0, ..operation(OperationState::Running) }
    }

    fn owner(role: Role) -> Actor {
        Actor { role, ..Actor::system("test") }
    }

    #[test]
    fn whoever_may_not_run_large_ones_comes_a_tenth_further_than_expected_and_no_more() {
        let room = |expected, done| room(&owner(Role::Operator), &of(expected, done));

        assert_eq!([room(Some(433), 433), room(Some(433), 1_000)], [Some(567), Some(0)]);
        assert_eq!([room(Some(990), 1_000), room(Some(1_000), 1_000)], [Some(89), Some(100)]);
        assert_eq!([room(Some(5_000), 1_000), room(None, 1_000), room(None, 3_000)], [Some(100), Some(0), Some(0)]);
        assert_eq!(super::room(&owner(Role::Admin), &of(Some(433), 9_000)), None);
    }

    #[test]
    fn a_file_has_at_most_a_million_jobs_whoever_makes_it() {
        let export = |done| Operation { act: Bulk::Export(Format::Csv), ..of(None, done) };
        let room = |role, done| room(&owner(role), &export(done));

        assert_eq!([room(Role::Analyst, 9_000), room(Role::Admin, 999_999)], [Some(991_000), Some(1)]);
        assert_eq!([room(Role::Admin, 1_000_000), room(Role::Admin, 1_000_200)], [Some(0), Some(0)]);
        assert_eq!([is_spent(&export(999_999)), is_spent(&export(1_000_000))], [false, true]);
        let why = beyond(&export(1_000_000));
        assert!(
            why.starts_with("it has written down 1,000,000 jobs, as many as a file may have, and more match"),
            "{why}"
        );
        assert!(why.ends_with("export them in parts"), "{why}");
    }

    #[test]
    fn resuming_needs_what_starting_would() {
        let needed = |expected, done| needed_to_resume(&of(expected, done));

        assert_eq!([needed(Some(1_000), 200), needed(Some(433), 0)], [Permission::RunOperations; 2]);
        for large in [needed(Some(1_001), 0), needed(None, 0), needed(Some(433), 1_000)] {
            assert_eq!(large, Permission::RunLargeOperations);
        }
    }

    #[test]
    fn the_reason_says_what_to_do() {
        let why = beyond(&of(Some(433), 1_000));

        assert!(why.starts_with("it has acted on 1000 jobs and more match, 433 matched"), "{why}");
        assert!(why.contains("needs the role admin") && why.ends_with("start another one for the rest"), "{why}");
    }
}
