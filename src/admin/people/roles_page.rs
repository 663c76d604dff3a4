//! `GET /roles`: what each role may do, from the same table that decides.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::page::{purpose, tabs};
use crate::queue::permission::{Permission, Role};
use crate::web::error::WebError;
use crate::web::kit::Kit;
use crate::web::parts::Tab;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::shell::{Shell, role_word};
use crate::web::table::{Access, Route};
use crate::web::{paths, respond};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get(paths::ROLES, Access::Needs(Permission::ManagePeople), show)]
}

/// One permission with the roles that hold it.
struct Row {
    act: &'static str,
    /// What a token needs for it; empty where no program can do it.
    scope: String,
    held: Vec<bool>,
}

#[derive(Template)]
#[template(path = "people/roles.html")]
struct RolesPage {
    shell: Shell,
    tabs: Vec<Tab>,
    roles: Vec<(&'static str, &'static str)>,
    rows: Vec<Row>,
}

async fn show(hx: Hx, kit: Data<Kit>, shell: Shell) -> Result<HttpResponse, WebError> {
    let shell = shell.titled("Roles", Section::People).under("People", paths::PEOPLE);
    let roles = Role::ALL.map(|role| (role_word(role), purpose(role))).into();
    let areas = kit.table.areas();
    let rows = Permission::ALL.map(|permission| row(permission, &areas)).into();
    respond::page(&hx, &RolesPage { shell, tabs: tabs(paths::ROLES), roles, rows }, &[])
}

fn row(permission: Permission, areas: &BTreeMap<&str, bool>) -> Row {
    let usable = areas.contains_key(permission.token_scope().0);
    Row {
        act: words(permission),
        scope: if usable { permission.scope_text() } else { String::new() },
        held: Role::ALL.map(|role| permission.held_by(role)).into(),
    }
}

/// Says what a permission allows.
fn words(permission: Permission) -> &'static str {
    match permission {
        Permission::ReadJobs => "See job lists, jobs and charts",
        Permission::ReadCounts => "See how many jobs there are in which state",
        Permission::ReadQueues => "See queues",
        Permission::ReadNodes => "See nodes",
        Permission::ReadPools => "See pools and who reserves of them",
        Permission::ReadFailures => "See failure groups",
        Permission::HandleFailures => "Mute, handle and assign failure groups, write notes about them",
        Permission::ReadPayloads => "See arguments, logs and output; marked values stay masked",
        Permission::Enqueue => "Enqueue an active template",
        Permission::RepairJobs => "Retry, cancel, hold, release and reschedule jobs, change their priority",
        Permission::RunQueues => "Pause and resume queues, change their weight",
        Permission::RunNodes => "Drain and resume nodes",
        Permission::BoundNodes => "Set how many slots a node may have",
        Permission::ReadOperations => "See bulk operations",
        Permission::RunOperations => "Act on up to 1,000 jobs at once",
        Permission::RunLargeOperations => "Act on more than 1,000 jobs at once",
        Permission::ExportJobs => "Export what a filter finds",
        Permission::RunPools => "Make, change and remove pools",
        Permission::ReadSchedules => "See schedules, what they did and what they will do",
        Permission::EditSchedules => "Make, change, pause, run and backfill schedules",
        Permission::ReadCalendars => "See calendars and who minds them",
        Permission::EditCalendars => "Make, change and remove calendars",
        Permission::ReadTemplates => "See templates and their versions",
        Permission::DraftTemplates => "Write draft templates and new versions",
        Permission::PublishTemplates => "Publish, roll back and archive templates, with a fresh sign-in",
        Permission::ManagePeople => "Add, change and disable people, with a fresh sign-in",
        Permission::OwnAccount => "Change one's own account, make and revoke one's own tokens",
        Permission::ReadViews => "See saved views of one's own and those shown to one",
        Permission::KeepViews => "Save, change, pin and delete one's own views",
        Permission::ShareViews => "Show one's saved views to others",
        Permission::ReadAudit => "See what everybody changed",
        Permission::ReadHealth => "Read the metrics at /metrics from other machines",
    }
}
