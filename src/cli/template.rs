//! `millrace template …`: templates as files, and their life cycle.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use super::answer::columns;
use super::{Answer, Failure, Globals, Session};
use crate::admin::templates::acts::{Act, Acted, act};
use crate::admin::templates::file::{Placed, read_all};
use crate::admin::templates::json as view;
use crate::admin::templates::service::{Applied, Publication, apply};
use crate::admin::templates::text::{document_of, text_of};
use crate::admin::templates::{
    self as templates, TEMPLATES_MAX, TemplateFilter, TemplateRow, TemplateState, VersionRow, search,
};
use crate::base::changes::{changes, unified};
use crate::base::db::PgConnection;
use crate::base::document::DOCUMENTS_BYTES_MAX;
use crate::queue::template::{RunnerKind, template_schema};

/// Commands about templates.
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Saves every template of a file as a new version and publishes it; all or none
    Apply {
        /// YAML or JSON, one or several documents; - reads stdin
        file: PathBuf,
        /// What changed and why
        #[arg(long, short)]
        message: Option<String>,
        /// Leaves drafts, publishes nothing
        #[arg(long)]
        draft: bool,
    },
    /// Lists templates
    List {
        /// Part of a name or description
        text: Option<String>,
        /// draft, active, deprecated or archived
        #[arg(long, value_parser = state)]
        state: Option<TemplateState>,
        /// command, http, sql or handler
        #[arg(long, value_parser = runner)]
        runner: Option<RunnerKind>,
    },
    /// Prints what a version says, as YAML
    Show {
        /// Its name, with @ and a number for another version than the active one
        #[arg(value_name = "NAME[@VERSION]", value_parser = named)]
        template: Named,
    },
    /// Compares two versions
    Diff {
        /// Its name
        name: String,
        /// The older version
        from: i32,
        /// The newer version
        to: i32,
    },
    /// Makes a version the active one
    Publish {
        /// Its name, with @ and a number for another version than the latest
        #[arg(value_name = "NAME[@VERSION]", value_parser = named)]
        template: Named,
    },
    /// Makes and publishes a new version with the content of an old one
    Rollback {
        /// Its name
        name: String,
        /// The version to go back to
        version: i32,
    },
    /// Takes a template out of use; jobs that exist still run
    Archive {
        /// Its name
        name: String,
        /// Why; recorded with your name
        #[arg(long)]
        reason: Option<String>,
    },
    /// Prints templates as a file that `apply` takes; all but the archived ones unless named
    Export {
        /// Names
        names: Vec<String>,
    },
    /// Prints the JSON Schema of a template's document
    Schema,
}

/// A template, or one of its versions: `files.compress`, `files.compress@7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    name: String,
    version: Option<i32>,
}

fn named(text: &str) -> Result<Named, String> {
    match text.split_once('@') {
        None => Ok(Named { name: text.into(), version: None }),
        Some((name, number)) => match number.parse::<i32>() {
            Ok(version) if version > 0 => Ok(Named { name: name.into(), version: Some(version) }),
            _ => Err(format!("{number:?} is no number of a version")),
        },
    }
}

fn state(text: &str) -> Result<TemplateState, String> {
    TemplateState::parse(text).ok_or_else(|| "it is draft, active, deprecated or archived".into())
}

fn runner(text: &str) -> Result<RunnerKind, String> {
    let found = RunnerKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| "it is command, http, sql or handler".into())
}

pub(super) fn run(globals: &Globals, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::Schema => {
            let schema = template_schema();
            Ok(Answer::new(format!("{schema:#}"), schema))
        }
        Command::Apply { file, message, draft } => {
            let publication = if draft { Publication::Never } else { Publication::WhenAllowed };
            apply_file(globals, &file, (message.as_deref().unwrap_or_default(), publication))
        }
        other => {
            let session = Session::open(globals)?;
            let conn = &mut *session.connect()?;
            with_database(&session, conn, other)
        }
    }
}

