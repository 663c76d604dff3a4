//! Rust code as work: typed handlers under names, and the runners that do whole kinds of template.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::{Ended, Failure, JobContext, Outcome, Report, Resources};
use crate::base::clock::{thread_cpu, thread_cpu_lately};
use crate::queue::template::TemplateSpec;

/// Does one kind of template. Called on a worker thread, may block it; must obey [`JobContext::check`].
pub trait Runner: Send + Sync {
    /// Does the work of `template` for one attempt.
    fn run(&self, job: &JobContext, template: &TemplateSpec) -> Report;

    /// Says in a few words how work is counted and bounded on this machine, for the node's page; empty = there is nothing to say.
    fn bounds(&self) -> &str {
        ""
    }
}

/// Arguments that a typed handler accepts.
pub trait JobArgs: DeserializeOwned + Send {}
impl<T: DeserializeOwned + Send> JobArgs for T {}

/// Typed work in Rust. Register it with [`Registry::with`].
///
/// ```
/// use millrace::queue::work::{Ended, JobContext, Outcome, Task};
///
/// #[derive(serde::Deserialize)]
/// struct Greet { name: String }
///
/// impl Task for Greet {
///     const NAME: &'static str = "demo.greet";
///     fn run(self, job: &JobContext) -> Ended {
///         job.output(serde_json::json!({ "greeting": format!("Hello, {}", self.name) }));
///         Ok(Outcome::Done)
///     }
/// }
/// ```
pub trait Task: JobArgs + 'static {
    /// The name that templates use: `runner: handler`, `handler: { name: … }`.
    const NAME: &'static str;

    /// Does the work. An `Err` is a failed attempt: the template's retry policy decides what comes next.
    ///
    /// # Errors
    /// Anything that went wrong; `?` works on the common errors and on [`super::Stop`].
    fn run(self, job: &JobContext) -> Ended;
}

/// Work in Rust whose arguments are looked at by itself.
pub trait Handler: Send + Sync {
    /// Does the work of one attempt.
    ///
    /// # Errors
    /// As [`Task::run`].
    fn run(&self, job: &JobContext) -> Ended;
}

struct Typed<T>(std::marker::PhantomData<fn() -> T>);

impl<T: Task> Handler for Typed<T> {
    fn run(&self, job: &JobContext) -> Ended {
        match T::deserialize(job.args()) {
            Ok(task) => task.run(job),
            // trying again would meet the same arguments
            Err(error) => Ok(Outcome::GiveUp(Failure::new(format!("the arguments do not fit {}: {error}", T::NAME)))),
        }
    }
}

/// The handlers that this binary knows.
#[derive(Clone, Default)]
pub struct Registry(BTreeMap<&'static str, Arc<dyn Handler>>);

impl Registry {
    /// Adds a typed task under its name. A second one of the same name replaces the first.
    #[must_use]
    pub fn with<T: Task>(self) -> Self {
        self.with_handler(T::NAME, Typed::<T>(std::marker::PhantomData))
    }

    /// Adds a handler under `name`.
    #[must_use]
    pub fn with_handler(mut self, name: &'static str, handler: impl Handler + 'static) -> Self {
        self.0.insert(name, Arc::new(handler));
        self
    }

    /// Adds everything that `other` knows.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Finds the handler called `name`.
    pub fn find(&self, name: &str) -> Option<&Arc<dyn Handler>> {
        self.0.get(name)
    }

    /// Lists the names, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

/// Does `handler` templates: calls the handler that the template names, on this thread.
impl Runner for Registry {
    fn run(&self, job: &JobContext, template: &TemplateSpec) -> Report {
        let name = template.handler.as_ref().map_or("", |work| work.name.as_str());
        let Some(handler) = self.find(name) else {
            return Report::plain(Ok(Outcome::give_up(format!("this node has no handler called {name:?}"))));
        };
        let begun = job.began();
        let before = thread_cpu_lately(begun);
        let ended = handler.run(job);
        // what took less than a millisecond used none; reading the thread's clock would take longer
        let is_short = begun.elapsed() < Duration::from_millis(1);
        let cpu = if is_short { Duration::ZERO } else { thread_cpu().saturating_sub(before) };
        let cpu_ms = Some(u32::try_from(cpu.as_millis()).unwrap_or(u32::MAX));
        Report::measured(ended, Resources { cpu_ms, ..Resources::default() })
    }
}
