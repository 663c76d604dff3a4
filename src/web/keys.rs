//! The keys that act on pages: one list for the help page and for the dialog of `?`. What each does stands in `static/app.js` and
//! `static/palette.js`; a test keeps the list and the scripts together. Letters after `G` are those of the rail.

/// Some keys, and what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Two spaces between alternatives, one within a chord.
    pub keys: &'static str,
    /// In words.
    pub words: &'static str,
}

/// Keys that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyGroup {
    /// Its heading.
    pub title: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

const fn key(keys: &'static str, words: &'static str) -> Key {
    Key { keys, words }
}

/// Every key, by where it acts.
pub const GROUPS: [KeyGroup; 3] = [
    KeyGroup {
        title: "Everywhere",
        keys: &[
            key("Ctrl K", "Search, jump or act"),
            key("/", "Search in the page"),
            key("?", "These keys"),
            key("L", "Live updates on or off"),
            key("Esc", "Close; then take ticks away"),
        ],
    },
    KeyGroup {
        title: "In lists",
        keys: &[
            key("J  K", "Next row, previous row"),
            key("O  Enter", "Open the row"),
            key("X", "Tick the row"),
            key("Shift X", "Tick up to the row"),
            key(".", "Menu of the row"),
            key("[  ]", "Previous page, next page"),
            key("F", "Add a filter"),
            key("B", "Save the view"),
        ],
    },
    KeyGroup {
        title: "With the row or the page",
        keys: &[
            key("R", "Retry"),
            key("H", "Hold or release"),
            key("C", "Cancel"),
            key("P", "Pause or resume"),
            key("E", "Edit"),
            key("N", "New"),
        ],
    },
];

impl Key {
    /// Gives the alternatives, each the keys of one chord.
    pub fn ways(&self) -> impl Iterator<Item = Vec<&'static str>> {
        self.keys.split("  ").map(|way| way.split(' ').collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const SCRIPT: &str = include_str!("../../static/app.js");

    /// The keys of the table `keys` in the script.
    fn scripted() -> BTreeSet<String> {
        let table =
            SCRIPT.split("const keys = {").nth(1).and_then(|rest| rest.split("\n  };").next()).expect("the table");
        let before = |part: &str| {
            let name = part.trim_end().rsplit([' ', '\n', ',']).next().unwrap_or_default().trim_matches('\'');
            (name.chars().count() == 1).then(|| name.to_owned())
        };
        let mut parts: Vec<&str> = table.split(':').collect();
        parts.pop();
        parts.into_iter().filter_map(before).collect()
    }

    #[test]
    fn every_key_of_the_script_is_listed() {
        let listed: BTreeSet<String> = GROUPS
            .iter()
            .flat_map(|group| group.keys)
            .flat_map(|key| key.keys.split("  "))
            .map(str::to_lowercase)
            .collect();

        let missing: Vec<_> = scripted().into_iter().filter(|key| key != "g" && !listed.contains(key)).collect();
        assert!(scripted().len() > 8, "{:?}", scripted());
        assert_eq!(missing, [] as [String; 0]);
    }

    #[test]
    fn chords_and_alternatives_are_told_apart() {
        let ways = |keys: &'static str| key(keys, "").ways().collect::<Vec<_>>();

        assert_eq!(ways("J  K"), [["J"], ["K"]]);
        assert_eq!(ways("Ctrl K"), [["Ctrl", "K"]]);
    }

    #[test]
    fn no_key_is_listed_twice() {
        let mut seen = BTreeSet::new();
        for one in GROUPS.iter().flat_map(|group| group.keys).flat_map(|key| key.keys.split("  ")) {
            assert!(seen.insert(one), "{one}");
        }
    }
}
