//! What the palette can show.

use super::place::Place;
use crate::admin::jobs::acts::Act;
use crate::admin::{nodes, pools};
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::queue::permission::Permission;
use crate::queue::state::JobState;

/// The kinds of things that are found by name or number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A queue.
    Queue,
    /// A template.
    Template,
    /// A schedule.
    Schedule,
    /// A calendar.
    Calendar,
    /// A node.
    Node,
    /// A pool.
    Pool,
    /// A person.
    Person,
    /// A saved view.
    View,
    /// A bulk operation.
    Operation,
    /// A job, by its number.
    Job,
}

impl Kind {
    /// Those that are found by name.
    pub const NAMED: [Self; 9] = [
        Self::Queue,
        Self::Template,
        Self::Schedule,
        Self::Calendar,
        Self::Node,
        Self::Pool,
        Self::Person,
        Self::View,
        Self::Operation,
    ];

    /// Gives the word for it, in keys and in what is typed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Template => "template",
            Self::Schedule => "schedule",
            Self::Calendar => "calendar",
            Self::Node => "node",
            Self::Pool => "pool",
            Self::Person => "person",
            Self::View => "view",
            Self::Operation => "operation",
            Self::Job => "job",
        }
    }

    /// Reads the word for it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::NAMED.into_iter().chain([Self::Job]).find(|kind| kind.word() == word)
    }

    /// Gives what somebody must hold to find it.
    pub fn permission(self) -> Permission {
        match self {
            Self::Queue => Permission::ReadQueues,
            Self::Template => Permission::ReadTemplates,
            Self::Schedule => Permission::ReadSchedules,
            Self::Calendar => Permission::ReadCalendars,
            Self::Node => Permission::ReadNodes,
            Self::Pool => Permission::ReadPools,
            Self::Person => Permission::ManagePeople,
            Self::View => Permission::ReadViews,
            Self::Operation => Permission::ReadOperations,
            Self::Job => Permission::ReadJobs,
        }
    }
}

/// Something with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What it is.
    pub kind: Kind,
    /// Its name; of a person the row's number and of a view its word, which addresses hold.
    pub name: String,
    /// Of a person or a view their name; empty for others.
    pub label: String,
    /// `paused`, `draining`, `archived`, …; an address for people, an owner for views of others; empty when there is nothing to say.
    pub state: String,
    /// How well it fits: 0 chosen lately, 1 exactly, 2 at its beginning, 3 somewhere.
    pub rank: i32,
}

/// An act on something with a name. Each leads to the page that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedAct {
    /// Stop a queue or a schedule.
    Pause,
    /// Let a queue or a schedule go on.
    Resume,
    /// Run a schedule by hand.
    Run,
    /// Give a queue other limits.
    Limits,
    /// Let a node take no new work.
    Drain,
    /// Let a node take work again.
    TakeWork,
    /// Make a job of a template.
    Enqueue,
    /// Write a new version of a template.
    Edit,
    /// Give a pool another amount.
    Change,
}

impl NamedAct {
    const ALL: [Self; 9] = [
        Self::Pause,
        Self::Resume,
        Self::Run,
        Self::Drain,
        Self::TakeWork,
        Self::Enqueue,
        Self::Limits,
        Self::Edit,
        Self::Change,
    ];

    /// Gives the word that stands before the kind, and by which it is found.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Pause => "Pause",
            Self::Resume | Self::TakeWork => "Resume",
            Self::Run => "Run",
            Self::Limits => "Limit",
            Self::Drain => "Drain",
            Self::Enqueue => "Enqueue",
            Self::Edit => "Edit",
            Self::Change => "Change",
        }
    }

    /// Tells whether `actor` may do it, as the service that does it decides.
    fn is_for(self, kind: Kind, actor: &Actor) -> bool {
        match self {
            Self::Pause | Self::Resume | Self::Run if kind == Kind::Schedule => actor.may(Permission::EditSchedules),
            Self::Run => false,
            Self::Pause | Self::Resume | Self::Limits => actor.may(Permission::RunQueues),
            Self::Drain | Self::TakeWork => nodes::service::may_act(actor),
            Self::Enqueue => actor.may(Permission::Enqueue),
            Self::Edit => actor.may(Permission::DraftTemplates),
            Self::Change => pools::service::may_act(actor),
        }
    }

    /// Tells whether a thing in this state takes it.
    fn fits(self, thing: &Named) -> bool {
        match (self, thing.kind) {
            (Self::Pause, Kind::Queue) => thing.state != PAUSED,
            (Self::Pause, Kind::Schedule) => thing.state.is_empty(),
            (Self::Resume, Kind::Queue | Kind::Schedule) => thing.state == PAUSED,
            (Self::Run, Kind::Schedule) => thing.state != "ended",
            (Self::Drain, Kind::Node) => thing.state == "up",
            (Self::TakeWork, Kind::Node) => thing.state == "draining",
            (Self::Enqueue, Kind::Template) => matches!(thing.state.as_str(), "active" | "deprecated"),
            (Self::Edit, Kind::Template) => thing.state != "archived",
            (Self::Limits, Kind::Queue) | (Self::Change, Kind::Pool) => true,
            _ => false,
        }
    }
}

/// The state of a queue that takes no work, and of a schedule that makes none.
pub const PAUSED: &str = "paused";

impl Named {
    /// Lists what `actor` may do to it now.
    pub fn acts(&self, actor: &Actor) -> Vec<NamedAct> {
        NamedAct::ALL.into_iter().filter(|act| act.fits(self) && act.is_for(self.kind, actor)).collect()
    }

    /// Gives the key by which a browser remembers it.
    pub fn key(&self) -> String {
        format!("{} {}", self.kind.word(), self.name)
    }
}

/// One result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A page.
    Place(Place),
    /// Something with a name.
    Thing(Named),
    /// A job.
    Job {
        /// Its number.
        id: JobId,
        /// Its template.
        template: String,
        /// Where it is.
        state: JobState,
    },
    /// Something to do to something with a name.
    Act(NamedAct, Named),
    /// Something to do to a job.
    JobAct(Act, JobId, String),
    /// The list of jobs, searched for the text.
    Search(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::permission::Role;

    fn thing(kind: Kind, state: &str) -> Named {
        Named { kind, name: "mail".into(), label: String::new(), state: state.into(), rank: 1 }
    }

    #[test]
    fn only_what_can_be_done_now_by_this_role_is_offered() {
        let with = |role| Actor { role, ..Actor::system("test") };
        let acts = |role, kind, state: &str| thing(kind, state).acts(&with(role));

        assert_eq!(acts(Role::Operator, Kind::Queue, ""), [NamedAct::Pause, NamedAct::Limits]);
        assert_eq!(acts(Role::Operator, Kind::Queue, PAUSED), [NamedAct::Resume, NamedAct::Limits]);
        assert_eq!(acts(Role::Operator, Kind::Template, "archived"), []);
        assert_eq!(acts(Role::Operator, Kind::Schedule, ""), [NamedAct::Pause, NamedAct::Run]);
        assert_eq!(acts(Role::Operator, Kind::Schedule, PAUSED), [NamedAct::Resume, NamedAct::Run]);
        assert_eq!(acts(Role::Operator, Kind::Schedule, "ended"), []);
        assert_eq!(acts(Role::Admin, Kind::Node, "draining"), [NamedAct::TakeWork]);
        for kind in Kind::NAMED {
            assert_eq!(acts(Role::Viewer, kind, ""), [], "{kind:?}");
        }
    }
}
