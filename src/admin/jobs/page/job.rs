//! `GET /jobs/{id}` and its stream.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_session::Session;
use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use askama::Template;

use super::attempts::{Try, attempts, beside, counted};
use super::config::{self, Setting};
use super::facts::{Fact, Value, facts};
use super::find;
use super::going::{Going, going};
use super::head::{Head, head};
use super::line::{Step, line};
use super::log::{Follower, Least, LogPanel};
use super::payload::{Payload, arguments, output};
use super::related::{Relative, deeds, relatives};
use super::runs::{Runs, runs};
use super::story::Story;
use super::why::{Why, why};
use crate::admin::jobs::service::{self, JobError};
use crate::admin::jobs::{Detail, Recent};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::queue::state::JobState;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::kit::Kit;
use crate::web::live::{Frame, Listener, LiveError, Panel, panels};
use crate::web::parts::{Deed, Notice};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond::{self, Part};
use crate::web::shell::Shell;

/// The page. Each block is the inside of a panel of the same name.
#[derive(Template)]
#[template(
    path = "jobs/job.html",
    blocks = ["head", "why_block", "line_block", "going_block", "levels", "log_cut", "log_words", "runs_block", "attempts_block", "facts_block", "output_block", "config_block", "related"]
)]
pub struct JobPage {
    shell: Shell,
    head: Head,
    why: Option<Why>,
    line: Vec<Step>,
    going: Option<Going>,
    log: LogPanel,
    sees_log: bool,
    runs: Option<Runs>,
    attempts: Vec<Try>,
    counted: String,
    facts: Vec<Fact>,
    args: Payload,
    output: Option<Payload>,
    /// As it was when the page was read: what bounds a job changes seldom.
    config: Vec<Setting>,
    relatives: Vec<Relative>,
    deeds: Vec<Deed>,
    compare: String,
}

/// `GET /jobs/{id}?level=`.
pub async fn show(
    kit: Data<Kit>,
    hx: Hx,
    actor: Actor,
    shell: Shell,
    (path, query): (Path<i64>, Query),
) -> Result<HttpResponse, WebError> {
    let (id, least) = (JobId(*path), Least::parse(query.0.text("level")));
    let tz = query.0.text("tz").to_owned();
    let page = kit.db.run(move |conn| {
        let job = find(conn, &actor, id)?;
        let sees_log = service::sees_payload(&actor);
        let log = if sees_log { LogPanel::read(conn, &job, least, shell.zone)? } else { LogPanel::default() };
        let mut page = JobPage { log, ..JobPage::of(conn, &actor, shell, job)? };
        let pairs = [("id", id.to_string()), ("level", least.as_str().into()), ("tz", tz)];
        let pairs = pairs.each_ref().map(|(name, value)| (*name, value.as_str()));
        let live = paths::with_query(&paths::live("job"), &pairs);
        page.shell = Shell { live, ..page.shell }.after(page.log.last);
        Ok::<_, WebError>(page)
    });
    respond::page(&hx, &page.await?, &[])
}

