//! Which jobs are meant.

use std::collections::BTreeSet;

use super::JobRow;
use crate::queue::actor::Scope;
use crate::queue::state::JobState;

/// A filter over jobs. Everything that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// One of these states; empty = any.
    pub states: BTreeSet<JobState>,
    /// One of these queues; empty = any.
    pub queues: Vec<String>,
    /// One of these templates; empty = any.
    pub templates: Vec<String>,
    /// All of these tags.
    pub tags: Vec<String>,
    /// A text that the arguments, a tag or the template's name hold, whatever the case.
    pub text: Option<String>,
    /// Look for the text in names and tags only: the asker may not see arguments.
    pub names_only: bool,
    /// Exactly this job.
    pub id: Option<i64>,
}

impl JobFilter {
    /// Tells whether rows have to be looked at beyond their place and state.
    pub fn needs_look(&self, scope: &Scope) -> bool {
        !(self.queues.is_empty() && self.templates.is_empty() && self.tags.is_empty())
            || self.text.is_some()
            || !scope.is_everything()
    }

    /// Tells whether a row has what is asked for, the text aside.
    pub fn fits(&self, row: &JobRow) -> bool {
        let one_of = |list: &[String], name: &String| list.is_empty() || list.contains(name);
        let tags = row.tags.as_deref().unwrap_or_default();
        (self.states.is_empty() || self.states.contains(&row.state()))
            && one_of(&self.queues, &row.queue)
            && one_of(&self.templates, &row.template)
            && self.tags.iter().all(|tag| tags.contains(tag))
    }

    /// Tells whether nothing is asked for.
    pub fn is_everything(&self) -> bool {
        *self == Self { names_only: self.names_only, ..Self::default() }
    }

    /// Gives the names of the wanted states; all when none is named.
    pub fn state_names(&self) -> Vec<&'static str> {
        let wanted = |state: &JobState| self.states.is_empty() || self.states.contains(state);
        JobState::ALL.iter().filter(|state| wanted(state)).map(|state| state.as_str()).collect()
    }
}
