//! `GET /templates/{name}/diff?from=&to=&view=`: two versions, one under the other or side by side.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use super::show::{Head, Section};
use super::{Unread, find, find_one, text_of, titled_under};
use crate::admin::templates::{Authors, TemplateRow};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::format::Stamp;
use crate::web::kit::Kit;
use crate::web::parts::{Change, DiffRow, Tab};
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

#[derive(Template)]
#[template(path = "templates/diff.html")]
pub(super) struct DiffPage {
    pub shell: Shell,
    pub head: Head,
    pub from: Side,
    pub to: Side,
    pub views: Vec<Tab>,
    pub difference: Difference,
    pub swap: String,
    pub publish: Option<String>,
    pub roll_back: Option<(i32, String)>,
}

/// One of the two versions.
pub(super) struct Side {
    pub version: i32,
    pub href: String,
    pub author: String,
    pub message: String,
    pub saved: Stamp,
}

/// What differs.
pub(super) struct Difference {
    /// One under the other.
    pub rows: Vec<DiffRow>,
    /// Side by side; empty unless asked for.
    pub pairs: Vec<Pair>,
    /// Lines that were removed and added.
    pub changed: (usize, usize),
}

/// A line of each text; absent where the other has one more.
pub(super) struct Pair {
    pub left: Option<DiffRow>,
    pub right: Option<DiffRow>,
}

impl Difference {
    /// Compares two texts.
    pub fn of(old: &str, new: &str, split: bool) -> Self {
        let rows = crate::web::diff::rows(old, new);
        let count = |change| rows.iter().filter(|row| row.change == change).count();
        let changed = (count(Change::Removed), count(Change::Added));
        Self { pairs: if split { pairs(&rows) } else { Vec::new() }, rows, changed }
    }

    /// Tells whether the texts are the same.
    pub fn is_empty(&self) -> bool {
        self.changed == (0, 0)
    }

    /// Says how much differs.
    pub fn words(&self) -> String {
        match self.changed {
            (0, 0) => "no line differs".into(),
            (removed, added) => format!("{removed} removed, {added} added"),
        }
    }
}

/// Puts a run of removed lines beside the run of added lines that follows it.
fn pairs(rows: &[DiffRow]) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = Vec::new();
    let mut open = 0; // removed lines that still have no partner: the last ones of `pairs`
    for row in rows {
        match row.change {
            Change::Kept => {
                open = 0;
                pairs.push(Pair { left: Some(row.clone()), right: Some(row.clone()) });
            }
            Change::Removed => {
                open += 1;
                pairs.push(Pair { left: Some(row.clone()), right: None });
            }
            Change::Added if open > 0 => {
                let at = pairs.len() - open;
                pairs[at].right = Some(row.clone());
                open -= 1;
            }
            Change::Added => pairs.push(Pair { left: None, right: Some(row.clone()) }),
        }
    }
    pairs
}

/// `GET /templates/{name}/diff`. Without numbers: what is active against the latest, else the two latest.
pub async fn show(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (name, query): (Path<String>, Query),
) -> Result<HttpResponse, WebError> {
    let page = kit.db.run(move |conn| page(conn, &actor, shell, (&name, &query))).await?;
    respond::page(&hx, &page, &[])
}