impl JobPage {
    /// Reads the page without its log.
    ///
    /// # Errors
    /// [`WebError::NotFound`], [`WebError::Gone`], database failures.
    pub fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, id: JobId) -> Result<Self, WebError> {
        let job = find(conn, actor, id)?;
        Self::of(conn, actor, shell, job)
    }

    fn of(conn: &mut PgConnection, actor: &Actor, shell: Shell, job: Detail) -> Result<Self, WebError> {
        let story = Story::read(conn, actor, job, None)?;
        let config = config::read(conn, &story, &shell)?;
        Ok(Self { config, ..Self::new(actor, shell, &story) })
    }

    fn new(actor: &Actor, shell: Shell, story: &Story) -> Self {
        let job = &story.job;
        let shell = Shell { title: title(job), ..shell.titled(job.template.clone(), Section::Jobs) };
        let shell = shell.under("Jobs", paths::JOBS);
        Self {
            head: head(job, actor, &shell),
            why: why(story, &shell),
            line: line(story, &shell),
            going: going(story, &shell),
            log: LogPanel::default(),
            sees_log: service::sees_payload(actor),
            runs: runs(story, &shell),
            attempts: attempts(story, &shell),
            counted: counted(job),
            facts: facts(story, &shell),
            args: arguments(job, actor),
            output: output(job, actor),
            config: Vec::new(),
            relatives: relatives(story, &shell),
            deeds: deeds(story, &shell),
            compare: paths::with_query(paths::JOBS_COMPARE, &[("a", &job.id.to_string())]),
            shell,
        }
    }

    /// All jobs of this template.
    fn all_runs(&self) -> String {
        paths::with_query(paths::JOBS, &[("template", &self.head.template)])
    }

    /// The last attempt beside the one before it; `None` with fewer than two.
    fn attempts_compared(&self) -> Option<String> {
        let last = self.attempts.first()?;
        let before = self.attempts.iter().find(|one| one.number < last.number)?;
        let id = self.head.id.parse().ok()?;
        Some(beside(JobId(id), before.number.into(), last.number.into()))
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        panels(&[
            ("panel-head", &self.as_head()),
            ("panel-why", &self.as_why_block()),
            ("panel-line", &self.as_line_block()),
            ("panel-going", &self.as_going_block()),
            ("panel-levels", &self.as_levels()),
            ("panel-cut", &self.as_log_cut()),
            ("panel-words", &self.as_log_words()),
            ("panel-runs", &self.as_runs_block()),
            ("panel-attempts", &self.as_attempts_block()),
            ("panel-facts", &self.as_facts_block()),
            ("panel-output", &self.as_output_block()),
        ])
    }

    /// Answers an act: with htmx the panels as they are now and a toast, else the way back to this page.
    ///
    /// # Errors
    /// When a template or the session fails.
    pub fn answer(&self, hx: &Hx, session: &Session, notice: &Notice) -> Result<HttpResponse, WebError> {
        let parts = [
            Part { id: "panel-head", inside: &self.as_head() },
            Part { id: "panel-why", inside: &self.as_why_block() },
            Part { id: "panel-line", inside: &self.as_line_block() },
            Part { id: "panel-going", inside: &self.as_going_block() },
            Part { id: "panel-attempts", inside: &self.as_attempts_block() },
            Part { id: "panel-facts", inside: &self.as_facts_block() },
            Part { id: "panel-config", inside: &self.as_config_block() },
            Part { id: "panel-related", inside: &self.as_related() },
        ];
        let page = self.head.id.parse().map_or_else(|_| paths::JOBS.to_owned(), |id| paths::job(JobId(id)));
        respond::done(hx, session, &page, notice, &parts)
    }
}

/// Unique among the tabs of a browser.
fn title(job: &Detail) -> String {
    format!("{} {}, {}", job.template, job.id, crate::web::tone::Tone::from(job.state()).word())
}

/// `GET /live/job?id=&level=&after=`: complete panels each second, and the log as it grows.
pub async fn stream(listener: Listener) -> Result<HttpResponse, WebError> {
    let id = JobId(listener.address.id("id")?);
    let (asker, kit) = (listener.actor().clone(), listener.kit());
    kit.db.run(move |conn| find(conn, &asker, id)).await?; // a stream of what is not there would be retried for ever
    let least = Least::parse(listener.address.text("level"));
    let watch = Watch { id, log: Follower::new(id, least, listener.shell().zone), runs: Mutex::default() };
    let look =
        move |conn: &mut PgConnection, actor: &Actor, shell: Shell, after| watch.frame(conn, actor, shell, after);
    listener.follow("job", Duration::from_secs(1), look).await
}

/// What a stream remembers from tick to tick.
struct Watch {
    id: JobId,
    log: Follower,
    /// The last jobs of the template, as of the state they were read in: reading them each second would cost too much.
    runs: Mutex<Option<(JobState, Recent)>>,
}

