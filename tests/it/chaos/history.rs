//! What was seen while everything was broken: what was asked for, what the database's witness wrote down, which effects were
//! left, and what was done to the nodes. Times are microseconds since 1970.

use std::collections::HashMap;

/// What a job of ours is expected to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Its code succeeds, sooner or later.
    Succeeds,
    /// Its code fails, every time.
    Fails,
    /// Somebody cancelled it and was told that it will be.
    IsCancelled,
    /// Somebody may have cancelled it.
    MayBeCancelled,
}

/// What was answered to an enqueue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Committed, with this id.
    Job(i64),
    /// The connection was lost before the answer.
    Unknown,
}

/// One request for a job; its number stands in the job's arguments.
#[derive(Debug, Clone)]
pub struct Asked {
    pub number: i64,
    pub kind: &'static str,
    pub answer: Answer,
    pub wish: Wish,
    /// Its ordering key. Jobs of one key were asked for one after the other.
    pub turn: Option<String>,
}

/// A job as the database knows it at the end.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    pub id: i64,
    pub number: i64,
}

/// What the witness saw happen to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It stands under a lease.
    Claimed,
    /// It left its lease.
    Released,
    /// It stands in history with this state.
    Ended(String),
    /// An attempt that did not succeed was written down with this outcome.
    Trouble(String),
    /// A line of log, progress or a checkpoint was written.
    Said,
}

/// One thing that the witness saw, in the order in which they happened.
#[derive(Debug, Clone)]
pub struct Event {
    pub at: i64,
    /// The transaction.
    pub by: i64,
    pub job: i64,
    pub fence: Option<i64>,
    /// Name of the node, where the row tells it.
    pub node: Option<String>,
    pub what: What,
}

/// A trace that the code of an attempt left outside of its own transaction.
#[derive(Debug, Clone, Copy)]
pub struct Effect {
    pub job: i64,
    pub fence: i64,
}

/// A node was killed or stopped.
#[derive(Debug, Clone)]
pub struct Struck {
    pub at: i64,
    pub node: String,
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub asked: Vec<Asked>,
    pub known: Vec<Known>,
    pub events: Vec<Event>,
    pub effects: Vec<Effect>,
    /// Kinds of job that leave an effect in each attempt that comes to its end.
    pub leaving: Vec<&'static str>,
    /// Numbers that `sql` jobs have inserted.
    pub inserted: Vec<i64>,
    /// Kinds of job that insert their number.
    pub inserting: Vec<&'static str>,
    pub struck: Vec<Struck>,
    /// When the code of an attempt began, by job and fence.
    pub starts: HashMap<(i64, i64), i64>,
    /// Nodes that were ended in order: who, and from when to when.
    pub ends: Vec<(String, i64, i64)>,
    /// Times without a database.
    pub outages: Vec<(i64, i64)>,
    /// Jobs that had to be released by a person.
    pub released: Vec<i64>,
}
