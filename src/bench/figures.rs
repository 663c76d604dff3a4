//! What was measured, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

/// The result of a measurement; what does not apply is absent.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// What was measured.
    pub name: String,
    /// Jobs of one round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<u64>,
    /// Length of one round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Jobs a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs_per_s: Option<f64>,
    /// Jobs a second of the hand-written SQL in the same run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ceiling_jobs_per_s: Option<f64>,
    /// Ours divided by the hand-written, round by round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_to_ceiling: Option<f64>,
    /// Half of the jobs waited at most so long, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// 95 % of the jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<f64>,
    /// 99 % of the jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
    /// Write-ahead log of a job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wal_bytes_per_job: Option<f64>,
    /// Writing transactions of a job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commits_per_job: Option<f64>,
    /// Ours divided by ours without the hindrance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_to_baseline: Option<f64>,
    /// Several that were measured side by side.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub compared: Vec<Compared>,
    /// Everything else that was measured.
    #[serde(flatten)]
    pub more: BTreeMap<&'static str, Value>,
    /// Machine, server and parameters.
    pub settings: BTreeMap<&'static str, Value>,
}

/// One of several that were measured side by side.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// Which.
    pub name: &'static str,
    /// What was measured, in the order of the measurement: medians of the rounds.
    #[serde(flatten)]
    pub figures: Map<String, Value>,
}

/// Figures, each with its rounds.
type Line = Vec<(&'static str, Vec<f64>)>;

/// Collects the rounds of several that are measured side by side.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    lines: Vec<(&'static str, Line)>,
}

impl Rounds {
    /// Gives one its place in the list.
    pub(super) fn begin(&mut self, line: &'static str) {
        entry(&mut self.lines, line);
    }

    /// Notes one figure of one round.
    pub(super) fn note(&mut self, line: &'static str, figure: &'static str, number: f64) {
        let figures = entry(&mut self.lines, line);
        entry(figures, figure).push(number);
    }

    /// Gives the medians.
    pub(super) fn compared(&self) -> Vec<Compared> {
        let number =
            |(name, rounds): &(&'static str, Vec<f64>)| ((*name).to_owned(), Value::from(rounded(median(rounds))));
        let line =
            |(name, figures): &(&'static str, Line)| Compared { name, figures: figures.iter().map(number).collect() };
        self.lines.iter().map(line).collect()
    }
}

/// The entry of this name, a new one at the end if there is none.
fn entry<'e, T: Default>(entries: &'e mut Vec<(&'static str, T)>, name: &'static str) -> &'e mut T {
    let at = entries.iter().position(|entry| entry.0 == name).unwrap_or(entries.len());
    if at == entries.len() {
        entries.push((name, T::default()));
    }
    &mut entries[at].1
}

impl Figures {
    /// Begins with a name.
    pub(super) fn of(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Adds a number, rounded to what a measurement can tell.
    pub(super) fn add(&mut self, name: &'static str, number: f64) {
        self.more.insert(name, Value::from(rounded(number)));
    }

    /// Sets the three quantiles from waits in milliseconds.
    pub(super) fn set_quantiles(&mut self, waits_ms: &mut [f64]) {
        let [p50, p95, p99] = quantiles(waits_ms);
        (self.p50_ms, self.p95_ms, self.p99_ms) = (Some(p50), Some(p95), Some(p99));
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = serde_json::to_value(self).map_err(|_| fmt::Error)?;
        let Value::Object(all) = all else { return Err(fmt::Error) };
        writeln!(f, "bench {}", self.name)?;
        write_table(f, &self.compared)?;
        for (name, value) in all.iter().filter(|(name, _)| !matches!(name.as_str(), "name" | "compared" | "settings")) {
            writeln!(f, "  {name:<34} {}", shown(value))?;
        }
        writeln!(f, "settings")?;
        self.settings.iter().try_for_each(|(name, value)| writeln!(f, "  {name:<34} {}", shown(value)))
    }
}

/// A line for each, a column for each figure.
fn write_table(f: &mut fmt::Formatter<'_>, compared: &[Compared]) -> fmt::Result {
    let Some(first) = compared.first() else { return Ok(()) };
    write!(f, "  {:<20}", "")?;
    first.figures.keys().try_for_each(|head| write!(f, "  {head}"))?;
    for line in compared {
        write!(f, "\n  {:<20}", line.name)?;
        for head in first.figures.keys() {
            let number = line.figures.get(head).map(shown).unwrap_or_default();
            write!(f, "  {number:>width$}", width = head.len())?;
        }
    }
    writeln!(f)
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join("  "),
        Value::Number(number) => {
            number.as_f64().map_or_else(|| number.to_string(), |number| rounded(number).to_string())
        }
        other => other.to_string(),
    }
}

/// Three decimals below 100, none above: more would pretend.
pub(super) fn rounded(number: f64) -> f64 {
    if number.abs() >= 100.0 { number.round() } else { (number * 1_000.0).round() / 1_000.0 }
}

/// The middle one; the mean of the two in the middle when they are even.
pub(super) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        count if count % 2 == 1 => sorted[count / 2],
        count => (sorted[count / 2 - 1] + sorted[count / 2]) / 2.0,
    }
}

/// The 50th, 95th and 99th percentile (nearest rank); sorts in place.
pub(super) fn quantiles(numbers: &mut [f64]) -> [f64; 3] {
    numbers.sort_by(f64::total_cmp);
    let rank = |share: f64| ((share * numbers.len() as f64).ceil() as usize).clamp(1, numbers.len().max(1)) - 1;
    [0.50, 0.95, 0.99].map(|share| numbers.get(rank(share)).copied().map_or(0.0, rounded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[1.0, 2.0, 3.0, 10.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn quantiles_are_measured_values() {
        let mut hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();

        assert_eq!(quantiles(&mut hundred), [50.0, 95.0, 99.0]);
        assert_eq!(quantiles(&mut []), [0.0, 0.0, 0.0]);
    }

    #[test]
    fn absent_figures_are_left_out() {
        let figures = Figures { jobs_per_s: Some(12.0), ..Figures::of("drain") };

        let json = serde_json::to_string(&figures).unwrap();

        assert_eq!(json, r#"{"name":"drain","jobs_per_s":12.0,"settings":{}}"#);
    }
}
