//! `GET /palette?q=`: a page of links, and the options of the dialog that `Ctrl K` opens.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::Asked;
use super::entry::{Entry, Kind, Named, NamedAct};
use super::place::{Place, Way};
use super::service::{self, RECENT_MAX};
use crate::queue::access::session::SignedIn;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::kit::Kit;
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};
use crate::web::tone::Tone;

/// The route of the palette.
pub fn routes() -> Vec<Route> {
    vec![Route::get(paths::PALETTE, Access::SignedIn, show)]
}

#[derive(Template)]
#[template(path = "palette.html")]
struct PalettePage {
    shell: Shell,
    asked: String,
    lines: Vec<Line>,
}

/// The same as the options of the dialog.
#[derive(Template)]
#[template(path = "palette_found.html")]
struct Found<'p> {
    lines: &'p [Line],
    told: String,
}

/// What pressing a line does.
enum Go {
    Open(String),
    Post { action: &'static str, name: &'static str, value: &'static str },
}

/// One result as it is shown: `Pause queue` **mail**.
struct Line {
    icon: &'static str,
    words: String,
    name: String,
    /// What else there is to say: a state, an address.
    aside: String,
    /// The keys that lead there as well.
    keys: String,
    /// By which the browser remembers it; empty for what is done once.
    key: String,
    go: Go,
}

async fn show(hx: Hx, kit: Data<Kit>, who: SignedIn, shell: Shell, query: Query) -> Result<HttpResponse, WebError> {
    let (actor, asked) = (who.actor, Asked::parse(query.0.text("q")));
    let recent: Vec<String> = query.0.text("recent").lines().take(RECENT_MAX).map(str::to_owned).collect();
    let places = Place::all(&shell.nav, |path| kit.table.may_open(path, Some(&actor)));
    let text = asked.text.clone();
    let found = kit.db.run(move |conn| service::find(conn, &actor, &asked, &recent, &places)).await?;
    let page = PalettePage::new(shell, text, &found);
    respond::page(&hx, &page, &[("palette-found", &page.found())])
}

impl PalettePage {
    fn new(shell: Shell, asked: String, found: &[Entry]) -> Self {
        Self { shell: shell.titled("Search", Section::Elsewhere), asked, lines: found.iter().map(Line::of).collect() }
    }

    fn found(&self) -> Found<'_> {
        let told = match self.lines.len() {
            0 => "Nothing fits.".into(),
            1 => "1 result.".into(),
            many => format!("{many} results."),
        };
        Found { lines: &self.lines, told }
    }
}

impl Line {
    fn of(entry: &Entry) -> Self {
        match entry {
            Entry::Place(place) => Self::place(place),
            Entry::Thing(thing) => Self::thing(thing),
            Entry::Act(act, thing) => Self::act(*act, thing),
            Entry::Job { id, template, state } => Self {
                aside: format!("{template} · {state}"),
                ..Self::new(Tone::from(*state).icon(), "Job", id.to_string(), &format!("job {id}"), paths::job(*id))
            },
            Entry::JobAct(act, id, template) => {
                let words = format!("{} job", act.label().trim_end_matches('…'));
                let href = match act {
                    crate::admin::jobs::acts::Act::Edit => paths::job_edit(*id),
                    act => paths::job_act(*id, act.as_str()),
                };
                let line = Self::new(act.icon(), &words, format!("{id}…"), &format!("job {id}"), href);
                Self { aside: template.clone(), ..line }
            }
            Entry::Search(text) => {
                let href = paths::with_query(paths::JOBS, &[("q", text)]);
                Self::new("search", "Search jobs for", text.clone(), "", href)
            }
        }
    }

    fn new(icon: &'static str, words: &str, name: String, key: &str, href: String) -> Self {
        let (aside, keys) = (String::new(), String::new());
        Self { icon, words: words.into(), name, aside, keys, key: key.into(), go: Go::Open(href) }
    }

    fn place(place: &Place) -> Self {
        let go = match place.way {
            Way::Open(href) => Go::Open(href.to_owned()),
            Way::Theme(theme) => Go::Post { action: paths::THEME, name: "theme", value: theme.as_str() },
            Way::SignOut => Go::Post { action: paths::SIGN_OUT, name: "", value: "" },
        };
        let keys = place.letter.map(|letter| format!("G {}", letter.to_uppercase())).unwrap_or_default();
        let line = Self::new(place.icon, place.label, String::new(), &place.key().unwrap_or_default(), String::new());
        Self { keys, go, ..line }
    }

    fn thing(thing: &Named) -> Self {
        let (icon, word) = face(thing.kind);
        let name = if thing.label.is_empty() { &thing.name } else { &thing.label };
        let aside = if matches!(thing.state.as_str(), "up" | "active") { "" } else { &thing.state };
        Self { aside: aside.to_owned(), ..Self::new(icon, word, name.clone(), &thing.key(), href(thing)) }
    }

