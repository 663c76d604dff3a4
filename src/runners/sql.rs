//! SQL statements as work: their `{{ … }}` become values, then a door to the database runs them in one transaction with the
//! job's completion (GUARANTEES.md, G4).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::queue::render::{RenderContext, bind};
use crate::queue::sql_jobs::SqlConnections;
use crate::queue::template::TemplateSpec;
use crate::queue::work::{Failure, JobContext, Outcome, Report, Runner};

/// A database in which the statements of jobs can be run.
pub trait SqlDoor: Send + Sync {
    /// Runs the statements of one attempt and its completion in one transaction. They refer to the values as
    /// `($1::text[])[n]`.
    fn run(&self, job: &JobContext, statements: &str, values: &[Option<String>]) -> Report;
}

impl SqlDoor for SqlConnections {
    fn run(&self, job: &JobContext, statements: &str, values: &[Option<String>]) -> Report {
        SqlConnections::run(self, job, statements, values)
    }
}

/// Runs the templates whose runner is `sql`.
#[derive(Clone, Default)]
pub struct SqlRunner(BTreeMap<String, Arc<dyn SqlDoor>>);

impl SqlRunner {
    /// What templates call the database of `MILLRACE_SQL_URL`.
    pub const DEFAULT: &'static str = "default";

    /// Adds the database that templates call `name`.
    #[must_use]
    pub fn with(mut self, name: &str, door: impl SqlDoor + 'static) -> Self {
        self.0.insert(name.to_owned(), Arc::new(door));
        self
    }
}

impl Runner for SqlRunner {
    fn run(&self, job: &JobContext, template: &TemplateSpec) -> Report {
        let give_up = |message: String| Report::plain(Ok(Outcome::give_up(message)));
        let Some(work) = &template.sql else { return give_up("the template has no statements".into()) };
        let Some(door) = self.0.get(&work.database) else {
            return give_up(missing(&work.database));
        };
        if let Err(stop) = job.check() {
            return Report::plain(Err(Failure::from(stop)));
        }
        match bind(&work.statements, &RenderContext::of(job.facts())) {
            Ok((statements, values)) => door.run(job, &statements, &values),
            Err(error) => give_up(format!("the statements cannot be bound: {error}")), // the same arguments fail again
        }
    }
}

fn missing(database: &str) -> String {
    match database {
        SqlRunner::DEFAULT => {
            "this node runs no sql jobs: set MILLRACE_SQL_URL to a login of the role millrace_sql".into()
        }
        other => format!("this node has no database called {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::work::Stop;
    use crate::runners::testing::{job, template};
    use serde_json::json;

    /// Says what it was given.
    struct Echo;

    impl SqlDoor for Echo {
        fn run(&self, job: &JobContext, statements: &str, values: &[Option<String>]) -> Report {
            job.output(json!([statements, values]));
            Report { settled: true, ..Report::plain(Ok(Outcome::Done)) }
        }
    }

    fn spec(statements: &str, database: &str) -> TemplateSpec {
        template(json!({ "runner": "sql", "sql": { "statements": statements, "database": database } }))
    }

    fn message(report: Report) -> String {
        match report.ended {
            Ok(Outcome::GiveUp(failure)) => failure.message,
            ended => panic!("it did not give up: {ended:?}"),
        }
    }

    #[test]
    fn statements_and_values_reach_the_door_apart() {
        let runner = SqlRunner::default().with("default", Echo);
        let job = job(json!({ "day": "2026-11-24'; DROP TABLE t; --" }));

        let report = runner.run(&job, &spec("DELETE FROM t WHERE day = {{ params.day }}::date", "default"));

        assert!(report.settled);
        assert_eq!(
            job.take_output(),
            Some(json!(["DELETE FROM t WHERE day = (($1::text[])[1]::text)::date", ["2026-11-24'; DROP TABLE t; --"]]))
        );
    }

    #[test]
    fn what_cannot_be_run_is_not_tried_again() {
        let runner = SqlRunner::default().with("default", Echo);

        let unbound = runner.run(&job(json!({})), &spec("SELECT {{ params.day }}", "default"));
        assert_eq!(message(unbound), "the statements cannot be bound: line 1: params.day has no value");
        let elsewhere = runner.run(&job(json!({})), &spec("SELECT 1", "other"));
        assert_eq!(message(elsewhere), "this node has no database called \"other\"");
        let nowhere = SqlRunner::default().run(&job(json!({})), &spec("SELECT 1", "default"));
        assert!(message(nowhere).contains("set MILLRACE_SQL_URL"));
    }

    #[test]
    fn a_job_that_was_stopped_before_is_not_started() {
        let job = job(json!({}));
        job.stop(Stop::Draining);

        let report = SqlRunner::default().with("default", Echo).run(&job, &spec("SELECT 1", "default"));

        assert_eq!(report.ended, Err(Failure::from(Stop::Draining)));
    }
}
