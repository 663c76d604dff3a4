//! Typed parameters of a template: a JSON Schema subset. (The helper that builds the runners writes this module.)

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The parameters of a template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Params(Value);

impl Default for Params {
    fn default() -> Self {
        Self(Value::Null)
    }
}

impl Params {
    /// Tells whether any object is accepted.
    pub fn is_any(&self) -> bool {
        self.0.is_null()
    }
}
