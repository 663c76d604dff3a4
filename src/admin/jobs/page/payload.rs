//! Arguments and output as JSON, masked; only the names for those who may not see values.

use serde_json::Value;

use super::row::in_order;
use crate::admin::jobs::{Detail, service};
use crate::queue::actor::Actor;
use crate::queue::template::TemplateSpec;
use crate::web::json::pretty;
use crate::web::span::Span;

/// A JSON value on the page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Payload {
    /// The value, laid out.
    pub spans: Vec<Span>,
    /// The same text to copy; empty when there is nothing to copy.
    pub copy: String,
    /// Why values are not shown; empty when they are.
    pub hidden: String,
}

/// Says who may see values.
const HIDDEN: &str = "Only names are shown. Values need the role analyst, operator or admin.";

/// Gives the arguments as `actor` may see them, in the order of the template.
pub fn visible(job: &Detail, actor: &Actor) -> Value {
    let spec = serde_json::from_value::<TemplateSpec>(job.spec.clone()).ok();
    in_order(service::visible_args(actor, job), spec.as_ref().map(|spec| &spec.params))
}

/// Shows the arguments of `job` to `actor`.
pub fn arguments(job: &Detail, actor: &Actor) -> Payload {
    let args = visible(job, actor);
    match service::sees_payload(actor) {
        true => shown(&args),
        false => Payload { spans: pretty(&args), hidden: HIDDEN.into(), ..Payload::default() },
    }
}

/// Shows the output of `job`; `None` when it has none.
pub fn output(job: &Detail, actor: &Actor) -> Option<Payload> {
    let output = job.output.as_ref()?;
    Some(match service::sees_payload(actor) {
        true => shown(output),
        false => Payload {
            hidden: "There is output. Seeing it needs the role analyst, operator or admin.".into(),
            ..Payload::default()
        },
    })
}

fn shown(value: &Value) -> Payload {
    let copy = serde_json::to_string_pretty(value).unwrap_or_default(); // a JSON value cannot fail to be written
    Payload { spans: pretty(value), copy, hidden: String::new() }
}

#[cfg(test)]
mod tests {
    use super::super::story::sample::story;
    use super::*;
    use crate::queue::permission::Role;
    use crate::queue::state::JobState;

    fn text(payload: &Payload) -> String {
        payload.spans.iter().map(|span| span.text.as_str()).collect()
    }

    #[test]
    fn a_viewer_sees_names_and_who_may_see_more() {
        let job = story(JobState::Succeeded).job;
        let viewer = Actor { role: Role::Viewer, ..Actor::system("v") };

        let args = arguments(&job, &viewer);
        assert!(text(&args).contains("supplier") && !text(&args).contains("nordwind") && args.copy.is_empty());
        assert!(args.hidden.contains("analyst"));
        let output = output(&job, &viewer).expect("output");
        assert!(output.spans.is_empty() && !output.hidden.is_empty());
    }

    #[test]
    fn an_operator_sees_and_copies_values() {
        let payload = arguments(&story(JobState::Failed).job, &Actor::system("s"));

        assert!(text(&payload).contains("\"nordwind\"") && payload.copy.contains("nordwind"));
    }
}
