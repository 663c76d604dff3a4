//! Choosing a template to enqueue a job of.

use askama::Template;

use crate::admin::templates::TemplateRow;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::Shell;

/// Templates that are shown without a search.
const SHOWN_MAX: usize = 200;

/// The page.
#[derive(Template)]
#[template(path = "jobs/pick.html")]
pub struct PickPage {
    shell: Shell,
    search: String,
    choices: Vec<Choice>,
    more: usize,
    is_none_active: bool,
}

/// One template.
struct Choice {
    name: String,
    description: String,
    runner: String,
    icon: &'static str,
    queue: String,
    href: String,
}

impl PickPage {
    /// Lists the templates of which jobs can be made and whose name, description or queue holds `search`.
    pub fn new(shell: Shell, templates: &[TemplateRow], search: &str) -> Self {
        let needle = search.trim().to_lowercase();
        let fits = |row: &&TemplateRow| {
            let words = [&row.name, &row.description, &row.queue, &row.runner];
            needle.is_empty() || words.iter().any(|word| word.to_lowercase().contains(&needle))
        };
        let active: Vec<_> = templates.iter().filter(|row| can_run(row)).collect();
        let found: Vec<_> = active.iter().copied().filter(fits).collect();
        Self {
            shell: shell.titled("Enqueue a job", Section::Jobs).under("Jobs", paths::JOBS),
            search: search.trim().to_owned(),
            choices: found.iter().take(SHOWN_MAX).map(|row| choice(row)).collect(),
            more: found.len().saturating_sub(SHOWN_MAX),
            is_none_active: active.is_empty(),
        }
    }
}

/// Tells whether jobs can be made of a template.
pub fn can_run(row: &TemplateRow) -> bool {
    row.active_version.is_some() && matches!(row.state.as_str(), "active" | "deprecated")
}

fn choice(row: &TemplateRow) -> Choice {
    let icon = match row.runner.as_str() {
        "command" => "terminal",
        "http" => "globe",
        "sql" => "database",
        _ => "code",
    };
    Choice {
        name: row.name.clone(),
        description: row.description.clone(),
        runner: row.runner.clone(),
        icon,
        queue: row.queue.clone(),
        href: paths::with_query(paths::JOB_NEW, &[("template", &row.name)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::job::TemplateId;
    use crate::web::shell::sample::shell;

    fn row(name: &str, state: &str) -> TemplateRow {
        TemplateRow {
            id: TemplateId(1),
            name: name.into(),
            state: state.into(),
            active_version: Some(1),
            latest_version: 1,
            runner: "http".into(),
            description: "Sends <b>mail</b>".into(),
            queue: "mail".into(),
            updated_at: shell().now,
            author: "a".into(),
            unfinished: 0,
            failed: 0,
            succeeded: 0,
        }
    }

    #[test]
    fn only_what_can_run_is_offered() {
        let rows = [
            row("mail.send", "active"),
            row("old.one", "deprecated"),
            row("new.one", "draft"),
            row("gone", "archived"),
        ];

        let page = PickPage::new(shell(), &rows, "").render().expect("rendered");
        assert!(page.contains("/jobs/new?template=mail.send") && page.contains("old.one"));
        assert!(!page.contains("new.one") && !page.contains("gone") && !page.contains("<b>mail"));

        let found = PickPage::new(shell(), &rows, "OLD").render().expect("rendered");
        assert!(found.contains("old.one") && !found.contains("template=mail.send"));
        assert!(PickPage::new(shell(), &[], "").render().expect("rendered").contains("No template is active"));
    }
}
