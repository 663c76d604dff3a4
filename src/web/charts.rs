//! Numbers for the server-written charts: percentages of the plot's box, ready for SVG attributes.
//!
//! The templates in `templates/ui/chart.html` draw; nothing here knows a colour or a pixel. Bars start at zero.

use super::tone::Tone;

/// Most points of one line and most columns of one bar chart; callers aggregate to fewer.
pub const POINTS_MAX: usize = 400;
/// Most points of a sparkline: more would show noise instead of a course.
pub const SPARK_POINTS_MAX: usize = 24;

/// A small line without axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Spark {
    /// One sentence that says the finding.
    pub label: String,
    /// `l1` (brand), `ld` (good), `lr` (bad).
    pub line_class: &'static str,
    /// Path data of the line in a 100 by 100 box.
    pub line: String,
    /// Path data of the area under the line.
    pub area: String,
    /// Height of the last point in percent from the top; `None` when there are no points.
    pub end: Option<String>,
}

/// Lays out a sparkline; more than [`SPARK_POINTS_MAX`] values become averages of neighbours. Fewer than two give an empty line.
pub fn spark(values: &[f64], line_class: &'static str, label: impl Into<String>) -> Spark {
    let points = scaled(&averaged(values));
    let line = path(&points);
    let area = if line.is_empty() { String::new() } else { format!("{line}L100 100L0 100Z") };
    Spark { label: label.into(), line_class, line, area, end: points.last().map(|(_, y)| short(*y)) }
}

/// The last group is whole, so that the line ends with what is newest.
fn averaged(values: &[f64]) -> Vec<f64> {
    let each = values.len().div_ceil(SPARK_POINTS_MAX).max(1);
    let mut groups: Vec<f64> =
        values.rchunks(each).map(|group| group.iter().sum::<f64>() / group.len() as f64).collect();
    groups.reverse();
    groups
}

/// Scales to leave air above the highest and below the lowest value, so that a flat line stands in the middle third.
fn scaled(values: &[f64]) -> Vec<(f64, f64)> {
    let values = &values[..values.len().min(POINTS_MAX)];
    if values.len() < 2 {
        return Vec::new();
    }
    let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
    let (floor, ceiling) = (low * 0.8, (high * 1.12).max(low * 0.8 + f64::EPSILON));
    let step = 100.0 / (values.len() - 1) as f64;
    let height = |value: f64| 100.0 - (value - floor) / (ceiling - floor) * 100.0;
    values.iter().enumerate().map(|(i, v)| (i as f64 * step, height(*v).clamp(0.0, 100.0))).collect()
}

fn path(points: &[(f64, f64)]) -> String {
    let mut out = String::new();
    for (place, (x, y)) in points.iter().enumerate() {
        let letter = if place == 0 { 'M' } else { 'L' };
        out.push_str(&format!("{letter}{} {}", short(*x), short(*y)));
    }
    out
}

/// One rectangle of a chart, in percent of the plot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// A fill class of the stylesheet: `b-ok`, `b-bad`, `b-race`, `b-ret`, `b-wait`, `b-soft`.
    pub class: &'static str,
    /// Left edge.
    pub x: String,
    /// Top edge.
    pub y: String,
    /// Width.
    pub width: String,
    /// Height.
    pub height: String,
}

/// Small bars without axes: how often something happened, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trend {
    /// One sentence that says the finding.
    pub label: String,
    /// The bars; empty ones are drawn low and grey.
    pub bars: Vec<Bar>,
}

/// Lays out trend bars in one class.
pub fn trend(values: &[u64], class: &'static str, label: impl Into<String>) -> Trend {
    let values = &values[..values.len().min(POINTS_MAX)];
    let highest = values.iter().copied().max().unwrap_or(0).max(1) as f64;
    let slot = 100.0 / values.len().max(1) as f64;
    let bar = |(place, value): (usize, &u64)| {
        let height = if *value == 0 { 5.0 } else { (*value as f64 / highest * 100.0).max(9.0) };
        Bar {
            class: if *value == 0 { "b-soft" } else { class },
            x: short(place as f64 * slot + slot * 0.14),
            y: short(100.0 - height),
            width: short(slot * 0.72),
            height: short(height),
        }
    };
    Trend { label: label.into(), bars: values.iter().enumerate().map(bar).collect() }
}

