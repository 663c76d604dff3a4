//! The shape of a list: its order and its columns, as they stand in the address.

/// A column beside the job itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Its state and progress.
    State,
    /// Its queue.
    Queue,
    /// Its priority.
    Priority,
    /// Attempts counted, of how many.
    Attempt,
    /// Where it runs or ran.
    Node,
    /// How long it waited for a slot.
    Wait,
    /// How long its last attempt ran.
    Run,
    /// When it was enqueued.
    Created,
    /// When it is due.
    Due,
    /// Its labels.
    Tags,
    /// The version of its template.
    Version,
    /// Who enqueued it.
    By,
    /// When it entered its state.
    Activity,
}

/// What is to be known of a column: its name in the address, its heading, whether it holds numbers.
const COLUMNS: [(Column, &str, &str, bool); 13] = [
    (Column::State, "state", "State", false),
    (Column::Queue, "queue", "Queue", false),
    (Column::Priority, "priority", "Priority", false),
    (Column::Attempt, "attempt", "Attempt", true),
    (Column::Node, "node", "Node", false),
    (Column::Wait, "wait", "Wait", true),
    (Column::Run, "run", "Run time", true),
    (Column::Created, "created", "Created", true),
    (Column::Due, "due", "Due", true),
    (Column::Tags, "tags", "Tags", false),
    (Column::Version, "version", "Version", true),
    (Column::By, "by", "By", false),
    (Column::Activity, "activity", "Activity", true),
];

/// The columns of a list when the address says nothing.
const USUAL: [Column; 6] =
    [Column::State, Column::Queue, Column::Priority, Column::Attempt, Column::Node, Column::Activity];

impl Column {
    /// Every column, in the order in which they are offered.
    pub fn all() -> impl Iterator<Item = Self> {
        COLUMNS.iter().map(|(column, ..)| *column)
    }

    fn about(self) -> (&'static str, &'static str, bool) {
        let known = COLUMNS.iter().find(|(column, ..)| *column == self).unwrap_or(&COLUMNS[0]);
        (known.1, known.2, known.3)
    }

    /// Gives its name in the address.
    pub fn name(self) -> &'static str {
        self.about().0
    }

    /// Gives its heading.
    pub fn heading(self) -> &'static str {
        self.about().1
    }

    /// Tells whether it stands at the right.
    pub fn is_number(self) -> bool {
        self.about().2
    }

    /// Reads a name.
    ///
    /// # Errors
    /// A sentence that names the columns there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let known = COLUMNS.iter().find(|(_, known, ..)| *known == name).map(|(column, ..)| *column);
        let names = || COLUMNS.map(|(_, name, ..)| name).join(", ");
        known.ok_or_else(|| format!("there is no column {name}; columns are {}", names()))
    }

    /// Gives what a list is sorted by under this heading; `None` = it cannot be.
    pub fn key(self) -> Option<Key> {
        match self {
            Self::Priority => Some(Key::Priority),
            Self::Attempt => Some(Key::Attempt),
            Self::Wait => Some(Key::Wait),
            Self::Run => Some(Key::Run),
            Self::Due => Some(Key::Due),
            Self::Activity => Some(Key::Activity),
            Self::State | Self::Queue | Self::Node | Self::Created | Self::Tags | Self::Version | Self::By => None,
        }
    }
}

/// The columns of a list beside the job itself, from left to right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns(Vec<Column>);

impl Default for Columns {
    fn default() -> Self {
        Self(USUAL.into())
    }
}

impl Columns {
    /// Makes a choice; none = the usual ones.
    pub fn of(columns: Vec<Column>) -> Self {
        let mut chosen = Vec::with_capacity(columns.len());
        for column in columns {
            if !chosen.contains(&column) {
                chosen.push(column);
            }
        }
        if chosen.is_empty() { Self::default() } else { Self(chosen) }
    }

    /// Lists them.
    pub fn iter(&self) -> impl Iterator<Item = Column> {
        self.0.iter().copied()
    }

    /// Tells whether one of them is `column`.
    pub fn has(&self, column: Column) -> bool {
        self.0.contains(&column)
    }

    /// Tells whether they are the usual ones.
    pub fn is_usual(&self) -> bool {
        self.0 == USUAL
    }

    /// Writes them for the address; empty for the usual ones.
    pub fn text(&self) -> String {
        if self.is_usual() { String::new() } else { self.0.iter().map(|one| one.name()).collect::<Vec<_>>().join(",") }
    }
}

/// What a list can be sorted by although no index holds that order: within a part of the list that is read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// When it entered its state.
    Activity,
    /// How long it waited for a slot.
    Wait,
    /// How long its last attempt ran.
    Run,
    /// When it is due.
    Due,
    /// Attempts counted.
    Attempt,
    /// Its priority.
    Priority,
}

