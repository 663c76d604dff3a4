//! The fields of a query: their names, what their values are, and how they are explained.

use super::value::Kind;

/// What a term asks about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Where it stands.
    State,
    /// Its queue.
    Queue,
    /// Its template.
    Template,
    /// Its tags.
    Tag,
    /// Where it runs or ran.
    Node,
    /// Its id.
    Id,
    /// Its priority.
    Priority,
    /// Attempts counted.
    Attempt,
    /// The version of its template.
    Version,
    /// How long it waited before its last attempt; unfinished waits count so far.
    Wait,
    /// How long its last attempt ran; a running one so far.
    Run,
    /// When it was enqueued.
    Created,
    /// When it entered its state: for ended ones, when they ended.
    Since,
    /// When it is due.
    Due,
    /// Who enqueued it.
    By,
    /// The schedule that made it.
    Schedule,
    /// The words of its last failure.
    Error,
    /// The failure group of its last failure.
    Group,
    /// The job that it was made from.
    Parent,
    /// Its unique key.
    Key,
    /// Its ordering key.
    Order,
    /// An argument, by its path.
    Arg(Vec<String>),
    /// Any of the words: template, tags, arguments, error.
    Text,
}

/// What is to be known of a field.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The name that is typed.
    pub name: &'static str,
    /// Other names that are understood.
    pub aliases: &'static [&'static str],
    /// What its values are.
    pub kind: Kind,
    /// What it asks, in a few words.
    pub help: &'static str,
    /// A term that uses it.
    pub example: &'static str,
}

macro_rules! fields {
    ($($field:ident $name:literal [$($alias:literal),*] $kind:ident, $help:literal, $example:literal;)*) => {
        /// The fields with one name, in the order in which they are offered and written.
        pub const FIELDS: &[(Field, About)] = &[$((Field::$field, About {
            name: $name, aliases: &[$($alias),*], kind: Kind::$kind, help: $help, example: $example,
        }),)*];
    };
}

fields! {
    State "state" ["is"] State, "where it stands", "state:failed,retrying";
    Queue "queue" [] Name, "its queue", "queue:mail";
    Template "template" ["kind"] Name, "its template; * stands for any text", "template:mail.*";
    Tag "tag" ["label"] Name, "one of its tags", "-tag:test";
    Node "node" [] Name, "where it runs or ran", "node:worker-3";
    Id "id" ["job"] Number, "its number", "id:4000..4100";
    Priority "priority" [] Number, "1 is the highest, 5 the lowest", "priority:1..2";
    Attempt "attempt" ["attempts"] Number, "attempts counted", "attempt:>2";
    Version "version" [] Number, "the version of its template", "version:7";
    Wait "wait" ["waited"] Length, "how long it waited for a slot", "wait:>5m";
    Run "run" ["duration", "ran"] Length, "how long its last attempt ran", "run:>2s";
    Created "created" ["enqueued"] Moment, "when it was enqueued", "created:-24h";
    Since "since" ["finished", "ended", "activity"] Moment, "when it entered its state", "since:2026-11-01..2026-11-07";
    Due "due" ["run_at"] Moment, "when it becomes ready", "due:<+2h";
    By "by" ["enqueued_by"] Name, "who enqueued it", "by:token:catalogue";
    Schedule "schedule" [] Name, "the schedule that made it", "schedule:nightly";
    Error "error" [] Words, "words of its last failure", "error:\"connection refused\"";
    Group "group" ["fingerprint"] Name, "its failure group", "group:9f2c81d0";
    Parent "parent" [] Number, "the job that it was made from", "parent:48213";
    Key "key" ["unique_key"] Name, "its unique key", "key:order-17";
    Order "order" ["ordering_key"] Name, "its ordering key", "order:customer-9";
}

/// What is to be known of arguments.
pub const ARG: About = About {
    name: "arg",
    aliases: &["args"],
    kind: Kind::Argument,
    help: "an argument; parts of a path stand apart by dots",
    example: "arg.customer:42",
};
/// What is to be known of words without a field.
pub const TEXT: About = About {
    name: "text",
    aliases: &[],
    kind: Kind::Words,
    help: "any of template, tags, arguments and error",
    example: "\"order 17\"",
};

/// Most parts of the path of an argument.
const PATH_PARTS_MAX: usize = 8;
/// A name with at most so many typing errors is proposed.
const ERRORS_MAX: usize = 2;

impl Field {
    /// Reads a name as it is typed before the colon.
    pub fn parse(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        if let Some(path) =
            ["arg.", "args."].iter().find_map(|prefix| lower.starts_with(prefix).then(|| &name[prefix.len()..]))
        {
            let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
            let fits = parts.len() <= PATH_PARTS_MAX && parts.iter().all(|part| !part.is_empty());
            return fits.then_some(Self::Arg(parts));
        }
        if lower == TEXT.name {
            return Some(Self::Text);
        }
        let known = |about: &About| about.name == lower || about.aliases.contains(&lower.as_str());
        FIELDS.iter().find(|(_, about)| known(about)).map(|(field, _)| field.clone())
    }

    /// Tells what is to be known of it.
    pub fn about(&self) -> &'static About {
        match self {
            Self::Arg(_) => &ARG,
            Self::Text => &TEXT,
            named => FIELDS.iter().find(|(field, _)| field == named).map_or(&TEXT, |(_, about)| about),
        }
    }

    /// Writes its name as it stands before the colon.
    pub fn name(&self) -> String {
        match self {
            Self::Arg(path) => format!("arg.{}", path.join(".")),
            named => named.about().name.to_owned(),
        }
    }

    /// Tells whether a job has one value of it, so that two wanted values can only mean either.
    pub fn is_single(&self) -> bool {
        !matches!(self, Self::Tag | Self::Arg(_) | Self::Text | Self::Error)
    }
}

/// Gives the field that somebody probably meant.
pub fn meant(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let names = FIELDS.iter().flat_map(|(_, about)| std::iter::once(&about.name).chain(about.aliases));
    let distance = |known: &str| strsim::damerau_levenshtein(&lower, known);
    let nearest = names.map(|known| (distance(known), *known)).min()?;
    (nearest.0 <= ERRORS_MAX && nearest.0 < lower.chars().count()).then_some(nearest.1)
}
