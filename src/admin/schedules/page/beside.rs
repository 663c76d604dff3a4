//! What else starts around the next run, as its page shows it.

use chrono_tz::Tz;

use super::minute::Better;
use crate::admin::schedules::load::{Load, MINUTES, OTHERS_MAX};
use crate::base::clock::Time;
use crate::web::charts::{Bars, Series, Tick};
use crate::web::format::duration_ms;

/// Jobs of the minutes around the next run.
pub struct Minutes {
    pub bars: Bars,
    pub sentence: String,
    /// What the button sends that takes the minute which is proposed, and the time of it in words.
    pub better: Option<(String, String)>,
}

impl Minutes {
    /// Shows the load, and the minute that the form can take.
    pub(super) fn of(load: &Load, better: Option<Better>, zone: Tz) -> Self {
        let time = |at: Time| at.with_timezone(&zone).format("%H:%M").to_string();
        Self {
            bars: bars(load, &time),
            sentence: sentence(load, better.map(|better| better.later), &time),
            better: better.map(|better| (better.value(), time(load.minute(better.later)))),
        }
    }
}

fn bars(load: &Load, time: &impl Fn(Time) -> String) -> Bars {
    let middle = MINUTES as usize;
    let mut planned = load.planned.clone();
    let mut others: Vec<f64> =
        load.usual.iter().zip(&planned).map(|(usual, planned)| (usual - planned).max(0.0)).collect();
    let mut here = vec![0.0; planned.len()];
    if let (Some(planned), Some(others), Some(here)) =
        (planned.get_mut(middle), others.get_mut(middle), here.get_mut(middle))
    {
        *here = std::mem::take(planned) + std::mem::take(others);
    }
    let label = format!("Jobs beside its own that come per minute around {}", time(load.at));
    let series = [
        Series { values: &planned, class: "b-sch", name: "Other schedules" },
        Series { values: &others, class: "b-wait", name: "Usual beyond that" },
        Series { values: &here, class: "b-race", name: "Its minute" },
    ];
    let mut bars = Bars::stacked(label, &series, None);
    bars.height_class = "h120";
    let tick = |later: i32| {
        let place = f64::from(later + MINUTES) + 0.5;
        Tick::along(time(load.minute(later)), place / f64::from(2 * MINUTES + 1) * 100.0)
    };
    bars.x_ticks = [-MINUTES, 0, MINUTES].map(tick).into();
    bars
}

fn sentence(load: &Load, taken: Option<i32>, time: &impl Fn(Time) -> String) -> String {
    let (planned, usual, waited) = load.of(0);
    let at = time(load.at);
    let told = match taken.or_else(|| load.quieter.first().copied()) {
        Some(later) => {
            let (planned_there, usual_there, waited_there) = load.of(later);
            let there = time(load.minute(later));
            let mut told = format!(
                "Other schedules plan {planned:.0} jobs at {at} and {planned_there:.0} at {there}; about {usual:.0} and {usual_there:.0} usually come then."
            );
            if waited > 0.0 && waited_there > 0.0 {
                let [waited, waited_there] = [waited, waited_there].map(|ms| duration_ms(ms as i64));
                told.push_str(&format!(" They waited {waited} and {waited_there} on average."));
            }
            told
        }
        None if load.is_empty() => {
            "No other schedule runs around this time, and nothing came then in the last 7 days.".to_owned()
        }
        None => {
            let end = if load.is_busy() { "no minute nearby is much quieter" } else { "that is few" };
            format!("Other schedules plan {planned:.0} jobs at {at}, and about {usual:.0} usually come then: {end}.")
        }
    };
    match load.is_cut {
        true => format!("{told} Only the {OTHERS_MAX} schedules that run next were looked at."),
        false => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(here: (f64, f64), there: (f64, f64), quieter: &[i32]) -> Load {
        let values = |here: f64, there: f64| {
            let mut values = vec![0.0; 2 * MINUTES as usize + 1];
            (values[MINUTES as usize], values[MINUTES as usize - 3]) = (here, there);
            values
        };
        Load {
            at: "2026-12-01T05:00:00Z".parse().unwrap(),
            planned: values(here.0, there.0),
            usual: values(here.1, there.1),
            wait_ms: values(4_000.0, 20.0),
            quieter: quieter.into(),
            is_cut: false,
        }
    }

    fn told(load: &Load) -> String {
        Minutes::of(load, None, chrono_tz::Europe::Rome).sentence
    }

    #[test]
    fn what_others_plan_and_what_usually_comes_are_told_apart() {
        let busy = load((37.0, 40.4), (0.0, 2.0), &[-3]);
        assert_eq!(
            told(&busy),
            "Other schedules plan 37 jobs at 06:00 and 0 at 05:57; about 40 and 2 usually come then. They waited 4.0 s and 20 ms on average."
        );
        assert!(told(&load((37.0, 40.4), (37.0, 40.4), &[])).ends_with("no minute nearby is much quieter."));
        assert!(told(&load((1.0, 2.0), (0.0, 0.0), &[])).ends_with("that is few."));
        assert!(told(&load((0.0, 0.0), (0.0, 0.0), &[])).starts_with("No other schedule runs"));
        let cut = Load { is_cut: true, ..load((37.0, 0.0), (0.0, 0.0), &[-3]) };
        assert!(told(&cut).ends_with("Only the 500 schedules that run next were looked at."));
    }
}
