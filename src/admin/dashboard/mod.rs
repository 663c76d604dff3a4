//! The dashboard: is the flow healthy, what needs me, what is next.
mod activity;
mod attention;
pub mod page;
mod read;
mod rows;
mod sentences;
mod span;
mod view;

pub use attention::{BEHIND, Concern, SILENT, Seen, Slots, concerns};
pub use read::{Failing, Flow, NodeLine, QueueLine, Step, Totals, failing, flow, nodes, queues, steps, totals};
pub use span::Span;
