//! The dashboard: is the flow healthy, what needs me, what is next.
mod activity;
mod ailing;
mod attention;
mod failing;
mod marks;
mod next;
pub mod page;
mod read;
mod rows;
mod sentences;
mod span;
mod tiles;
mod totals;
mod view;

pub use ailing::{Ailing, Ill, ailing};
pub use attention::{Cause, Concern, SILENT, Seen, Slots, concerns, is_behind};
pub use failing::{Failing, failing};
pub use marks::{Event, events};
pub use read::{Flow, NodeLine, QueueLine, Step, flow, nodes, queues, steps};
pub use span::Span;
pub use totals::{Totals, run_week_ago, totals};
