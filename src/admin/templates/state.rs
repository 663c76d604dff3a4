//! The life cycle of a template.

/// Where a template is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TemplateState {
    /// Has no published version yet.
    Draft,
    /// Jobs of it may be enqueued.
    Active,
    /// Jobs may still be enqueued, but another template should be used.
    Deprecated,
    /// No job may be enqueued any more.
    Archived,
}

impl TemplateState {
    /// Every state, in the order of a template's life.
    pub const ALL: [Self; 4] = [Self::Draft, Self::Active, Self::Deprecated, Self::Archived];

    /// Gives the name in rows, addresses and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Deprecated => "deprecated",
            Self::Archived => "archived",
        }
    }

    /// Reads the name of a state.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Tells whether jobs may be enqueued.
    pub fn takes_jobs(self) -> bool {
        matches!(self, Self::Active | Self::Deprecated)
    }
}
