//! The dashboard: is the flow healthy, what needs me, what is next.
mod activity;
mod ailing;
mod attention;
mod failing;
mod fleet;
mod kept;
mod lines;
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
pub use attention::{Cause, Concern, LOST_FOR, SILENT, Seen, Slots, concerns, is_behind};
pub use failing::{Failing, failing};
pub use fleet::{Fleet, NodeLine, Unheard, fleet, nodes, unheard};
pub use lines::{QueueLine, Queues, queues};
pub use marks::{Event, events};
pub use read::{Flow, Step, flow, steps};
pub use span::Span;
pub use totals::{Ended, Totals, ended, run_week_ago, totals};