impl Watch {
    fn frame(&self, conn: &mut PgConnection, actor: &Actor, shell: Shell, after: u64) -> Result<Frame, LiveError> {
        let job = match service::find(conn, actor, self.id) {
            Ok(job) => job,
            Err(JobError::Db(error)) => return Err(error.into()), // the next tick asks again
            Err(_) => return Err(LiveError::Ended("the job is gone".into())),
        };
        let state = job.state();
        let story = Story::read(conn, actor, job, self.known_runs(state))?;
        *self.runs.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((state, Recent { runs: story.runs.clone(), may_have_more: story.has_more_runs }));
        let mut page = JobPage::new(actor, shell, &story);
        let mut tail = None;
        if page.sees_log {
            let news = self.log.news(conn, &story.job, after)?;
            (page.log.levels, page.log.words, page.log.cut) = (news.levels, news.words, news.cut);
            tail = Some(news.tail);
        }
        Ok(Frame { panels: page.panels()?, tail })
    }

    fn known_runs(&self, state: JobState) -> Option<Recent> {
        let known = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(of, _)| *of == state).map(|(_, runs)| runs.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::super::story::sample::{at, story};
    use super::*;
    use crate::admin::jobs::sample::run;
    use crate::queue::permission::Role;
    use crate::web::shell::sample::shell;

    fn page(state: JobState, role: Role) -> JobPage {
        let mut story = story(state);
        story.runs = vec![run(1, JobState::Succeeded, at(0), 300), run(2, JobState::Failed, at(60), 200)];
        JobPage::new(&Actor { role, ..Actor::system("t") }, shell(), &story)
    }

    #[test]
    fn every_state_has_a_whole_page() {
        for state in JobState::ALL {
            let html = page(state, Role::Admin).render().expect("rendered");

            for forbidden in [" style=", "<script>", "onclick", "<b>x"] {
                assert!(!html.contains(forbidden), "{state} {forbidden}");
            }
            assert_eq!(html.contains("Why is it not running?"), state.is_waiting(), "{state}");
            assert_eq!(html.contains("heartbeat"), state == JobState::Running, "{state}");
            assert!(html.contains("Last 2 jobs of this template") || state == JobState::Running, "{state}");
        }
    }

    #[test]
    fn what_a_related_job_is_stands_beside_its_number() {
        let html = page(JobState::Failed, Role::Admin).render().expect("rendered");

        assert!(
            html.contains("href=\"/jobs/5\">5</a> <span class=\"muted\">this job was made from it</span>"),
            "{html}"
        );
    }

    #[test]
    fn a_panel_is_what_stands_in_the_page() {
        let mut page = page(JobState::Running, Role::Admin);
        page.log.levels = vec![crate::web::parts::Tab::new("All", "#", true)];
        page.log.words = "2 lines".into();
        page.log.cut = "… 3.1 MB of attempt 2 were left out".into();
        let html = page.render().expect("rendered");

        for panel in page.panels().expect("panels") {
            assert!(html.contains(&format!("id=\"{}\"", panel.id)), "{}", panel.id);
            assert!(html.contains(panel.html.trim()), "{}", panel.id);
            let absent = ["panel-why", "panel-output"].contains(&panel.id.as_str()); // a running job has neither
            assert_eq!(panel.html.trim().is_empty(), absent, "{}", panel.id);
        }
    }

    #[test]
    fn a_shared_panel_holds_nobodys_token() {
        let page = JobPage::new(&Actor::system("t"), shell().shared(), &story(JobState::Failed));

        assert!(page.panels().expect("panels").iter().all(|panel| !panel.html.contains("token")));
    }

    #[test]
    fn a_viewer_sees_no_values_no_log_and_no_acts() {
        let html = page(JobState::Failed, Role::Viewer).render().expect("rendered");

        assert!(!html.contains("&#34;nordwind&#34;") && html.contains("Only names are shown"));
        assert!(html.contains("Seeing it needs the role") && !html.contains("/retry"));
    }
}
