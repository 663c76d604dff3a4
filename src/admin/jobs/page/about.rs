//! What an enqueue form is about: a template, or a job that is made anew with other arguments.

use chrono_tz::Tz;
use serde_json::Value;

use super::field::filled;
use super::find;
use super::pick::can_run;
use crate::admin::jobs::again::old;
use crate::admin::jobs::service::like;
use crate::admin::jobs::{Detail, acts};
use crate::admin::templates;
use crate::base::db::PgConnection;
use crate::base::length::write_ms;
use crate::queue::actor::Actor;
use crate::queue::enqueue::NewJob;
use crate::queue::job::JobId;
use crate::queue::template::TemplateSpec;
use crate::web::error::WebError;
use crate::web::form::Form;
use crate::web::paths;

/// What a form is about: a template, or a job that is made anew.
#[derive(Debug, Clone)]
pub struct About {
    /// The template's name.
    pub template: String,
    /// The version that a job is pinned to.
    pub version: i32,
    /// What it says.
    pub spec: TemplateSpec,
    /// The job that is edited.
    pub old: Option<Detail>,
}

impl About {
    /// Gives the arguments of the job that is edited.
    pub fn old_args(&self) -> Option<&Value> {
        self.old.as_ref().map(|job| &job.args)
    }

    /// Gives the address that the form stands at and is posted to.
    pub fn action(&self) -> String {
        match &self.old {
            Some(job) => paths::job_edit(job.id),
            None => paths::JOB_NEW.to_owned(),
        }
    }

    /// Gives the job as the template (or the old job) has it, before the form is read.
    pub fn blank(&self, args: Value) -> NewJob {
        match &self.old {
            Some(job) => NewJob {
                queue: None,
                priority: None,
                tags: None,
                max_attempts: None,
                timeout_ms: None,
                ..like(job, Some(args))
            },
            None => NewJob { template: self.template.clone(), version: Some(self.version), args, ..NewJob::default() },
        }
    }
}

/// Reads the active version of a template.
///
/// # Errors
/// [`WebError::NotFound`]; [`WebError::Conflict`] when no job can be made of it.
pub fn of_template(conn: &mut PgConnection, name: &str) -> Result<About, WebError> {
    let row = templates::show(conn, name)?.ok_or(WebError::NotFound)?;
    let version = row.active_version.filter(|_| can_run(&row)).ok_or_else(|| {
        WebError::Conflict(format!("The template {name} is {}: only active templates can be enqueued.", row.state))
    })?;
    let found = templates::version(conn, row.id, version)?.ok_or(WebError::NotFound)?;
    let spec = serde_json::from_value(found.spec).map_err(WebError::fault)?;
    Ok(About { template: row.name, version, spec, old: None })
}

/// Reads a job that ended without success.
///
/// # Errors
/// [`WebError::NotFound`], [`WebError::Gone`]; [`WebError::Conflict`] for any other job; [`WebError::Forbidden`].
pub fn of_job(conn: &mut PgConnection, actor: &Actor, id: JobId) -> Result<About, WebError> {
    find(conn, actor, id)?; // tells a removed job from one that never was
    let job = old(conn, actor, id)?;
    if !acts::Act::Edit.is_allowed(job.state()) {
        let why = format!("Job {id} is {}: only one that ended without success is retried with edits.", job.state());
        return Err(WebError::Conflict(why));
    }
    let spec = serde_json::from_value(job.spec.clone()).map_err(WebError::fault)?;
    Ok(About { template: job.template.clone(), version: job.version, spec, old: Some(job) })
}

/// Fills a form with the old job's arguments and those options that it has of its own.
pub fn present(about: &About, job: &Detail, zone: Tz) -> Form {
    let defaults = &about.spec.defaults;
    let mut form = filled(&about.spec.params, &job.args, zone, Form::default());
    let options = [
        ("queue", (job.queue != defaults.queue).then(|| job.queue.clone())),
        ("priority", (job.priority != defaults.priority).then(|| job.priority.to_string())),
        ("tags", (!job.tags.is_empty() && job.tags != defaults.tags).then(|| job.tags.join(" "))),
        ("max_attempts", job.max_attempts.map(|number| number.to_string())),
        ("ordering_key", job.ordering_key.clone()),
        ("timeout_ms", job.timeout_ms.map(|ms| write_ms(ms.unsigned_abs()))),
    ];
    for (name, text) in options.into_iter().filter_map(|(name, text)| Some((name, text?))) {
        form = form.with(name, text);
    }
    form
}
