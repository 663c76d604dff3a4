//! `GET /operations` and its stream.

use std::time::Duration;

use askama::Template;

use super::view::View;
use crate::admin::operations::service::{self, OperationError};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::live::{Address, LivePage, Panel, panels};
use crate::web::parts::Tab;
use crate::web::paths;
use crate::web::rail::{Section, job_tabs};
use crate::web::shell::Shell;

/// The page.
#[derive(Template)]
#[template(path = "operations/index.html", blocks = ["rows"])]
pub struct ListPage {
    pub shell: Shell,
    pub tabs: Vec<Tab>,
    pub rows: Vec<View>,
    /// Where the list goes on; empty at its end.
    pub more: String,
    pub is_later: bool,
}

/// `GET /operations`: newest first, behind `after=`; and every two seconds `GET /live/operations`.
impl LivePage for ListPage {
    const NAME: &'static str = "operations";
    const EVERY: Duration = Duration::from_secs(2);
    const OF_ONE_PERSON: bool = true; // whose an operation is decides who sees it, its filter and its file
    type Asked = Option<i64>;
    type Refused = OperationError;

    fn asked(address: &Address) -> Result<Option<i64>, WebError> {
        Ok(address.text("after").parse().ok())
    }

    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, after: &Option<i64>) -> Result<Self, OperationError> {
        let (operations, next) = service::list(conn, actor, *after)?;
        let rows = operations.iter().map(|operation| View::new(operation, actor, &shell)).collect();
        Ok(Self::new(shell, rows, (*after, next)))
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        panels(&[("panel-rows", &self.as_rows())])
    }
}

impl ListPage {
    pub(super) fn new(shell: Shell, rows: Vec<View>, (after, next): (Option<i64>, Option<i64>)) -> Self {
        let behind = after.map(|after| after.to_string()).unwrap_or_default();
        let live = paths::with_query(&paths::live("operations"), &[("after", &behind)]);
        let more = next.map(|next| paths::with_query(paths::OPERATIONS, &[("after", &next.to_string())]));
        let shell = shell.titled("Operations", Section::Jobs).under("Jobs", paths::JOBS);
        Self {
            shell: Shell { live, ..shell },
            tabs: job_tabs(paths::OPERATIONS),
            rows,
            more: more.unwrap_or_default(),
            is_later: after.is_some(),
        }
    }
}