/// Every key with its name in the address, what it sorts by in words, and its two directions: falling, rising.
const KEYS: [(Key, &str, &str, [&str; 2]); 6] = [
    (Key::Activity, "activity", "activity", ["latest activity first", "earliest activity first"]),
    (Key::Wait, "wait", "wait", ["longest wait first", "shortest wait first"]),
    (Key::Run, "run", "run time", ["longest run first", "shortest run first"]),
    (Key::Due, "due", "due time", ["due last first", "due next first"]),
    (Key::Attempt, "attempt", "attempts", ["most attempts first", "fewest attempts first"]),
    (Key::Priority, "priority", "priority", ["lowest priority first", "highest priority first"]),
];

impl Key {
    /// Says what it sorts by.
    pub fn words(self) -> &'static str {
        KEYS.iter().find(|(key, ..)| *key == self).map_or("", |known| known.2)
    }
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Largest, longest or latest first: a minus in the address.
    Falling,
    /// Smallest, shortest or earliest first.
    Rising,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// By number, the newest first.
    #[default]
    Newest,
    /// By number, the oldest first.
    Oldest,
    /// By something else.
    By(Key, Way),
}

impl Order {
    /// Reads the text of the address: `-id`, `id`, `-run`.
    ///
    /// # Errors
    /// A sentence that names what a list can be sorted by.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, way) = match text.strip_prefix('-') {
            Some(name) => (name, Way::Falling),
            None => (text, Way::Rising),
        };
        if ["id", "created"].contains(&name) {
            return Ok(if way == Way::Falling { Self::Newest } else { Self::Oldest });
        }
        let known = KEYS.iter().find(|(_, known, ..)| *known == name).map(|(key, ..)| Self::By(*key, way));
        let names = || KEYS.map(|(_, name, ..)| name).join(", ");
        known.ok_or_else(|| {
            format!("there is no order {name}; orders are id, {}, with a minus for the other way", names())
        })
    }

    /// Writes it for the address; empty for the usual one.
    pub fn text(self) -> String {
        match self {
            Self::Newest => String::new(),
            Self::Oldest => "id".into(),
            Self::By(key, way) => {
                let name = KEYS.iter().find(|(known, ..)| *known == key).map_or("", |known| known.1);
                format!("{}{name}", if way == Way::Falling { "-" } else { "" })
            }
        }
    }

    /// Says it in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Newest => "newest first",
            Self::Oldest => "oldest first",
            Self::By(key, way) => {
                let ways = KEYS.iter().find(|(known, ..)| *known == key).map_or(["", ""], |known| known.3);
                if way == Way::Falling { ways[0] } else { ways[1] }
            }
        }
    }

    /// Gives the order that a press on the heading of `key` leads to (`None` = the job's own heading).
    pub fn pressed(self, key: Option<Key>) -> Self {
        match (self, key) {
            (Self::Newest, None) => Self::Oldest,
            (_, None) => Self::Newest,
            (Self::By(known, Way::Falling), Some(key)) if known == key => Self::By(key, Way::Rising),
            (_, Some(key)) => Self::By(key, Way::Falling),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_columns_are_read_as_they_are_written() {
        for text in ["id", "-run", "run", "-activity", "due", "-priority", "attempt", "-wait"] {
            assert_eq!(Order::parse(text).map(Order::text), Ok(text.to_owned()));
        }
        assert_eq!(Order::parse("-id"), Ok(Order::Newest));
        assert!(
            Order::parse("-size").is_err_and(|told| told.contains("there is no order size; orders are id, activity"))
        );
        for column in Column::all() {
            assert_eq!(Column::parse(column.name()), Ok(column));
        }
        assert!(Column::parse("size").is_err_and(|told| told.contains("columns are state, queue")));
    }

    #[test]
    fn a_choice_of_columns_keeps_its_order_and_none_means_the_usual_ones() {
        assert_eq!(Columns::of(vec![Column::Run, Column::State, Column::Run]).text(), "run,state");
        assert_eq!(Columns::of(Vec::new()), Columns::default());
        assert_eq!(Columns::default().text(), "");
    }

    #[test]
    fn headings_turn_the_order_around() {
        assert_eq!(Order::Newest.pressed(None), Order::Oldest);
        assert_eq!(Order::Newest.pressed(Some(Key::Run)).text(), "-run");
        assert_eq!(Order::By(Key::Run, Way::Falling).pressed(Some(Key::Run)).text(), "run");
        assert_eq!(Order::By(Key::Run, Way::Rising).pressed(Some(Key::Run)).text(), "-run");
        assert_eq!(Order::By(Key::Run, Way::Falling).pressed(None), Order::Newest);
    }
}