/// A word beside or under an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// The word.
    pub label: String,
    /// Where: percent from the top (y axis) or from the left (x axis).
    pub at: String,
    /// SVG text anchor: `start`, `middle`, `end`.
    pub anchor: &'static str,
}

impl Tick {
    /// Makes a tick `percent` along the x axis; the first and last words stay inside the plot.
    pub fn along(label: impl Into<String>, percent: f64) -> Self {
        let anchor = match percent {
            p if p <= 2.0 => "start",
            p if p >= 98.0 => "end",
            _ => "middle",
        };
        Self { label: label.into(), at: short(percent), anchor }
    }
}

/// A vertical line with words: a deploy, a pause, an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Percent from the left.
    pub at: String,
    /// The words.
    pub label: String,
    /// On which side of the line they stand.
    pub anchor: &'static str,
    /// Their base line, in pixels from the top.
    pub y: u8,
}

impl Mark {
    /// Makes a mark `percent` along the x axis, its words on the side that has room.
    pub fn at(percent: f64, label: impl Into<String>) -> Self {
        Self { at: short(percent), label: label.into(), anchor: if percent > 50.0 { "end" } else { "start" }, y: 10 }
    }
}

/// Lines in which the words of marks may stand.
const MARK_LINES: usize = 3;
/// How much of a narrow plot a character of a mark takes, in percent.
const MARK_CHAR: f64 = 1.8;

/// Makes marks of places along the x axis, in percent and rising, with their words in lines so that none covers another. Words without
/// room are left out; whoever calls tells them in the chart's sentence.
pub fn spread(marks: Vec<(f64, String)>) -> Vec<Mark> {
    let mut taken: [Vec<(f64, f64)>; MARK_LINES] = Default::default();
    let place = |(percent, label): (f64, String)| {
        let width = label.chars().count() as f64 * MARK_CHAR;
        let extent = if percent > 50.0 { (percent - width, percent) } else { (percent, percent + width) };
        let is_free = |line: &Vec<(f64, f64)>| line.iter().all(|(from, to)| extent.1 < *from || extent.0 > *to);
        let line = taken.iter().position(is_free);
        if let Some(line) = line {
            taken[line].push(extent);
        }
        let mark = Mark::at(percent, label);
        match line {
            Some(line) => Mark { y: 10 + line as u8 * 13, ..mark },
            None => Mark { label: String::new(), ..mark },
        }
    };
    marks.into_iter().map(place).collect()
}

/// One series of a bar chart; all have the same number of values.
pub struct Series<'v> {
    /// A fill class.
    pub class: &'static str,
    /// Its word in the legend and the table.
    pub name: &'static str,
    /// One value per column.
    pub values: &'v [f64],
}

/// A bar chart with axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bars {
    /// One sentence that says the finding.
    pub label: String,
    /// Height class: `h120`, `h160`, `h200`, `h240`.
    pub height_class: &'static str,
    /// Rectangles, stacked per column.
    pub bars: Vec<Bar>,
    /// Values at the left.
    pub y_ticks: Vec<Tick>,
    /// Times below.
    pub x_ticks: Vec<Tick>,
    /// Annotations.
    pub marks: Vec<Mark>,
    /// Fill class and word of each series.
    pub key: Vec<(&'static str, &'static str)>,
}