fn page(
    conn: &mut PgConnection,
    actor: &Actor,
    shell: Shell,
    (name, query): (&str, &Query),
) -> Result<DiffPage, Unread> {
    let row = find(conn, actor, name)?;
    let (from, to) = numbers(&row, query)?;
    let (old, new) = (find_one(conn, &row, from)?, find_one(conn, &row, to)?);
    let authors = Authors::read(conn, [old.author.as_str(), new.author.as_str()])?;
    let split = query.0.text("view") == "split";
    let shell = titled_under(shell, &format!("v{from} → v{to}"), name);
    let side = |version: &crate::admin::templates::VersionRow| Side {
        version: version.version,
        href: paths::template_version(name, version.version),
        author: authors.called(&version.author),
        message: version.message.clone().unwrap_or_default(),
        saved: shell.stamp(version.created_at),
    };
    let (from_side, to_side) = (side(&old), side(&new));
    let publishes =
        row.state() != crate::admin::templates::TemplateState::Archived && actor.may(Permission::PublishTemplates);
    let older = if row.active_version == Some(to) { from } else { to };
    let goes_back = older < row.shown_version() && row.active_version.is_some();
    Ok(DiffPage {
        head: Head::of(&row, actor, Section::Elsewhere),
        views: views(name, (from, to), split),
        difference: Difference::of(&text_of(name, &old), &text_of(name, &new), split),
        swap: address(name, (to, from), split),
        publish: (publishes && to > row.active_version.unwrap_or(0)).then(|| one(&paths::template_publish(name), to)),
        roll_back: (publishes && goes_back).then(|| (older, one(&paths::template_rollback(name), older))),
        from: from_side,
        to: to_side,
        shell,
    })
}

fn one(path: &str, version: i32) -> String {
    paths::with_query(path, &[("version", &version.to_string())])
}

fn numbers(row: &TemplateRow, query: &Query) -> Result<(i32, i32), Unread> {
    let number = |name: &str| match query.0.text(name) {
        "" => Ok(None),
        text => text.trim_start_matches('v').parse::<i32>().map(Some).map_err(|_| Unread::NotThere),
    };
    let to = number("to")?.unwrap_or(row.latest_version);
    let usual = row.active_version.filter(|active| *active < to).unwrap_or((to - 1).max(1));
    Ok((number("from")?.unwrap_or(usual), to))
}

fn address(name: &str, (from, to): (i32, i32), split: bool) -> String {
    let (from, to) = (from.to_string(), to.to_string());
    let view = if split { "split" } else { "" };
    paths::with_query(&paths::template_diff(name), &[("from", &from), ("to", &to), ("view", view)])
}

fn views(name: &str, pair: (i32, i32), split: bool) -> Vec<Tab> {
    vec![
        Tab::new("Unified", address(name, pair, false), !split),
        Tab::new("Side by side", address(name, pair, true), split),
    ]
}

#[cfg(test)]
pub(super) mod sample {
    use super::*;
    use crate::admin::templates::TemplateState;
    use crate::admin::templates::page::show::sample::head;
    use crate::web::shell::sample::shell;

    /// A difference of some lines.
    pub fn diff(split: bool) -> DiffPage {
        let side = |version| Side {
            version,
            href: paths::template_version("mail.send", version),
            author: "giulia@example.org".into(),
            message: "why <b>".into(),
            saved: shell().as_of(),
        };
        DiffPage {
            shell: titled_under(shell(), "v7 → v8", "mail.send"),
            head: head(TemplateState::Active),
            from: side(7),
            to: side(8),
            views: views("mail.send", (7, 8), split),
            difference: Difference::of("a: 1\nb: <b>\nc: 3\n", "a: 1\nb: 2\nb2: 2\nd: 4\n", split),
            swap: address("mail.send", (8, 7), split),
            publish: Some("/p".into()),
            roll_back: Some((7, "/r".into())),
        }
    }

    #[test]
    fn removed_and_added_lines_stand_beside_each_other() {
        let shown: Vec<_> = diff(true)
            .difference
            .pairs
            .iter()
            .map(|pair| {
                let text = |row: &Option<DiffRow>| row.as_ref().map_or("·".to_owned(), |row| row.text.clone());
                format!("{} | {}", text(&pair.left), text(&pair.right))
            })
            .collect();

        assert_eq!(shown, ["a: 1 | a: 1", "b: <b> | b: 2", "c: 3 | b2: 2", "· | d: 4"]);
        assert_eq!(diff(false).difference.words(), "2 removed, 3 added");
    }
}