fn with_database(session: &Session, conn: &mut PgConnection, command: Command) -> Result<Answer, Failure> {
    match command {
        Command::List { text, state, runner } => list(conn, &TemplateFilter { text, runner, state }),
        Command::Show { template } => show(conn, &template),
        Command::Diff { name, from, to } => diff(conn, &name, (from, to)),
        Command::Publish { template } => {
            acted(session, conn, &template.name, &Act::Publish(template.version), |acted| {
                let version = acted.version.unwrap_or_default();
                if acted.unchanged { format!("v{version} was active already") } else { format!("v{version} is active") }
            })
        }
        Command::Rollback { name, version } => acted(session, conn, &name, &Act::RollBack(version), |acted| {
            format!("v{} has the content of v{version} and is active", acted.version.unwrap_or_default())
        }),
        Command::Archive { name, reason } => {
            acted(session, conn, &name, &Act::Archive(reason.unwrap_or_default()), |_| "archived".into())
        }
        Command::Export { names } => export(conn, &names),
        Command::Apply { .. } | Command::Schema => Err(Failure::usage("this command needs no database")),
    }
}

/// Reads the whole file before the database is opened: a faulty one changes nothing anywhere.
fn apply_file(globals: &Globals, file: &Path, how: (&str, Publication)) -> Result<Answer, Failure> {
    let (text, shown) =
        (read(file)?, if file == Path::new("-") { "<stdin>".into() } else { file.display().to_string() });
    let found = read_all(&text).map_err(|faults| refused(globals, &shown, &faults))?;
    let session = Session::open(globals)?;
    let applied = apply(&mut *session.connect()?, &session.clock, &session.actor, &found, how)?;
    let lines: Vec<String> = applied.iter().map(told).collect();
    let drafts = applied.iter().filter(|one| !one.published).count();
    let answer = Answer::new(lines.join("\n"), json!({ "templates": applied.iter().map(facts).collect::<Vec<_>>() }));
    Ok(match drafts {
        0 => answer,
        _ => {
            answer.noting("Drafts are not used by new jobs until they are published: `millrace template publish NAME`.")
        }
    })
}

fn read(file: &Path) -> Result<String, Failure> {
    let cannot = |error: io::Error| Failure::refused(format!("cannot read {}: {error}", file.display()));
    let most = DOCUMENTS_BYTES_MAX as u64 + 1;
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        io::stdin().take(most).read_to_end(&mut bytes).map_err(cannot)?;
    } else {
        File::open(file).map_err(cannot)?.take(most).read_to_end(&mut bytes).map_err(cannot)?;
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Failure::refused(format!("{}:{line}: this is not valid UTF-8", file.display()))
    })
}

/// Each fault as `file:line:column: …`, as compilers do.
fn refused(globals: &Globals, file: &str, faults: &[Placed]) -> Failure {
    let line = |fault: &Placed| {
        let place = if fault.line == 0 { file.to_owned() } else { format!("{file}:{}:{}", fault.line, fault.column) };
        let pointer = if fault.pointer.is_empty() { String::new() } else { format!("{} ", fault.pointer) };
        format!("  {place}: {pointer}{}", fault.message)
    };
    let lines: Vec<String> = faults.iter().map(line).collect();
    let failure = Failure::refused(format!("nothing was saved:\n{}", lines.join("\n")));
    if globals.json { failure.saying(Answer::new("", json!({ "file": file, "faults": faults }))) } else { failure }
}

fn told(one: &Applied) -> String {
    let what = match (one.unchanged, one.published) {
        (true, true) => "unchanged, active",
        (true, false) => "unchanged",
        (false, true) => "published",
        (false, false) => "saved as a draft",
    };
    format!("{}@{} {what}", one.name, one.version)
}

fn facts(one: &Applied) -> Value {
    json!({ "name": one.name, "version": one.version, "unchanged": one.unchanged, "published": one.published })
}

fn list(conn: &mut PgConnection, filter: &TemplateFilter) -> Result<Answer, Failure> {
    let found = search(conn, &Default::default(), filter, None, TEMPLATES_MAX)?;
    let heading = ["NAME", "STATE", "RUNNER", "ACTIVE", "LATEST", "QUEUE", "UNFINISHED", "FAILED", "BY"];
    let mut rows = vec![heading.map(String::from).to_vec()];
    rows.extend(found.iter().map(row));
    Ok(Answer::new(columns(&rows), json!({ "templates": found.iter().map(view::template).collect::<Vec<_>>() })))
}

