//! `GET /queues` and its stream.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::row::Row;
use super::told;
use crate::admin::queues::service::{self, QueueError};
use crate::admin::queues::{Course, QueueRow, courses};
use crate::base::db::PgConnection;
use crate::queue::access::session::SignedIn;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::format::grouped;
use crate::web::kit::Kit;
use crate::web::live::{self, Frame, LiveError, Panel, Show};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond::{self, Part};
use crate::web::shell::Shell;

/// Time between two renderings.
const EVERY: Duration = Duration::from_secs(2);

/// The page.
#[derive(Template)]
#[template(path = "queues/index.html", blocks = ["facts", "rows"])]
pub struct ListPage {
    pub shell: Shell,
    pub facts_line: String,
    pub queues: Vec<Row>,
    /// The viewer sees only some queues.
    pub limited: bool,
}

/// `GET /queues`: every queue in scope as it stands.
pub async fn show(hx: Hx, kit: Data<Kit>, actor: Actor, shell: Shell) -> Result<HttpResponse, WebError> {
    let page = kit.db.run(move |conn| ListPage::read(conn, &actor, shell)).await.map_err(told)?;
    respond::page(&hx, &page, &[])
}

/// `GET /live/queues`: the same, every two seconds.
pub async fn stream(
    request: HttpRequest,
    viewer: SignedIn,
    kit: Data<Kit>,
    shell: Shell,
) -> Result<HttpResponse, WebError> {
    let (actor, clock, shell) = (viewer.actor.clone(), Arc::clone(&kit.clock), shell.shared());
    let render = move |conn: &mut PgConnection, _: u64| {
        frame(&ListPage::read(conn, &actor, Shell { now: clock.now(), ..shell.clone() }).map_err(ended)?)
    };
    live::open(&request, &viewer, Show { page: "queues", every: EVERY, render: Arc::new(render) }).await
}

/// What a refusal means for a stream: a failure of the database passes, everything else ends it.
pub fn ended(error: QueueError) -> LiveError {
    match error {
        QueueError::Db(error) => error.into(),
        other => LiveError::Ended(other.to_string()),
    }
}

fn frame(page: &ListPage) -> Result<Frame, LiveError> {
    let panels = vec![
        Panel { id: "panel-facts".into(), html: page.as_facts().render()? },
        Panel { id: "panel-rows".into(), html: page.as_rows().render()? },
    ];
    Ok(Frame { panels, tail: None })
}

impl ListPage {
    /// Reads the page.
    ///
    /// # Errors
    /// As [`service::list`].
    pub fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell) -> Result<Self, QueueError> {
        let queues = service::list(conn, actor)?;
        let courses = courses(conn, &actor.scope, None)?;
        Ok(Self::new(actor, shell, &queues, courses))
    }

    fn new(actor: &Actor, shell: Shell, queues: &[QueueRow], courses: Vec<Course>) -> Self {
        let courses: HashMap<String, Course> = courses.into_iter().map(|one| (one.name.clone(), one)).collect();
        let (none, may_run) = (Course::default(), actor.may(Permission::RunQueues));
        let row = |queue: &QueueRow| Row::new(queue, courses.get(&queue.name).unwrap_or(&none), &shell, may_run);
        Self {
            facts_line: facts(queues),
            queues: queues.iter().map(row).collect(),
            limited: !actor.scope.is_everything(),
            shell: shell.titled("Queues", Section::Queues).under("Operate", paths::DASHBOARD).streaming("queues"),
        }
    }

    /// Gives the parts that an act on a row may have changed.
    pub fn answer(
        &self,
        hx: &Hx,
        session: &actix_session::Session,
        notice: &crate::web::parts::Notice,
    ) -> Result<HttpResponse, WebError> {
        let (facts, rows) = (self.as_facts(), self.as_rows());
        let parts = [Part { id: "panel-facts", inside: &facts }, Part { id: "panel-rows", inside: &rows }];
        respond::done(hx, session, paths::QUEUES, notice, &parts)
    }
}

/// The line below the title.
fn facts(queues: &[QueueRow]) -> String {
    let sum = |of: fn(&QueueRow) -> i64| grouped(queues.iter().map(of).sum::<i64>().unsigned_abs());
    let paused = queues.iter().filter(|queue| queue.paused().is_some()).count();
    let named = if queues.len() == 1 { "1 queue".to_owned() } else { format!("{} queues", queues.len()) };
    let paused = if paused == 0 { String::new() } else { format!(" · {paused} paused") };
    format!("{named}{paused} · {} ready · {} running", sum(|queue| queue.jobs.ready), sum(|queue| queue.jobs.running))
}

#[cfg(test)]
pub mod sample {
    use super::*;
    use crate::queue::permission::Role;
    use crate::web::shell::sample::shell;

    /// A list as somebody with `role` sees it.
    pub fn list(role: Role, queues: &[QueueRow]) -> ListPage {
        let actor = Actor { role, ..Actor::system("test") };
        let course = Course {
            name: "mail".into(),
            failed: 1_204_000,
            minutes: vec![3, 59],
            succeeded: vec![500, 512],
            attempts_failed: vec![0, 55],
            enqueued: vec![0, 0],
        };
        ListPage::new(&actor, shell(), queues, vec![course])
    }
}
