//! Differences between two texts, line by line.

use similar::{ChangeTag, TextDiff};

use super::ansi::visible;
use super::parts::{Change, DiffRow};

/// Most lines of each text that are compared; the rest is left out.
pub const LINES_MAX: usize = 5_000;

/// Compares two texts. A line that changed appears twice: as removed, then as added.
pub fn rows(old: &str, new: &str) -> Vec<DiffRow> {
    let (old, new) = (lines(old), lines(new));
    let diff = TextDiff::from_slices(&old, &new);
    let row = |change: similar::Change<&str>| DiffRow {
        change: match change.tag() {
            ChangeTag::Equal => Change::Kept,
            ChangeTag::Insert => Change::Added,
            ChangeTag::Delete => Change::Removed,
        },
        text: visible(change.value()),
    };
    diff.iter_all_changes().map(row).collect()
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().take(LINES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_line_is_removed_and_added() {
        let rows = rows("a\nb\nc\n", "a\r\nB\nc");

        let shown: Vec<_> = rows.iter().map(|row| format!("{}{}", row.sign(), row.text)).collect();
        assert_eq!(shown, [" a", "-b", "+B", " c"]);
    }

    #[test]
    fn equal_texts_have_no_change() {
        assert!(rows("a\n", "a\n").iter().all(|row| row.change == Change::Kept));
        assert!(rows("", "").is_empty());
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(rows("", &"x\n".repeat(LINES_MAX + 10)).len(), LINES_MAX);
    }
}
