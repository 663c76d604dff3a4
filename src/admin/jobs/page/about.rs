//! What an enqueue form is about: a template, or a job that is made anew with other arguments or another version.

use chrono_tz::Tz;
use serde_json::Value;

use super::find;
use super::pick::can_run;
use crate::admin::jobs::Detail;
use crate::admin::jobs::again::old;
use crate::admin::jobs::service::like;
use crate::admin::templates;
use crate::base::db::{DbError, PgConnection};
use crate::base::length::write_ms;
use crate::queue::actor::Actor;
use crate::queue::enqueue::NewJob;
use crate::queue::job::{JobId, TemplateId};
use crate::queue::params::OTHERS;
use crate::queue::template::TemplateSpec;
use crate::web::error::WebError;
use crate::web::form::Form;
use crate::web::params::filled;
use crate::web::parts::Choice;
use crate::web::paths;

/// What a form is about: a template, or a job that is made anew.
#[derive(Debug, Clone)]
pub struct About {
    /// The template's name.
    pub template: String,
    /// Its row.
    pub template_id: TemplateId,
    /// The version that a job is pinned to.
    pub version: i32,
    /// The versions that a job can be made anew with; empty for a new one, which takes the active one.
    pub versions: Vec<Choice>,
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

    /// Tells whether a job is made anew with another version than its own, with the page of what differs between the two.
    pub fn other_version(&self) -> Option<(i32, String)> {
        let job = self.old.as_ref().filter(|job| job.version != self.version)?;
        let (from, to) = (job.version.min(self.version).to_string(), job.version.max(self.version).to_string());
        let diff = paths::with_query(&paths::template_diff(&self.template), &[("from", &from), ("to", &to)]);
        Some((job.version, diff))
    }

    /// Lists the old job's arguments that the version does not know: a new job goes without them.
    pub fn left_out(&self) -> Vec<String> {
        let fields = self.spec.params.fields();
        let old = self.old_args().and_then(Value::as_object);
        let takes = |name: &str| {
            let inner = format!("{name}.");
            fields.iter().any(|field| field.name == name || field.name == OTHERS || field.name.starts_with(&inner))
        };
        old.into_iter().flatten().map(|(name, _)| name).filter(|name| !takes(name)).cloned().collect()
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
                version: Some(self.version),
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
    Ok(About { template: row.name, template_id: row.id, version, versions: Vec::new(), spec, old: None })
}

/// The version that is active now, in an address.
pub const ACTIVE: &str = "active";
/// Most versions that are offered.
const VERSIONS_MAX: i32 = 20;

/// Reads a job that is made anew with the version `wanted`: its own when that is empty, else a number or [`ACTIVE`].
///
/// # Errors
/// [`WebError::NotFound`], also for a version that is not there or was never published; [`WebError::Gone`]; [`WebError::Forbidden`].
pub fn of_job(conn: &mut PgConnection, actor: &Actor, id: JobId, wanted: &str) -> Result<About, WebError> {
    find(conn, actor, id)?; // tells a removed job from one that never was
    let job = old(conn, actor, id)?;
    let active = templates::show(conn, &job.template)?.and_then(|row| row.active_version);
    let version = match wanted {
        "" => job.version,
        ACTIVE => active.unwrap_or(job.version),
        number => number.parse().map_err(|_| WebError::NotFound)?,
    };
    let spec = if version == job.version {
        job.spec.clone()
    } else {
        let found = templates::version(conn, job.template_id, version)?;
        found.filter(|row| row.published_at.is_some()).ok_or(WebError::NotFound)?.spec
    };
    let spec = serde_json::from_value(spec).map_err(WebError::fault)?;
    let versions = versions(conn, (&job, version), active)?;
    let (template, template_id) = (job.template.clone(), job.template_id);
    Ok(About { template, template_id, version, versions, spec, old: Some(job) })
}

/// The newest published versions, the wanted and the active one, and the job's own, newest first.
fn versions(
    conn: &mut PgConnection,
    (job, wanted): (&Detail, i32),
    active: Option<i32>,
) -> Result<Vec<Choice>, DbError> {
    let newest = templates::versions(conn, job.template_id, None, VERSIONS_MAX)?;
    let published = newest.iter().filter(|row| row.published_at.is_some()).map(|row| row.version);
    let mut numbers: Vec<i32> = published.chain([job.version, wanted]).chain(active).collect();
    numbers.sort_unstable_by(|one, other| other.cmp(one));
    numbers.dedup();
    let words = |number: i32| match (number == job.version, active == Some(number)) {
        (true, true) => format!("v{number}, which this job has and which is active"),
        (true, false) => format!("v{number}, which this job has"),
        (false, true) => format!("v{number}, active"),
        (false, false) => format!("v{number}"),
    };
    Ok(numbers.into_iter().map(|number| Choice::new(number.to_string(), words(number))).collect())
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
