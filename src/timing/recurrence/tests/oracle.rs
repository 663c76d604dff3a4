//! Random recurrences give what python-dateutil gives. The file tells how it was made.

use super::{first, set};

const CASES: &str = include_str!("../../../../tests/data/recurrence_cases.txt");

#[test]
fn random_recurrences_give_what_dateutil_gives() {
    let cases = CASES.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));

    let wrong: Vec<String> = cases
        .clone()
        .filter_map(|(lines, wanted)| {
            let found = first(&set(lines), 12);
            (found != wanted).then(|| format!("{lines}\n  gives  {found}\n  wanted {wanted}"))
        })
        .collect();

    assert!(cases.count() >= 800);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
