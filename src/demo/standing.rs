//! What waits when the demo begins: work for tonight, work behind the paused queue, work that somebody holds. And what somebody
//! ended while it waited, so that no demo is without it.

use chrono::{TimeDelta, Timelike};

use super::args::args;
use super::dice::Dice;
use super::past::{Story, Try};
use super::people::STAFF;
use super::seed::PAUSED_MINUTES;
use super::write::Place;
use crate::base::clock::Time;
use crate::queue::settle::Ending;
use crate::queue::work::Resources;

/// Exports that people have asked for since their queue was paused.
const EXPORTS: usize = 16;
/// Letters that go out tomorrow morning.
const LETTERS: usize = 24;
/// Hour of tomorrow, in UTC, at which they go out.
const LETTERS_HOUR: u32 = 6;

/// Lists the jobs of `template` that wait at `now` or were ended while they waited, with their places.
pub fn waiting(template: &str, now: Time, dice: &mut Dice) -> Vec<(Story, Place)> {
    let ago = |minutes: i64, dice: &mut Dice| {
        let created_at = now - TimeDelta::seconds(dice.between(20, minutes * 60));
        Story { created_at, deadline: None, args: args(template, created_at, dice), tries: Vec::new() }
    };
    match template {
        "customer.export" => (0..EXPORTS).map(|_| (ago(PAUSED_MINUTES, dice), Place::Ready)).collect(),
        "mail.send" => (0..LETTERS).map(|_| (ago(600, dice), Place::Scheduled(tomorrow(now, LETTERS_HOUR)))).collect(),
        "report.sales" => vec![
            (ago(300, dice), Place::Scheduled(tomorrow(now, 5))),
            (ended_unstarted(ago(240, dice), "asked for twice"), Place::Tried),
        ],
        "search.index" => {
            let reason = "after the new catalogue is in";
            (0..2).map(|_| (ago(180, dice), Place::Held(STAFF[1].email(), reason))).collect()
        }
        _ => Vec::new(),
    }
}

/// Ends `story`, which waits, by hand before it ever started.
fn ended_unstarted(mut story: Story, reason: &str) -> Story {
    let (since, finished_at) = (story.created_at, story.created_at + TimeDelta::seconds(8));
    let ending = Ending::Cancelled { by: STAFF[1].email(), reason: Some(reason.to_owned()) };
    story.tries.push(Try { since, started_at: None, finished_at, resources: Resources::default(), ending });
    story
}

fn tomorrow(now: Time, hour: u32) -> Time {
    let next = now + TimeDelta::days(1);
    next.with_hour(hour).and_then(|at| at.with_minute(0)).and_then(|at| at.with_second(0)).unwrap_or(next)
}
