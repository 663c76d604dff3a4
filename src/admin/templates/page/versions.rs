//! `GET /templates/{name}?tab=versions`: who changed what, when and why.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::show::{Head, Section};
use super::{Unread, find, titled_under};
use crate::admin::templates::{Authors, TemplateRow, VersionRow, versions};
use crate::base::db::{DbError, PgConnection};
use crate::queue::actor::Actor;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::format::Stamp;
use crate::web::kit::Kit;
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

/// Versions of a page.
const ROWS_MAX: i32 = 50;

#[derive(Template)]
#[template(path = "templates/versions.html")]
pub(super) struct VersionsPage {
    pub shell: Shell,
    pub head: Head,
    pub rows: Vec<VersionLine>,
    /// Where the ticked pair is compared.
    pub compare: String,
    /// The pair that is ticked at first; absent while there is only one version.
    pub pair: Option<(i32, i32)>,
    pub older: Option<String>,
}

impl VersionsPage {
    /// Tells whether `version` is ticked at first as the one to compare from.
    fn is_from(&self, version: &i32) -> bool {
        self.pair.is_some_and(|(from, _)| from == *version)
    }

    /// Tells whether `version` is ticked at first as the one to compare with.
    fn is_to(&self, version: &i32) -> bool {
        self.pair.is_some_and(|(_, to)| to == *version)
    }
}

/// One version of the history.
pub(super) struct VersionLine {
    pub version: i32,
    pub href: String,
    pub message: String,
    pub author: String,
    pub saved: Stamp,
    /// When and by whom it was first published; absent = never.
    pub published: Option<(Stamp, String)>,
    pub active: bool,
}

/// Finds what those are called who wrote and published these versions.
pub(super) fn authors(conn: &mut PgConnection, versions: &[VersionRow]) -> Result<Authors, DbError> {
    let names = versions.iter().flat_map(|one| [Some(one.author.as_str()), one.published_by.as_deref()]);
    Authors::read(conn, names.flatten())
}

/// Describes a version of `row`.
pub(super) fn line(row: &TemplateRow, version: &VersionRow, authors: &Authors, shell: &Shell) -> VersionLine {
    let by = version.published_by.as_deref().map(|by| authors.called(by)).unwrap_or_default();
    VersionLine {
        version: version.version,
        href: paths::template_version(&row.name, version.version),
        message: version.message.clone().unwrap_or_default(),
        author: authors.called(&version.author),
        saved: shell.stamp(version.created_at),
        published: version.published_at.map(|at| (shell.stamp(at), by)),
        active: row.active_version == Some(version.version),
    }
}

pub(super) async fn versions_page(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (name, query): (String, Query),
) -> Result<HttpResponse, WebError> {
    let before = query.0.text("after").parse().ok();
    let page = kit.db.run(move |conn| page(conn, &actor, shell, (&name, before))).await?;
    respond::page(&hx, &page, &[])
}

fn page(
    conn: &mut PgConnection,
    actor: &Actor,
    shell: Shell,
    (name, before): (&str, Option<i32>),
) -> Result<VersionsPage, Unread> {
    let row = find(conn, actor, name)?;
    let mut found = versions(conn, row.id, before, ROWS_MAX + 1)?;
    let more = found.len() > ROWS_MAX as usize;
    found.truncate(ROWS_MAX as usize);
    let older = found.last().filter(|_| more).map(|last| {
        let pairs = [("tab", "versions"), ("after", &last.version.to_string())];
        paths::with_query(&paths::template(&row.name), &pairs)
    });
    let authors = authors(conn, &found)?;
    let shell = titled_under(shell, "Versions", &row.name);
    Ok(VersionsPage {
        head: Head::of(&row, actor, Section::Versions),
        compare: paths::template_diff(&row.name),
        pair: pair(&row, &found),
        rows: found.iter().map(|version| line(&row, version, &authors, &shell)).collect(),
        older,
        shell,
    })
}

/// The active version with the newest one, or the two newest.
fn pair(row: &TemplateRow, found: &[VersionRow]) -> Option<(i32, i32)> {
    let to = found.first().map_or(row.latest_version, |version| version.version);
    let active = row.active_version.filter(|active| *active < to);
    (row.latest_version > 1).then_some((active.unwrap_or((to - 1).max(1)), to))
}

#[cfg(test)]
pub(super) mod sample {
    use super::*;
    use crate::admin::templates::TemplateState;
    use crate::admin::templates::page::show::sample::head;
    use crate::web::shell::sample::shell;

    /// A history of two versions, the newer one a draft.
    pub fn versions() -> VersionsPage {
        let line = |version, published: bool| VersionLine {
            version,
            href: paths::template_version("mail.send", version),
            message: "why <b>".into(),
            author: "giulia@example.org".into(),
            saved: shell().as_of(),
            published: published.then(|| (shell().as_of(), "ada@example.org".into())),
            active: version == 7,
        };
        VersionsPage {
            shell: titled_under(shell(), "Versions", "mail.send"),
            head: head(TemplateState::Active),
            rows: vec![line(8, false), line(7, true)],
            compare: paths::template_diff("mail.send"),
            pair: Some((7, 8)),
            older: Some("/templates/mail.send?tab=versions&after=7".into()),
        }
    }
}