    fn act(act: NamedAct, thing: &Named) -> Self {
        let name = &thing.name;
        let (icon, words, href) = match act {
            NamedAct::Pause if thing.kind == Kind::Schedule => {
                ("pause", "Pause schedule", paths::schedule_act(name, "pause"))
            }
            NamedAct::Resume if thing.kind == Kind::Schedule => {
                ("play", "Resume schedule", paths::schedule_act(name, "resume"))
            }
            NamedAct::Run => ("play", "Run schedule", paths::schedule_act(name, "run")),
            NamedAct::Pause => ("pause", "Pause queue", paths::queue_act(name, "pause")),
            NamedAct::Resume => ("play", "Resume queue", paths::queue_act(name, "resume")),
            NamedAct::Limits => ("settings", "Limit queue", paths::queue_limits(name)),
            NamedAct::Drain => ("power", "Drain node", paths::node_act(name, "drain")),
            NamedAct::TakeWork => ("play", "Resume node", paths::node_act(name, "resume")),
            NamedAct::Enqueue => ("plus", "Enqueue", paths::with_query(paths::JOB_NEW, &[("template", name)])),
            NamedAct::Edit => ("pencil", "Edit template", paths::template_edit(name)),
            NamedAct::Change => ("pencil", "Change pool", paths::pool_change(name)),
        };
        Self::new(icon, words, format!("{name}…"), &thing.key(), href)
    }
}

fn face(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Queue => ("layers", "Queue"),
        Kind::Template => ("file-code", "Template"),
        Kind::Schedule => ("calendar-clock", "Schedule"),
        Kind::Calendar => ("calendar", "Calendar"),
        Kind::Node => ("server", "Node"),
        Kind::Pool => ("database", "Pool"),
        Kind::Person => ("user", "Person"),
        Kind::View => ("bookmark", "View"),
        Kind::Operation => ("list-tree", "Operation"),
        Kind::Job => ("list", "Job"),
    }
}

fn href(thing: &Named) -> String {
    match thing.kind {
        Kind::Queue => paths::queue(&thing.name),
        Kind::Template => paths::template(&thing.name),
        Kind::Schedule => paths::schedule(&thing.name),
        Kind::Calendar => paths::calendar(&thing.name),
        Kind::Node => paths::node(&thing.name),
        Kind::Pool => paths::pool(&thing.name),
        Kind::Person => format!("{}/{}", paths::PEOPLE, thing.name),
        Kind::View => paths::saved_view(&thing.name),
        Kind::Operation => format!("{}/{}", paths::OPERATIONS, thing.name),
        Kind::Job => format!("{}/{}", paths::JOBS, thing.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::jobs::acts::Act;
    use crate::queue::job::JobId;
    use crate::queue::state::JobState;
    use crate::web::look::Theme;
    use crate::web::shell::sample::shell;

    fn queue(state: &str) -> Named {
        Named { kind: Kind::Queue, name: "<b>".into(), label: String::new(), state: state.into(), rank: 1 }
    }

    fn page() -> PalettePage {
        let place = Place::all(&shell().nav, |_| true);
        let dark = *place.iter().find(|place| place.way == Way::Theme(Theme::Dark)).expect("a theme");
        let found = [
            Entry::Place(place[1]),
            Entry::Thing(queue("paused")),
            Entry::Act(NamedAct::Resume, queue("paused")),
            Entry::Job { id: JobId(42), template: "mail.send".into(), state: JobState::Failed },
            Entry::JobAct(Act::Retry, JobId(42), "mail.send".into()),
            Entry::Place(dark),
            Entry::Search("a&b".into()),
        ];
        PalettePage::new(shell(), "x".into(), &found)
    }

    #[test]
    fn the_page_is_of_links_and_the_dialog_of_options() {
        let (page, list) = (page().render().expect("a page"), page().found().render().expect("a list"));

        assert_eq!(list.matches("role=\"option\"").count(), 7);
        assert!(!page.contains("role=\"option\""));
        for text in [&page, &list] {
            for part in
                ["href=\"/jobs/42/retry\"", "href=\"/jobs?q=a%26b\"", "&#60;b&#62;", "value=\"dark\"", "<kbd>G J</kbd>"]
            {
                assert!(text.contains(part), "{part} in {text}");
            }
            assert!(!text.contains("<b>…"), "{text}");
        }
        assert!(list.contains("7 results."));
    }

    #[test]
    fn every_icon_exists() {
        for kind in Kind::NAMED {
            assert!(crate::web::icon::exists(face(kind).0), "{kind:?}");
        }
        for line in page().lines {
            assert!(crate::web::icon::exists(line.icon), "{}", line.icon);
        }
        for act in ["pause", "play", "settings", "power", "plus", "pencil", "search"] {
            assert!(crate::web::icon::exists(act), "{act}");
        }
    }
}
