//! `GET /failures/{fingerprint}` and its stream: one group, where it comes, what differs, what people decided and wrote.

use std::sync::Arc;
use std::time::Duration;

use actix_session::Session;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::near::{
    AttemptLine, DifferenceLine, Facts, Sample, Shares, attempt_line, bars, deed, differences, facts, lines, note_line,
    sample,
};
use super::row::{Row, first_line, words};
use super::{ended, told};
use crate::admin::failures::detail::{Attempt, Note, Share, attempts, course_of, notes, shares};
use crate::admin::failures::differs::{Compared, compare};
use crate::admin::failures::read::{Course, GroupRow};
use crate::admin::failures::service::{self, FailureError, sees_messages};
use crate::admin::failures::{Range, Sort};
use crate::admin::jobs::trail::{Record, trail_of};
use crate::base::db::PgConnection;
use crate::queue::access::session::SignedIn;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::charts::Bars;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::kit::Kit;
use crate::web::live::{self, Frame, LiveError, Panel, Show};
use crate::web::parts::{Deed, Notice, Tab};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::respond::{self, Part};
use crate::web::shell::Shell;

/// Time between two renderings.
const EVERY: Duration = Duration::from_secs(5);
/// Records of the audit trail shown.
const DEEDS_MAX: i64 = 20;

/// The page.
#[derive(Template)]
#[template(
    path = "failures/show.html",
    blocks = ["head", "facts", "course_block", "jobs_block", "shares_block", "notes_block", "deeds_block"]
)]
pub struct ShowPage {
    pub shell: Shell,
    pub row: Row,
    pub group: Facts,
    pub ranges: Vec<Tab>,
    pub bars: Bars,
    pub shares: Shares,
    pub sample: Option<Sample>,
    pub attempts: Vec<AttemptLine>,
    pub compared: Compared,
    pub differences: Vec<DifferenceLine>,
    pub notes: Vec<Deed>,
    pub deeds: Vec<Deed>,
    /// The viewer may decide about it.
    pub may_handle: bool,
    /// The viewer reads everybody's acts, not only the own ones.
    pub all_deeds: bool,
    pub sees_payload: bool,
}

/// Everything that a page is made of.
pub(super) struct Known {
    pub group: GroupRow,
    pub course: Option<Course>,
    pub shares: Vec<Share>,
    pub attempts: Vec<Attempt>,
    pub compared: Compared,
    pub notes: Vec<Note>,
    pub trail: Vec<Record>,
}

/// `GET /failures/{fingerprint}`.
pub async fn show(
    hx: Hx,
    kit: Data<Kit>,
    actor: Actor,
    shell: Shell,
    (print, query): (Path<String>, Query),
) -> Result<HttpResponse, WebError> {
    let range = Range::parse(query.0.text("range")).unwrap_or_default();
    let page = kit.db.run(move |conn| ShowPage::read(conn, &actor, shell, (&print, range))).await.map_err(told)?;
    respond::page(&hx, &page, &[])
}

/// `GET /live/failure?fp=`: what changes by itself.
pub async fn stream(
    request: HttpRequest,
    viewer: SignedIn,
    kit: Data<Kit>,
    shell: Shell,
    query: Query,
) -> Result<HttpResponse, WebError> {
    let (actor, clock, shell) = (viewer.actor.clone(), Arc::clone(&kit.clock), shell.shared());
    let (print, range) = (query.0.text("fp").to_owned(), Range::parse(query.0.text("range")).unwrap_or_default());
    let (asker, asked) = (actor.clone(), print.clone());
    // a stream of what is not there would be retried for ever
    kit.db.run(move |conn| service::find(conn, &asker, &asked)).await.map_err(told)?;
    let render = move |conn: &mut PgConnection, _: u64| {
        let shell = Shell { now: clock.now(), ..shell.clone() };
        let known = Known::changing(conn, &actor, &print, (range, shell.now)).map_err(ended)?;
        frame(&ShowPage::new(&actor, shell, range, &known))
    };
    live::open(&request, &viewer, Show { page: "failure", every: EVERY, render: Arc::new(render) }).await
}

