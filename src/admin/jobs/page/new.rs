//! `GET` and `POST /jobs/new` and `/jobs/{id}/edit`: a form made from the template's parameters.

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;
use serde_json::json;

use super::about::{About, of_job, of_template, present};
use super::act::sent_notice;
use super::joins::joins;
use super::order::{has_problem, is_used, options, refused};
use super::pick::PickPage;
use super::ran::{Shown, shown};
use crate::admin::jobs::acts::Act;
use crate::admin::jobs::again::enqueue_from_form;
use crate::admin::jobs::service::{self, JobError};
use crate::admin::templates;
use crate::admin::templates::preview::preview;
use crate::base::db::PgConnection;
use crate::queue::actor::{Actor, Scope};
use crate::queue::catalog;
use crate::queue::job::JobId;
use crate::queue::template::Defaults;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::form::{Form, Problem, sentence};
use crate::web::format::duration_ms;
use crate::web::kit::Kit;
use crate::web::moment;
use crate::web::params::{Control, Kind, arguments, controls, filled, sources};
use crate::web::parts::Choice;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// Form field of a button that does not enqueue: it shows the form again with other choices, or a fresh preview.
const ONLY: &str = "only";

#[derive(Template)]
#[template(path = "jobs/new.html", blocks = ["whole_form", "preview_block"])]
struct NewPage {
    shell: Shell,
    about: About,
    title: String,
    controls: Vec<Control>,
    sources: Vec<String>,
    form: Form,
    queues: Vec<String>,
    options_open: bool,
    zone_hint: String,
    /// `None` = the arguments cannot be read yet.
    preview: Option<Vec<Shown>>,
    /// What was filled in and is wrong, a sentence each: it has to be mended before anything can be shown.
    wrong: Vec<String>,
    sees_preview: bool,
    /// What becomes of a new job when one like it is there already.
    joins: Vec<String>,
}

/// `GET /jobs/new?template=`: the templates, or the form of one.
pub async fn show(kit: Data<Kit>, hx: Hx, actor: Actor, shell: Shell, query: Query) -> Result<HttpResponse, WebError> {
    let (name, search) = (query.0.text("template").to_owned(), query.0.text("q").to_owned());
    if name.is_empty() {
        let rows = kit.db.run(templates::list).await?;
        return respond::page(&hx, &PickPage::new(shell, &rows, &search), &[]);
    }
    let page = kit.db.run(move |conn| {
        let about = of_template(conn, &name)?;
        let form = filled(&about.spec.params, &about.spec.params.with_defaults(&json!({})), shell.zone, query.0);
        let form = within(&actor.scope, &about.spec.defaults, form);
        NewPage::read(conn, &actor, shell, about, form)
    });
    respond::page(&hx, &page.await?, &[])
}

/// `GET /jobs/{id}/edit?version=`: the same form with what the job has.
pub async fn edit(
    kit: Data<Kit>,
    hx: Hx,
    actor: Actor,
    shell: Shell,
    (path, query): (Path<i64>, Query),
) -> Result<HttpResponse, WebError> {
    let id = JobId(*path);
    let page = kit.db.run(move |conn| {
        let about = of_job(conn, &actor, id, query.0.text("version"))?;
        let form = about.old.as_ref().map_or_else(Form::default, |job| present(&about, job, shell.zone));
        NewPage::read(conn, &actor, shell, about, form)
    });
    respond::page(&hx, &page.await?, &[])
}

/// `POST /jobs/new`.
pub async fn enqueue(
    (kit, hx, actor): (Data<Kit>, Hx, Actor),
    shell: Shell,
    session: Session,
    form: Form,
) -> Result<HttpResponse, WebError> {
    let name = form.text("template").to_owned();
    let about = kit.db.run(move |conn| of_template(conn, &name)).await?;
    answer((kit, hx, actor), shell, session, about, form).await
}

/// `POST /jobs/{id}/edit`: a new job that is linked to the old one.
pub async fn enqueue_edited(
    (kit, hx, actor): (Data<Kit>, Hx, Actor),
    shell: Shell,
    session: Session,
    form: Form,
    path: Path<i64>,
) -> Result<HttpResponse, WebError> {
    let (id, asker, version) = (JobId(*path), actor.clone(), form.text("version").to_owned());
    let about = kit.db.run(move |conn| of_job(conn, &asker, id, &version)).await?;
    answer((kit, hx, actor), shell, session, about, form).await
}

