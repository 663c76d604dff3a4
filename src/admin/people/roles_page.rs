//! `GET /roles`: what each role may do, from the same table that decides.

use actix_web::HttpResponse;
use askama::Template;

use super::page::{purpose, tabs};
use crate::queue::permission::{Permission, Role};
use crate::web::error::WebError;
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

async fn show(hx: Hx, shell: Shell) -> Result<HttpResponse, WebError> {
    let shell = shell.titled("Roles", Section::People).under("People", paths::PEOPLE);
    let roles = Role::ALL.map(|role| (role_word(role), purpose(role))).into();
    let rows = Permission::ALL.map(row).into();
    respond::page(&hx, &RolesPage { shell, tabs: tabs(paths::ROLES), roles, rows }, &[])
}

fn row(permission: Permission) -> Row {
    let (area, writes) = permission.token_scope();
    Row {
        act: words(permission),
        scope: format!("{area}:{}", if writes { "write" } else { "read" }),
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
        Permission::ReadPayloads => "See arguments, logs and output; marked values stay masked",
        Permission::Enqueue => "Enqueue an active template",
        Permission::RepairJobs => "Retry, cancel, hold, release, reschedule jobs",
        Permission::RunQueues => "Pause, resume and limit queues",
        Permission::RunNodes => "Drain nodes",
        Permission::ReadTemplates => "See templates and their versions",
        Permission::DraftTemplates => "Write draft templates and new versions",
        Permission::PublishTemplates => "Publish, roll back and archive templates, with a fresh sign-in",
        Permission::ManagePeople => "Add, change and disable people, with a fresh sign-in",
        Permission::OwnAccount => "Change one's own account, make and revoke one's own tokens",
        Permission::ReadAudit => "Read the whole audit trail",
        Permission::ReadHealth => "See database health, settings and metrics",
    }
}