/// The audit trail is left out: people with equal rights share a frame, but not their own acts.
fn frame(page: &ShowPage) -> Result<Frame, LiveError> {
    let panel = |id: &str, html: String| Panel { id: id.into(), html };
    let panels = vec![
        panel("panel-facts", page.as_facts().render()?),
        panel("panel-course", page.as_course_block().render()?),
        panel("panel-jobs", page.as_jobs_block().render()?),
        panel("panel-shares", page.as_shares_block().render()?),
    ];
    Ok(Frame { panels, tail: None })
}

impl Known {
    /// Reads what changes by itself.
    fn changing(
        conn: &mut PgConnection,
        actor: &Actor,
        print: &str,
        range: (Range, crate::base::clock::Time),
    ) -> Result<Self, FailureError> {
        let group = service::find(conn, actor, print)?;
        let shares = shares(conn, &actor.scope, print, range)?;
        let course = course_of(print, &shares);
        let attempts = attempts(conn, &actor.scope, print)?;
        let (compared, notes, trail) = (Compared::default(), Vec::new(), Vec::new());
        Ok(Self { group, course, shares, attempts, compared, notes, trail })
    }

    fn whole(
        conn: &mut PgConnection,
        actor: &Actor,
        print: &str,
        range: (Range, crate::base::clock::Time),
    ) -> Result<Self, FailureError> {
        let known = Self::changing(conn, actor, print, range)?;
        let compared = compare(conn, &actor.scope, print, sees_messages(actor))?;
        let notes = notes(conn, print)?;
        let trail = trail_of(conn, actor, ("failure", print), DEEDS_MAX)?;
        Ok(Self { compared, notes, trail, ..known })
    }
}

impl ShowPage {
    /// Reads the page of a group.
    ///
    /// # Errors
    /// As [`service::find`].
    pub fn read(
        conn: &mut PgConnection,
        actor: &Actor,
        shell: Shell,
        (print, range): (&str, Range),
    ) -> Result<Self, FailureError> {
        let known = Known::whole(conn, actor, print, (range, shell.now))?;
        Ok(Self::new(actor, shell, range, &known))
    }

    pub(super) fn new(actor: &Actor, shell: Shell, range: Range, known: &Known) -> Self {
        let group = &known.group;
        let row = Row::new(group, known.course.as_ref(), (range, Sort::Last), actor, &shell);
        let name = if range == Range::default() { "" } else { range.as_str() };
        let live = paths::with_query(&paths::live("failure"), &[("fp", &group.fingerprint), ("range", name)]);
        let shell = shell.titled(row.message.clone(), Section::Failures).under("Failures", paths::FAILURES);
        let href = |range: Range| {
            let name = if range == Range::default() { "" } else { range.as_str() };
            paths::with_query(&row.href, &[("range", name)])
        };
        Self {
            group: facts(group, &shell),
            ranges: Range::ALL.map(|one| Tab::new(words(one), href(one), one == range)).into(),
            bars: bars(known.course.as_ref(), range, &shell),
            shares: lines(&known.shares, group, &shell),
            sample: known.attempts.first().filter(|_| sees_messages(actor)).map(|attempt| sample(attempt, &shell)),
            attempts: known.attempts.iter().map(|attempt| attempt_line(attempt, &shell)).collect(),
            differences: differences(&known.compared),
            compared: known.compared.clone(),
            notes: known.notes.iter().map(|note| note_line(note, &shell)).collect(),
            deeds: known
                .trail
                .iter()
                .filter(|record| record.act != "failure.note")
                .map(|record| deed(record, &shell))
                .collect(),
            may_handle: actor.may(Permission::HandleFailures),
            all_deeds: actor.may(Permission::ReadAudit),
            sees_payload: sees_messages(actor),
            shell: Shell { title: format!("{}, Failures", first_line(group, actor)), live, ..shell },
            row,
        }
    }

    /// Gives the address of an act.
    pub fn act(&self, verb: &str) -> String {
        paths::failure_act(&self.row.fingerprint, verb)
    }

    /// Gives the parts that an act may have changed.
    ///
    /// # Errors
    /// When a template fails.
    pub fn answer(&self, hx: &Hx, session: &Session, notice: &Notice) -> Result<HttpResponse, WebError> {
        let parts = [
            Part { id: "panel-head", inside: &self.as_head() },
            Part { id: "panel-facts", inside: &self.as_facts() },
            Part { id: "panel-notes", inside: &self.as_notes_block() },
            Part { id: "panel-deeds", inside: &self.as_deeds_block() },
        ];
        respond::done(hx, session, &self.row.href, notice, &parts)
    }
}
