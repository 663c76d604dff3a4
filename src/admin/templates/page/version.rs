//! `GET /templates/{name}/v/{version}`: one version as it was saved.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use super::show::{Head, Says, Section, diff};
use super::versions::{VersionLine, authors, line};
use super::{Unread, find, find_one, text_of, titled_under};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::ansi::visible;
use crate::web::error::WebError;
use crate::web::kit::Kit;
use crate::web::paths;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;

#[derive(Template)]
#[template(path = "templates/version.html")]
pub(super) struct VersionPage {
    pub shell: Shell,
    pub head: Head,
    pub line: VersionLine,
    pub latest: i32,
    pub says: Result<Says, String>,
    pub yaml: String,
    pub file: String,
    /// The difference to the active version (or the one before), with the word for it.
    pub compare: Option<(String, String)>,
    pub publish: Option<String>,
    pub roll_back: Option<String>,
    /// Opens the editor with this version's content.
    pub edit: Option<String>,
}

impl VersionPage {
    /// The file for reading; what is copied and downloaded stays as it is.
    fn yaml_shown(&self) -> String {
        visible(&self.yaml)
    }
}

/// `GET /templates/{name}/v/{version}`.
pub async fn show(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    path: Path<(String, i32)>,
) -> Result<HttpResponse, WebError> {
    let page = kit.db.run(move |conn| page(conn, &actor, shell, &path)).await?;
    respond::page(&hx, &page, &[])
}

fn page(
    conn: &mut PgConnection,
    actor: &Actor,
    shell: Shell,
    (name, number): &(String, i32),
) -> Result<VersionPage, Unread> {
    let row = find(conn, actor, name)?;
    let version = find_one(conn, &row, *number)?;
    let head = Head::of(&row, actor, Section::Elsewhere);
    let asked = [("version", number.to_string())];
    let with_version =
        |path: String| paths::with_query(&path, &asked.each_ref().map(|(key, value)| (*key, value.as_str())));
    let publishes = !head.archived && actor.may(Permission::PublishTemplates);
    let active = row.active_version == Some(*number);
    let old = version.published_at.is_some() && !active;
    let other = row.active_version.filter(|active| active != number).or((*number > 1).then_some(number - 1));
    let authors = authors(conn, std::slice::from_ref(&version))?;
    let shell = titled_under(shell, &format!("v{number}"), name);
    Ok(VersionPage {
        line: line(&row, &version, &authors, &shell),
        latest: row.latest_version,
        says: Says::of(&version),
        yaml: text_of(name, &version),
        file: with_version(paths::template_file(name)),
        compare: other
            .map(|other| (diff(name, other.min(*number), other.max(*number)), format!("Compare with v{other}"))),
        publish: (publishes && !active && !old).then(|| with_version(paths::template_publish(name))),
        roll_back: (publishes && old).then(|| with_version(paths::template_rollback(name))),
        edit: head.edit.as_ref().map(|edit| paths::with_query(edit, &[("from", &number.to_string())])),
        head,
        shell,
    })
}

#[cfg(test)]
pub(super) mod sample {
    use super::*;
    use crate::admin::templates::TemplateState;
    use crate::admin::templates::page::show::sample;
    use crate::admin::templates::page::versions::sample::versions;
    use crate::web::shell::sample::shell;

    /// The page of a version that says `spec`.
    pub fn version(spec: serde_json::Value) -> VersionPage {
        let row = sample::version(7, spec);
        VersionPage {
            shell: titled_under(shell(), "v7", "mail.send"),
            head: sample::head(TemplateState::Active),
            line: versions().rows.remove(1),
            latest: 8,
            says: Says::of(&row),
            yaml: text_of("mail.send", &row),
            file: paths::template_file("mail.send"),
            compare: Some((diff("mail.send", 7, 8), "Compare with v8".into())),
            publish: Some("/p".into()),
            roll_back: Some("/r".into()),
            edit: Some("/e".into()),
        }
    }
}
