//! The arguments of a schedule's jobs as fields, one for each parameter of the template. Where these are not known, or may not be seen, they
//! are written as JSON.

use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use crate::admin::jobs::service::sees_payload;
use crate::admin::schedules::{ScheduleError, target};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::params::{MISSING, Params};
use crate::timing::document::Fault;
use crate::timing::schedule::Schedule;
use crate::web::form::{Form, sentence};
use crate::web::params::{self, ARGS, Control};

/// The field with arguments as JSON.
pub(super) const JSON: &str = "args";

/// The fields of the parameters of one version of a template.
pub(super) struct ArgFields {
    template: String,
    params: Params,
    zone: Tz,
}

/// Fills a form with fields, if there are any.
pub(super) fn with(fields: Option<&ArgFields>, form: Form, fill: impl FnOnce(&ArgFields, Form) -> Form) -> Form {
    match fields {
        Some(fields) => fill(fields, form),
        None => form,
    }
}

impl ArgFields {
    /// Finds those of the template that `form` names; `None` when there is none whose parameters `actor` may fill in, or while the form holds
    /// JSON that cannot be read: that stays to be mended. Moments stand in `zone`.
    pub(super) fn of(
        conn: &mut PgConnection,
        actor: &Actor,
        form: &Form,
        zone: Tz,
    ) -> Result<Option<Self>, ScheduleError> {
        let typed = form.text(JSON).trim();
        let is_readable = typed.is_empty() || serde_json::from_str::<Map<String, Value>>(typed).is_ok();
        if !sees_payload(actor) || !is_readable {
            return Ok(None);
        }
        let (template, version) = (form.text("template").trim().to_owned(), form.text("template_version").trim());
        let params = target::params(conn, actor, &template, version.parse().ok())?;
        // what the fields could not show as it was typed stays to be mended, too
        let fits = |params: &Params| match serde_json::from_str::<Value>(typed) {
            Ok(args) => params.validate(&args).iter().all(|fault| fault.message == MISSING),
            Err(_) => true, // nothing was typed
        };
        Ok(params.filter(fits).map(|params| Self { template, params, zone }))
    }

    /// Fills in `args`, where nothing stands yet.
    pub(super) fn filled(&self, args: &Value, form: Form) -> Form {
        let form = params::filled(&self.params, args, self.zone, form);
        let kept = form.into_fields().into_iter().filter(|(name, _)| name != JSON);
        kept.fold(Form::default(), |form, (name, value)| form.with(&name, value))
    }

    /// Makes of what was sent what these fields show: those of another template's parameters go, arguments that were typed as JSON and
    /// defaults come.
    pub(super) fn sent(&self, form: Form) -> Form {
        let names: Vec<String> = self.params.fields().iter().map(|field| format!("{ARGS}{}", field.name)).collect();
        let typed = serde_json::from_str::<Value>(form.text(JSON)).ok(); // most forms hold none
        let is_kept = |name: &String| !name.starts_with(ARGS) || names.contains(name);
        let kept = form.into_fields().into_iter().filter(|(name, _)| is_kept(name));
        let form = kept.fold(Form::default(), |form, (name, value)| form.with(&name, value));
        let form = match typed {
            Some(args) => self.filled(&args, form),
            None => form,
        };
        self.filled(&self.params.with_defaults(&json!({})), form)
    }

    /// Reads them. What is secret and was left empty stays what it was in `old`, and what was not ticked and never named is not named.
    pub(super) fn read(&self, form: &mut Form, old: Option<&Schedule>) -> Option<Map<String, Value>> {
        let old = self.old_args(old);
        let mut args = match params::typed(&self.params, form, self.zone, old.as_ref())? {
            Value::Object(args) => args,
            _ => Map::new(),
        };
        let defaults = self.params.with_defaults(&json!({}));
        let is_named =
            |name: &String| old.as_ref().is_some_and(|old| old.get(name).is_some()) || defaults.get(name).is_some();
        args.retain(|name, value| *value != Value::Bool(false) || is_named(name));
        Some(args)
    }

    /// Makes the controls.
    pub(super) fn controls(&self, form: &Form, old: Option<&Schedule>) -> Vec<Control> {
        params::controls(&self.params, form, self.old_args(old).as_ref())
    }

    /// Names the fields on which others depend.
    pub(super) fn sources(&self) -> Vec<String> {
        params::sources(&self.params)
    }

    /// Notes at its field what is wrong with an argument; `false` = the fault is about something else.
    pub(super) fn refuse(&self, form: &mut Form, fault: &Fault) -> bool {
        let Some(inside) = fault.path.strip_prefix(JSON) else { return false };
        let (name, message) = params::placed(&self.params.fields(), &inside.replace('.', "/"), &fault.message);
        if form.problem(&name).is_empty() {
            form.refuse(&name, sentence(&message));
        }
        true
    }

    /// The arguments of another template hold secrets that this one need not keep.
    fn old_args(&self, old: Option<&Schedule>) -> Option<Value> {
        let old = old.filter(|old| old.template == self.template)?;
        Some(Value::Object(old.args.clone()))
    }
}
