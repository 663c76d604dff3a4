//! Says it.
use super::Recurrence;
/// x
pub(super) fn sentence(_set: &Recurrence) -> String { String::new() }