async fn answer(
    (kit, hx, actor): (Data<Kit>, Hx, Actor),
    shell: Shell,
    session: Session,
    about: About,
    mut form: Form,
) -> Result<HttpResponse, WebError> {
    if !form.text(ONLY).is_empty() {
        let page = kit.db.run(move |conn| NewPage::read(conn, &actor, shell, about, form)).await?;
        return respond::page(
            &hx,
            &page,
            &[("new", &page.as_whole_form()), ("panel-preview", &page.as_preview_block())],
        );
    }
    let args = arguments(&about.spec.params, &mut form, shell.zone, about.old_args());
    let job = options(&mut form, shell.zone, about.blank(args.unwrap_or_default()));
    if !form.is_refused() {
        let (doer, op, scope) = (actor.clone(), form.text("op").to_owned(), actor.scope.clone());
        match kit.db.run(move |conn| enqueue_from_form(conn, &doer, &op, job)).await {
            Ok(sent) => return respond::onward(&hx, &session, &paths::job(sent.job), &sent_notice(sent)),
            Err(JobError::Refused(refusals)) => refused(&mut form, &about.spec.params, &refusals),
            Err(JobError::OutOfScope(queue)) => {
                form.refuse("queue", format!("The queue {queue} is outside of what you may see. {}", allowed(&scope)))
            }
            Err(error) => return Err(error.into()),
        }
    }
    let page = kit.db.run(move |conn| NewPage::read(conn, &actor, shell, about, form)).await?;
    respond::refused(&hx, &page, &[("new", &page.as_whole_form())])
}

/// Offers whoever is limited a queue, or else a tag, that they may use, unless those of the template are.
fn within(scope: &Scope, defaults: &Defaults, form: Form) -> Form {
    if scope.covers(&defaults.queue, &defaults.tags) || !form.text("queue").is_empty() || !form.text("tags").is_empty()
    {
        return form;
    }
    match (scope.queues.first(), scope.tags.first()) {
        (Some(queue), _) => form.with("queue", queue.as_str()),
        (None, Some(tag)) => form.with("tags", [&defaults.tags[..], std::slice::from_ref(tag)].concat().join(" ")),
        (None, None) => form,
    }
}

/// Says what somebody who is limited may use.
fn allowed(scope: &Scope) -> String {
    let one_of = |what: &str, names: &[String]| {
        (!names.is_empty()).then(|| match names {
            [one] => format!("the {what} {one}"),
            _ => format!("one of the {what}s {}", names.join(", ")),
        })
    };
    let parts = [one_of("queue", &scope.queues), one_of("tag", &scope.tags)];
    format!("Choose {}", parts.into_iter().flatten().collect::<Vec<_>>().join(", or "))
}

/// Lists what is wrong with what was filled in. What is still empty is only missing.
fn wrong(trial: &Form) -> Vec<String> {
    let is_filled = |problem: &&Problem| !trial.text(&problem.field).trim().is_empty();
    let sentences = trial.problems().iter().filter(is_filled).map(|problem| format!("{}.", sentence(&problem.message)));
    sentences.fold(Vec::new(), |mut told, one| {
        if !told.contains(&one) {
            told.push(one);
        }
        told
    })
}

