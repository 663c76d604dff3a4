//! How states and runners look: icon, word and colour together.

use crate::admin::templates::TemplateState;
use crate::queue::template::RunnerKind;
use crate::web::tone::Tone;

/// The look of a state in the life cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateLook {
    /// The word.
    pub word: &'static str,
    /// The icon.
    pub icon: &'static str,
    /// The class that sets the colour.
    pub class: &'static str,
}

impl From<TemplateState> for StateLook {
    fn from(state: TemplateState) -> Self {
        let (word, icon, tone) = match state {
            TemplateState::Draft => ("Draft", "pencil", Tone::Scheduled),
            TemplateState::Active => ("Active", "circle-check", Tone::Done),
            TemplateState::Deprecated => ("Deprecated", "triangle-alert", Tone::Retrying),
            TemplateState::Archived => ("Archived", "archive", Tone::Cancelled),
        };
        Self { word, icon, class: tone.class() }
    }
}

/// The look of a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunnerLook {
    /// What forms send.
    pub value: &'static str,
    /// The word.
    pub word: &'static str,
    /// The icon.
    pub icon: &'static str,
    /// What it does, in a sentence.
    pub help: &'static str,
}

/// Every runner, in the order of the editor.
pub const RUNNERS: [RunnerLook; 4] = [
    RunnerLook { value: "command", word: "Command", icon: "terminal", help: "Runs a program on a node." },
    RunnerLook { value: "http", word: "HTTP", icon: "globe", help: "Calls an address and looks at the answer." },
    RunnerLook {
        value: "sql",
        word: "SQL",
        icon: "database",
        help: "Runs statements in one transaction with the job's completion: exactly once.",
    },
    RunnerLook {
        value: "handler",
        word: "Handler",
        icon: "code",
        help: "Calls Rust code that is compiled into the engine.",
    },
];

/// Gives the look of the runner with this name; of one that this program does not know, the name itself.
pub fn runner(name: &str) -> RunnerLook {
    RUNNERS.into_iter().find(|look| look.value == name).unwrap_or(RunnerLook {
        value: "",
        word: "Unknown",
        icon: "circle-help",
        help: "",
    })
}

impl From<RunnerKind> for RunnerLook {
    fn from(kind: RunnerKind) -> Self {
        runner(kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_runner_and_state_has_a_look_of_its_own() {
        let icons = RunnerKind::ALL.map(|kind| RunnerLook::from(kind).icon);
        let words = TemplateState::ALL.map(|state| StateLook::from(state).word);

        assert_eq!(icons, ["terminal", "globe", "database", "code"]);
        assert_eq!(words, ["Draft", "Active", "Deprecated", "Archived"]);
        let all = icons.into_iter().chain(TemplateState::ALL.map(|state| StateLook::from(state).icon));
        assert!(all.into_iter().all(crate::web::icon::exists));
        assert_eq!(runner("magic").word, "Unknown");
    }
}
