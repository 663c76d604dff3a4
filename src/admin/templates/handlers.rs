//! Which Rust handlers this binary has. The engine runs in another process of the same binary, so the list is the same.

use crate::queue::work::Registry;

/// The names of the registered handlers, in order. Boot puts it into the application, so that the editor offers them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HandlerNames(pub Vec<String>);

impl From<&Registry> for HandlerNames {
    fn from(registry: &Registry) -> Self {
        Self(registry.names().map(str::to_owned).collect())
    }
}