impl NewPage {
    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, about: About, form: Form) -> Result<Self, WebError> {
        let queues = catalog::queues(conn)?.into_iter().map(|queue| queue.name);
        let queues = queues.filter(|name| actor.scope.covers(name, &[])).collect();
        let page = Self::new(actor, shell, about, form);
        let joins = joins(conn, actor, (&page.about, &page.form), page.shell.zone)?;
        Ok(Self { queues, joins, ..page })
    }

    fn new(actor: &Actor, shell: Shell, about: About, form: Form) -> Self {
        let titled = |crumb: &str| shell.clone().titled(crumb, Section::Jobs).under("Jobs", paths::JOBS);
        let (title, shell) = match &about.old {
            Some(job) => {
                let is_retry = Act::Edit.is_allowed(job.state());
                let (verb, more) = if is_retry { ("Retry", "") } else { ("Run", " again") };
                let shell = titled(&format!("{verb}{more} with edits"));
                let shell = shell.under(format!("{} {}", job.template, job.id), paths::job(job.id));
                (format!("{verb} {}{more} with edits", about.template), shell)
            }
            None => (format!("Enqueue {}", about.template), titled("Enqueue")),
        };
        let form = form.with("version", about.version.to_string()); // counts unless one was chosen
        let mut trial = form.clone();
        let args = arguments(&about.spec.params, &mut trial, shell.zone, about.old_args());
        let sees_preview = service::sees_payload(actor);
        Self {
            controls: controls(&about.spec.params, &form, about.old_args()),
            sources: sources(&about.spec.params),
            options_open: has_problem(&form) || is_used(&form),
            zone_hint: moment::hint(shell.now, shell.zone),
            preview: args.filter(|_| sees_preview).map(|args| shown(preview(&about.spec, Some(args)).parts)),
            queues: Vec::new(),
            wrong: wrong(&trial),
            sees_preview,
            joins: Vec::new(),
            title,
            about,
            form,
            shell,
        }
    }

    fn priorities(&self) -> Vec<Choice> {
        let default = self.about.spec.defaults.priority;
        let words = ["1, highest", "2", "3", "4", "5, lowest"];
        let choice = |(number, word): (i16, &str)| {
            let word = if number == default { format!("{word} (of the template)") } else { word.to_owned() };
            Choice::new(number.to_string(), word)
        };
        (1..).zip(words).map(choice).collect()
    }

    fn when(&self) -> Vec<Choice> {
        vec![Choice::new("now", "Now"), Choice::new("at", "At a time"), Choice::new("after", "After a while")]
    }

    fn is_when(&self, value: &str) -> bool {
        let chosen = self.form.text("when");
        value == if chosen.is_empty() { "now" } else { chosen }
    }

    fn defaults(&self) -> &Defaults {
        &self.about.spec.defaults
    }

    fn timeout(&self) -> String {
        duration_ms(i64::try_from(self.defaults().timeout_ms).unwrap_or(i64::MAX))
    }

    fn is_source(&self, name: &str) -> bool {
        self.sources.iter().any(|source| source == name)
    }

    fn has_dependents(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Choices that script refreshes by itself; without it, a button does.
    fn has_refresh(&self) -> bool {
        self.has_dependents() || self.about.versions.len() > 1
    }

    fn back(&self) -> String {
        self.about.old.as_ref().map_or_else(|| paths::JOB_NEW.to_owned(), |job| paths::job(job.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::jobs::Detail;
    use crate::admin::jobs::sample::job;
    use crate::queue::enqueue::NewJob;
    use crate::queue::job::TemplateId;
    use crate::queue::permission::Role;
    use crate::queue::state::JobState;
    use crate::web::shell::sample::shell;

    fn about(old: Option<Detail>) -> About {
        let spec = json!({
            "description": "Packs a folder", "runner": "command",
            "command": { "argv": ["/bin/tar", "{{ params.out }}", "{{ params.key }}"] },
            "params": { "required": ["out"], "properties": {
                "out": { "type": "string", "title": "File" },
                "copies": { "type": "integer", "minimum": 1, "maximum": 5 },
                "note": { "type": "string", "format": "textarea" },
                "day": { "type": "string", "format": "date" },
                "at": { "type": "string", "format": "date-time" },
                "dry": { "type": "boolean" },
                "key": { "type": "string", "secret": true },
                "tags": { "type": "array", "items": { "type": "string" } },
                "country": { "type": "string", "enum": ["IT", "FR"] },
                "city": { "type": "string", "enum_by": { "param": "country", "choices": { "IT": ["Rome"], "FR": ["Paris"] } } },
                "raw": { "type": "object" },
            } },
        });
        About {
            template: "files.compress".into(),
            template_id: TemplateId(3),
            version: old.as_ref().map_or(2, |job| job.version),
            versions: Vec::new(),
            spec: serde_json::from_value(spec).expect("a template"),
            old,
        }
    }

    fn rendered(role: Role, about: About, form: Form) -> String {
        NewPage::new(&Actor { role, ..Actor::system("t") }, shell(), about, form).render().expect("rendered")
    }

    #[test]
    fn a_form_has_a_control_of_every_kind_and_a_preview_of_what_will_run() {
        let form = Form::default().with("args.out", "a <b>.tgz").with("args.key", "s3cret").with("args.country", "FR");

        let html = rendered(Role::Admin, about(None), form);

        for control in [
            "name=\"args.out\" type=\"text\"",
            "name=\"args.copies\" type=\"number\"",
            "<textarea class=\"in\" id=\"f-args.note\"",
            "type=\"date\"",
            "type=\"datetime-local\"",
            "name=\"args.dry\" value=\"false\"",
            "type=\"password\"",
            "<option value=\"Paris\"",
        ] {
            assert!(html.contains(control), "{control}");
        }
        assert!(html.contains("/bin/tar\na &#60;b&#62;.tgz\n••••"), "{html}");
        assert!(!html.contains("s3cret") && !html.contains(" style="));
    }

    #[test]
    fn a_refused_form_keeps_what_was_typed_and_opens_its_options() {
        let mut form = Form::default().with("args.copies", "12").with("priority", "9").with("queue", "mail");
        options(&mut form, shell().zone, NewJob::default());
        let args = arguments(&about(None).spec.params, &mut form, shell().zone, None);
        assert_eq!(args, None);

        let html = rendered(Role::Admin, about(None), form);

        assert!(html.contains("There are problems with 3 fields") && html.contains("value=\"12\""));
        assert!(html.contains("<details class=\"opts\" id=\"options\" open"));
        assert!(html.contains("Mend what is wrong to see what will run") && html.contains("<li>Copies"), "{html}");
        let empty = rendered(Role::Admin, about(None), Form::default());
        assert!(empty.contains("Fill in the required fields") && !empty.contains("Mend what is wrong"), "{empty}");
        assert!(empty.contains("<span>Enqueue job</span>"));
    }

    #[test]
    fn whoever_is_limited_is_offered_what_they_may_use() {
        let scope = |queues: &[&str], tags: &[&str]| Scope {
            queues: queues.iter().map(ToString::to_string).collect(),
            tags: tags.iter().map(ToString::to_string).collect(),
        };
        let defaults = Defaults { tags: vec!["eu".into()], ..Defaults::default() };
        let offered = |scope: Scope| {
            let form = within(&scope, &defaults, Form::default());
            (form.text("queue").to_owned(), form.text("tags").to_owned())
        };

        assert_eq!(offered(scope(&["mail", "imports"], &[])), ("mail".into(), String::new()));
        assert_eq!(offered(scope(&[], &["vip"])), (String::new(), "eu vip".into()));
        for covered in [Scope::default(), scope(&["default"], &[]), scope(&["mail"], &["eu"])] {
            assert_eq!(offered(covered), Default::default());
        }
        let typed = within(&scope(&["mail"], &[]), &defaults, Form::default().with("queue", "other"));
        assert_eq!(typed.text("queue"), "other");

        assert_eq!(allowed(&scope(&["mail"], &[])), "Choose the queue mail");
        assert_eq!(allowed(&scope(&["mail", "b"], &["vip"])), "Choose one of the queues mail, b, or the tag vip");
    }

    #[test]
    fn an_edited_job_keeps_its_secret_unseen() {
        let old = Detail { args: json!({ "out": "x.tgz", "key": "s3cret" }), ..job(JobState::Failed) };
        let about = about(Some(old.clone()));
        let form = present(&about, &old, shell().zone);

        let html = rendered(Role::Admin, about, form);

        assert!(html.contains("action=\"/jobs/48213907/edit\"") && html.contains("value=\"x.tgz\""));
        assert!(html.contains("Leave empty to keep") && !html.contains("s3cret"));
        assert!(
            html.contains("<span>Run as new job</span>")
                && html.contains("aria-current=\"page\" class=\"tr\">Retry with edits"),
            "{html}"
        );
    }
}
