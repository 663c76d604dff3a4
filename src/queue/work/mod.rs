//! What a piece of work sees while it runs, and what it answers.
//!
//! ```text
//! engine ──claims──▶ JobContext ──lent to──▶ Runner / Handler ──gives──▶ Report
//!            ▲                        │ log, progress, checkpoint, output
//!            └──── stop (cancel, timeout, drain, lost lease)
//! ```
//! A [`Handler`] is Rust code registered under a name; a [`Runner`] does one kind of template (command, http, sql,
//! handler). Both get a [`JobContext`] and must look at [`JobContext::check`] often enough to stop within 3 s.
mod context;
mod handler;
mod live;
mod outcome;
mod stop;
mod stored_args;
mod veil;

pub use context::{JobContext, JobFacts, NotSaved, Occurrence};
pub use handler::{Handler, JobArgs, Registry, Runner, Task};
pub use live::{LOG_BYTES_MAX, Level, LogLine, Progress, Taken};
pub use outcome::{Ended, Failure, Outcome, Report, Resources, TRACE_BYTES_MAX, kept_trace};
pub use stop::{Stop, StopSignal};
pub use stored_args::StoredArgs;
pub use veil::{SECRET_CHARS_MIN, Veil};
