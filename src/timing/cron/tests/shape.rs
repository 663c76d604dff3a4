//! How a rule is written, told apart and kept.

use super::rule;
use crate::timing::cron::Cron;

#[test]
fn fields_are_as_written_and_the_text_has_one_spelling() {
    let rule = rule("  30\t6  *  jan-Mar   mon-FRI ");
    assert_eq!(rule.fields(), ["30", "6", "*", "jan-Mar", "mon-FRI"]);
    assert_eq!(rule.to_string(), "30 6 * JAN-MAR MON-FRI");
    assert_eq!(Cron::parse(&rule.to_string()), Ok(rule));
    assert_ne!(Cron::parse("0 9 * * MON"), Cron::parse("0 9 * * 1"), "two texts are two rules");
}

#[test]
fn six_fields_begin_with_the_second() {
    assert_eq!(rule("*/30 0 6 * * *").fields().len(), 6);
    assert_eq!(rule("0 30 6 * * 1-5").plan, rule("30 6 * * 1-5").plan);
}

#[test]
fn a_rule_is_a_document_as_its_text() {
    let written = serde_json::to_string(&rule("0 9 * * mon")).unwrap();
    assert_eq!(written, "\"0 9 * * MON\"");
    assert_eq!(serde_json::from_str::<Cron>(&written).unwrap(), rule("0 9 * * mon"));
    let error = serde_json::from_str::<Cron>("\"61 * * * *\"").unwrap_err();
    assert!(error.to_string().starts_with("minute 61 is out of 0 to 59"), "{error}");
}

#[test]
fn what_repeats_within_a_day_is_interval_like() {
    for text in [
        "* * * * *",
        "*/5 3 * * *",
        "0 * * * *",
        "0 1-3 * * *",
        "10-40 3 * * *",
        "5/15 2 * * *",
        "0 0/6 * * *",
        "@hourly",
        "*/30 0 3 * * *",
        "0-5 0 3 * * *",
        "H/15 3 * * *",
        "H * * * *",
        "0 H(0-7)/2 * * *",
        "0,5-5 3 * * *",
    ] {
        assert!(rule(text).is_interval_like(), "{text}");
    }
    for text in [
        "30 2 * * *",
        "0 0,2 * * *",
        "0,30 2,3 * * *",
        "30 2 */2 * MON-FRI",
        "30 2 L-3 1-6 *",
        "@daily",
        "@weekly",
        "15 30 2 * * *",
        "H H * * *",
        "H(0-29) H(0-7) * * *",
        "H 2 * * 1-5",
    ] {
        assert!(!rule(text).is_interval_like(), "{text}");
    }
}
