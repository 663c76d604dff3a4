//! `GET /queues` and its stream.

use std::collections::HashMap;
use std::time::Duration;

use askama::Template;

use super::row::Row;
use crate::admin::queues::service::{self, QueueError};
use crate::admin::queues::{Course, QueueRow, courses};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::format::grouped;
use crate::web::live::{ActedOn, Address, LivePage, Panel, panels};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::Shell;

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

/// `GET /queues`, and every two seconds `GET /live/queues`.
impl LivePage for ListPage {
    const NAME: &'static str = "queues";
    const EVERY: Duration = Duration::from_secs(2);
    type Asked = ();
    type Refused = QueueError;

    fn asked(_: &Address) -> Result<(), WebError> {
        Ok(())
    }

    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, _: &()) -> Result<Self, QueueError> {
        let queues = service::list(conn, actor)?;
        let courses = courses(conn, &actor.scope, None)?;
        Ok(Self::new(actor, shell, &queues, courses))
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        panels(&[("panel-facts", &self.as_facts()), ("panel-rows", &self.as_rows())])
    }
}

impl ActedOn for ListPage {}

impl ListPage {
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
            came: vec![0, 0],
            went: vec![0, 0],
        };
        ListPage::new(&actor, shell(), queues, vec![course])
    }
}