fn row(found: &TemplateRow) -> Vec<String> {
    vec![
        found.name.clone(),
        found.state().as_str().into(),
        found.runner.clone(),
        found.active_version.map_or_else(|| "-".into(), |version| version.to_string()),
        found.latest_version.to_string(),
        found.queue.clone(),
        found.unfinished.to_string(),
        found.failed.to_string(),
        found.author.clone(),
    ]
}

fn find(conn: &mut PgConnection, name: &str) -> Result<TemplateRow, Failure> {
    templates::show(conn, name)?.ok_or_else(|| Failure::refused(format!("there is no template called {name:?}")))
}

fn find_one(conn: &mut PgConnection, row: &TemplateRow, version: i32) -> Result<VersionRow, Failure> {
    let missing = || Failure::refused(format!("the template {:?} has no version {version}", row.name));
    templates::version(conn, row.id, version)?.ok_or_else(missing)
}

fn show(conn: &mut PgConnection, template: &Named) -> Result<Answer, Failure> {
    let row = find(conn, &template.name)?;
    let version = find_one(conn, &row, template.version.unwrap_or(row.shown_version()))?;
    let mark = match row.active_version {
        Some(active) if active == version.version => "active".to_owned(),
        Some(active) => format!("v{active} is active"),
        None => row.state().as_str().to_owned(),
    };
    let head = format!("# {}@{} of {}, {mark}; by {}", row.name, version.version, row.latest_version, version.author);
    let text = format!("{head}\n{}", text_of(&row.name, &version));
    Ok(Answer::new(text, view::whole(&row, &version)))
}

fn diff(conn: &mut PgConnection, name: &str, (from, to): (i32, i32)) -> Result<Answer, Failure> {
    let row = find(conn, name)?;
    let (old, new) = (find_one(conn, &row, from)?, find_one(conn, &row, to)?);
    let names = (format!("{name}@{from}"), format!("{name}@{to}"));
    let text = unified(&text_of(name, &old), &text_of(name, &new), (&names.0, &names.1));
    let found = changes(&document_of(name, &old), &document_of(name, &new));
    let answer = Answer::new(text.clone(), json!({ "from": from, "to": to, "changes": found, "unified": text }));
    Ok(if text.is_empty() { answer.noting("They say the same.") } else { answer })
}

fn acted(
    session: &Session,
    conn: &mut PgConnection,
    name: &str,
    wanted: &Act,
    words: impl FnOnce(Acted) -> String,
) -> Result<Answer, Failure> {
    let done = act(conn, &session.clock, &session.actor, name, (wanted, None))?;
    let acted = done.outcome().ok_or_else(|| Failure::refused("another command did this already"))?;
    let mut body = view::template(&find(conn, name)?);
    body["done"] = json!({ "version": acted.version, "unchanged": acted.unchanged });
    Ok(Answer::new(format!("{name}: {}.", words(acted)), body))
}

fn export(conn: &mut PgConnection, names: &[String]) -> Result<Answer, Failure> {
    let found = if names.is_empty() {
        let all = templates::list(conn)?;
        all.into_iter().filter(|row| row.state() != TemplateState::Archived).collect()
    } else {
        names.iter().map(|name| find(conn, name)).collect::<Result<Vec<_>, _>>()?
    };
    let (mut texts, mut documents) = (Vec::new(), Vec::new());
    for row in &found {
        let version = find_one(conn, row, row.shown_version())?;
        texts.push(text_of(&row.name, &version));
        documents.push(document_of(&row.name, &version));
    }
    Ok(Answer::new(texts.join("---\n"), json!({ "templates": documents })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_named_after_an_at_sign() {
        let of = |name: &str, version| Ok(Named { name: name.into(), version });

        assert_eq!(named("mail.send"), of("mail.send", None));
        assert_eq!(named("mail.send@7"), of("mail.send", Some(7)));
        for bad in ["mail.send@", "mail.send@x", "mail.send@0", "mail.send@-1"] {
            assert!(named(bad).is_err(), "{bad}");
        }
    }
}
