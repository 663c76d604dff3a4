//! Which jobs are meant.

use std::collections::BTreeSet;

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
    /// A text that the arguments hold.
    pub text: Option<String>,
    /// Exactly this job.
    pub id: Option<i64>,
}

impl JobFilter {
    /// Tells whether rows have to be looked at beyond their place and state.
    pub fn needs_look(&self, scope: &Scope) -> bool {
        !(self.queues.is_empty() && self.templates.is_empty() && self.tags.is_empty())
            || self.text.is_some()
            || self.id.is_some()
            || !scope.is_everything()
    }

    /// Gives the names of the wanted states; all when none is named.
    pub fn state_names(&self) -> Vec<&'static str> {
        let wanted = |state: &JobState| self.states.is_empty() || self.states.contains(state);
        JobState::ALL.iter().filter(|state| wanted(state)).map(|state| state.as_str()).collect()
    }
}
