//! How a group's state looks: icon, word and colour, always the three together.

use crate::queue::failures::GroupState;

/// The look of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Sets the colour.
    pub class: &'static str,
    /// The icon.
    pub icon: &'static str,
    /// The word, with what belongs to it.
    pub word: String,
}

/// Gives the look of a state.
pub fn look(state: GroupState) -> Look {
    let (class, icon) = match state {
        GroupState::New => ("s-failed", "circle-dot"),
        GroupState::Rising => ("s-failed", "arrow-up"),
        GroupState::Steady => ("s-retrying", "activity"),
        GroupState::Returned => ("s-failed", "repeat"),
        GroupState::Quiet => ("s-cancelled", "moon"),
        GroupState::Muted => ("s-paused", "eye-off"),
        GroupState::Handled => ("s-done", "circle-check"),
    };
    Look { class, icon, word: word(state).into() }
}

/// Gives the word of a state.
pub fn word(state: GroupState) -> &'static str {
    match state {
        GroupState::New => "New",
        GroupState::Rising => "Rising",
        GroupState::Steady => "Steady",
        GroupState::Returned => "Returned",
        GroupState::Quiet => "Quiet",
        GroupState::Muted => "Muted",
        GroupState::Handled => "Handled",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_an_icon_that_there_is() {
        for state in GroupState::ALL {
            assert!(crate::web::icon::exists(look(state).icon), "{state:?}");
        }
    }
}
