//! Shapes of charts: whole, finite, and never over each other.

use super::*;

#[test]
fn a_sparkline_runs_from_edge_to_edge() {
    let line = spark(&[1.0, 2.0, 3.0], "l1", "rising");

    assert!(line.line.starts_with("M0 ") && line.line.contains("L50 ") && line.line.contains("L100 "));
    assert_eq!(line.area, format!("{}L100 100L0 100Z", line.line));
}

#[test]
fn a_sparkline_of_many_values_shows_their_course_and_not_each_of_them() {
    let values: Vec<f64> = (0..61).map(|minute| f64::from(minute % 2)).collect();

    let shown = averaged(&values);

    assert!(shown.len() <= SPARK_POINTS_MAX, "{}", shown.len());
    assert_eq!(shown.last(), Some(&(1.0 / 3.0)), "of the last three");
    assert_eq!(averaged(&[1.0, 2.0]), [1.0, 2.0]);
}

#[test]
fn a_flat_or_empty_line_has_finite_numbers() {
    for values in [vec![], vec![1.0], vec![0.0, 0.0], vec![5.0, 5.0]] {
        let line = spark(&values, "l1", "");
        assert!(!line.line.contains("NaN") && !line.line.contains("inf"), "{}", line.line);
    }
}

#[test]
fn stacked_bars_start_at_zero_and_end_at_the_round_top() {
    let series = [
        Series { class: "b-ok", name: "Succeeded", values: &[900.0, 0.0] },
        Series { class: "b-bad", name: "Failed", values: &[300.0, 0.0] },
    ];

    let chart = Bars::stacked("", &series, None);

    assert_eq!(chart.y_ticks.iter().map(|t| t.label.as_str()).collect::<Vec<_>>(), ["1.5k", "750", "0"]);
    assert_eq!(chart.bars.len(), 2);
    assert_eq!((chart.bars[0].y.as_str(), chart.bars[0].height.as_str()), ("40", "60"));
    assert_eq!((chart.bars[1].y.as_str(), chart.bars[1].height.as_str()), ("20", "20"));
}

#[test]
fn odd_values_do_not_break_a_chart() {
    let series = [Series { class: "b-ok", name: "", values: &[f64::NAN, -3.0, f64::INFINITY] }];

    let chart = Bars::stacked("", &series, None);

    assert!(chart.bars.is_empty());
    assert_eq!(chart.y_ticks[0].label, "1");
}

#[test]
fn a_fill_turns_amber_when_nearly_full_and_never_overflows() {
    assert_eq!(fill(95, 100, "").class, "b-race");
    assert_eq!(fill(96, 100, "").class, "b-ret");
    assert_eq!(fill(300, 100, "").percent, 100);
    assert_eq!(fill(3, 0, "").percent, 0);
}

#[test]
fn empty_trend_bars_are_low_and_grey() {
    let trend = trend(&[0, 4, 2], "b-bad", "");

    assert_eq!(trend.bars.iter().map(|bar| bar.class).collect::<Vec<_>>(), ["b-soft", "b-bad", "b-bad"]);
    assert_eq!(trend.bars[1].height, "100");
}

#[test]
fn the_words_of_marks_never_cover_each_other() {
    let marks = spread([10.0, 11.0, 12.0, 13.0, 90.0].map(|at| (at, format!("14:{at} mail.send v8"))).into());

    let shown: Vec<(&str, u8, bool)> = marks.iter().map(|mark| (mark.anchor, mark.y, mark.label.is_empty())).collect();
    assert_eq!(shown[..3], [("start", 10, false), ("start", 23, false), ("start", 36, false)]);
    assert_eq!((shown[3].2, shown[4]), (true, ("end", 10, false)), "no room, and room at the other end");
}

#[test]
fn numbers_are_short() {
    assert_eq!([short(1.0), short(0.125), short(-0.001), short(33.333)], ["1", "0.13", "0", "33.33"]);
    assert_eq!([axis_number(1500.0), axis_number(2e6), axis_number(7.5)], ["1.5k", "2M", "7.5"]);
}