impl Bars {
    /// Stacks `series` from zero to `highest` (raised to a round number when `None`).
    pub fn stacked(label: impl Into<String>, series: &[Series<'_>], highest: Option<f64>) -> Self {
        let top = ceiling(highest.unwrap_or_else(|| highest_stack(series)));
        let y_ticks = [1.0, 0.5, 0.0].map(|share| Tick {
            label: axis_number(top * share),
            at: short(100.0 - share * 100.0),
            anchor: "end",
        });
        Self {
            label: label.into(),
            height_class: "h200",
            bars: stack(series, top),
            y_ticks: y_ticks.into(),
            x_ticks: Vec::new(),
            marks: Vec::new(),
            key: series.iter().map(|one| (one.class, one.name)).collect(),
        }
    }
}

fn columns(series: &[Series<'_>]) -> usize {
    series.iter().map(|one| one.values.len()).max().unwrap_or(0).min(POINTS_MAX)
}

fn value(one: &Series<'_>, column: usize) -> f64 {
    one.values.get(column).copied().filter(|value| value.is_finite()).unwrap_or(0.0).max(0.0)
}

fn highest_stack(series: &[Series<'_>]) -> f64 {
    (0..columns(series)).map(|column| series.iter().map(|one| value(one, column)).sum()).fold(0.0, f64::max)
}

fn stack(series: &[Series<'_>], top: f64) -> Vec<Bar> {
    let slot = 100.0 / columns(series).max(1) as f64;
    let mut bars = Vec::new();
    for column in 0..columns(series) {
        let mut y = 100.0;
        for one in series {
            let height = (value(one, column) / top * 100.0).min(y);
            if height > 0.0 {
                y -= height;
                let (x, width) = (short(column as f64 * slot + slot * 0.11), short(slot * 0.78));
                bars.push(Bar { class: one.class, x, y: short(y), width, height: short(height) });
            }
        }
    }
    bars
}

/// The next 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten, so that half of it is a short number too.
fn ceiling(highest: f64) -> f64 {
    if !(highest.is_finite() && highest > 0.0) {
        return 1.0;
    }
    let power = 10f64.powf(highest.log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|round| *round >= highest).unwrap_or(10.0 * power)
}

fn axis_number(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{}M", short(v / 1e6)),
        v if v >= 1e3 => format!("{}k", short(v / 1e3)),
        v => short(v),
    }
}

/// A bar that shows how full something is; amber from 96 %.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// Percent of the whole, 0 to 100.
    pub percent: u8,
    /// Fill class.
    pub class: &'static str,
    /// The numbers in words, always present.
    pub label: String,
}

/// Lays out `used` of `whole`.
pub fn fill(used: u64, whole: u64, label: impl Into<String>) -> Fill {
    let percent = (used.saturating_mul(100)).checked_div(whole).unwrap_or(0).min(100) as u8;
    Fill { percent, class: if percent >= 96 { "b-ret" } else { "b-race" }, label: label.into() }
}

/// One band between two stages of the flow, thicker where more flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ribbon {
    /// Colour of the stage it leads to.
    pub tone: Tone,
    /// Unique in the page: names the gradient.
    pub id: &'static str,
    /// Path data of the outer and the inner shape in a 74 by 100 box.
    pub shapes: [String; 2],
}

/// Lays out a ribbon; `from` and `to` are half widths in percent of the height, 2 to 46.
pub fn ribbon(tone: Tone, id: &'static str, from: f64, to: f64) -> Ribbon {
    let (from, to) = (from.clamp(2.0, 46.0), to.clamp(2.0, 46.0));
    Ribbon { tone, id, shapes: [1.0, 0.4].map(|share| ribbon_shape(from * share, to * share)) }
}

fn ribbon_shape(from: f64, to: f64) -> String {
    let [a, b, c, d] = [50.0 - from, 50.0 - to, 50.0 + to, 50.0 + from].map(short);
    format!("M0 {a}C30 {a} 40 {b} 66 {b}L74 50L66 {c}C40 {c} 30 {d} 0 {d}Z")
}

/// Two decimals at most, no trailing zeros, never `-0`.
pub fn short(number: f64) -> String {
    let rounded = (number * 100.0).round() / 100.0;
    if rounded == 0.0 { "0".into() } else { rounded.to_string() }
}

#[cfg(test)]
mod tests;
