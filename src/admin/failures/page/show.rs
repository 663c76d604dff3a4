//! `GET /failures/{fingerprint}` and its stream: one group, where it comes, what differs, what people decided and wrote.

use std::time::Duration;

use askama::Template;

use super::near::{
    AttemptLine, Differs, Facts, Sample, Shares, attempt_line, bars, deed, differs, facts, lines, note_line, sample,
};
use super::row::{Row, first_line, words};
use crate::admin::failures::detail::{Attempt, Note, Share, attempts, course_of, notes, shares};
use crate::admin::failures::differs::{Compared, compare};
use crate::admin::failures::read::{Course, GroupRow};
use crate::admin::failures::service::{self, FailureError, sees_messages};
use crate::admin::failures::{Range, Sort};
use crate::admin::jobs::trail::{Record, trail_of};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;
use crate::web::apart::{self, Apart, Place};
use crate::web::charts::Bars;
use crate::web::error::WebError;
use crate::web::live::{ActedOn, Address, LiveError, LivePage, Panel, panels};
use crate::web::parts::{Deed, Tab};
use crate::web::paths;
use crate::web::rail::Section;
use crate::web::shell::Shell;

/// Looks at hundreds of jobs.
const DIFFERS: apart::Panel = apart::Panel { id: "panel-differs", what: "What differs" };
/// Records of the audit trail shown.
const DEEDS_MAX: i64 = 20;

/// The page.
#[derive(Template)]
#[template(
    path = "failures/show.html",
    blocks = ["head", "facts", "course_block", "differs_block", "jobs_block", "shares_block", "notes_block", "deeds_block"]
)]
pub struct ShowPage {
    pub shell: Shell,
    pub row: Row,
    pub group: Facts,
    pub ranges: Vec<Tab>,
    /// What the range covers.
    pub range: &'static str,
    pub bars: Bars,
    pub shares: Shares,
    pub sample: Option<Sample>,
    pub attempts: Vec<AttemptLine>,
    pub differs: Apart<Differs>,
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
    pub range: Range,
    pub course: Option<Course>,
    pub shares: Vec<Share>,
    pub attempts: Vec<Attempt>,
    pub compared: Apart<Compared>,
    pub notes: Vec<Note>,
    pub trail: Vec<Record>,
}

/// `GET /failures/{fingerprint}`, and every five seconds `GET /live/failure?fingerprint=`. Without a range in the address it is
/// the shortest in which the group was seen.
impl LivePage for ShowPage {
    const NAME: &'static str = "failure";
    const EVERY: Duration = Duration::from_secs(5);
    const APART: &'static [apart::Panel] = &[DIFFERS];
    type Asked = (String, Option<Range>);
    type Refused = FailureError;

    fn asked(address: &Address) -> Result<(String, Option<Range>), WebError> {
        Ok((address.text("fingerprint").to_owned(), Range::parse(address.text("range"))))
    }

    fn check(conn: &mut PgConnection, actor: &Actor, (print, _): &(String, Option<Range>)) -> Result<(), FailureError> {
        service::find(conn, actor, print).map(|_| ())
    }

    fn read(
        conn: &mut PgConnection,
        actor: &Actor,
        shell: Shell,
        (print, range): &(String, Option<Range>),
    ) -> Result<Self, FailureError> {
        let known = Known::whole(conn, actor, print, (*range, &shell))?;
        Ok(Self::new(actor, shell, &known))
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        panels(&[
            ("panel-facts", &self.as_facts()),
            ("panel-course", &self.as_course_block()),
            ("panel-jobs", &self.as_jobs_block()),
            ("panel-shares", &self.as_shares_block()),
        ])
    }

    fn part(&self, _: &str) -> askama::Result<Vec<Panel>> {
        panels(&[(DIFFERS.id, &self.as_differs_block())])
    }

    fn look(
        conn: &mut PgConnection,
        actor: &Actor,
        shell: Shell,
        (print, range): &(String, Option<Range>),
    ) -> Result<Vec<Panel>, LiveError> {
        let known = Known::changing(conn, actor, print, (*range, &shell)).map_err(LiveError::of)?;
        Ok(Self::new(actor, shell, &known).panels()?)
    }
}

impl ActedOn for ShowPage {
    fn changed(&self) -> askama::Result<Vec<Panel>> {
        panels(&[
            ("panel-head", &self.as_head()),
            ("panel-facts", &self.as_facts()),
            ("panel-notes", &self.as_notes_block()),
            ("panel-deeds", &self.as_deeds_block()),
        ])
    }
}

impl Known {
    /// Reads what changes by itself.
    fn changing(
        conn: &mut PgConnection,
        actor: &Actor,
        print: &str,
        (range, shell): (Option<Range>, &Shell),
    ) -> Result<Self, FailureError> {
        let group = service::find(conn, actor, print)?;
        let range = range.unwrap_or_else(|| Range::reaching(group.last_seen, shell.now));
        let shares = shares(conn, &actor.scope, print, (range, shell.now))?;
        let course = course_of(print, &shares);
        let attempts = attempts(conn, &actor.scope, print)?;
        let compared = Apart::Later(Place::of(shell, DIFFERS));
        let (notes, trail) = (Vec::new(), Vec::new());
        Ok(Self { group, range, course, shares, attempts, compared, notes, trail })
    }

    fn whole(
        conn: &mut PgConnection,
        actor: &Actor,
        print: &str,
        (range, shell): (Option<Range>, &Shell),
    ) -> Result<Self, FailureError> {
        let known = Self::changing(conn, actor, print, (range, shell))?;
        let sees = sees_messages(actor);
        let compared = Apart::read(conn, shell, DIFFERS, |tx| compare(tx, &actor.scope, print, sees))?;
        let notes = notes(conn, print)?;
        let trail = trail_of(conn, actor, ("failure", print), DEEDS_MAX)?;
        Ok(Self { compared, notes, trail, ..known })
    }
}

impl ShowPage {
    pub(super) fn new(actor: &Actor, shell: Shell, known: &Known) -> Self {
        let (group, range) = (&known.group, known.range);
        let row = Row::new(group, known.course.as_ref(), (range, Sort::Last), actor, &shell);
        let ranged = |range: Range| ("range", range.as_str());
        let live = paths::with_query(&paths::live("failure"), &[("fingerprint", &group.fingerprint), ranged(range)]);
        let shell = shell.titled(row.message.clone(), Section::Failures).under("Failures", paths::FAILURES);
        let href = |range: Range| paths::with_query(&row.href, &[ranged(range)]);
        Self {
            group: facts(group, &shell),
            ranges: Range::ALL.map(|one| Tab::new(words(one), href(one), one == range)).into(),
            range: words(range),
            bars: bars(known.course.as_ref(), range, &shell),
            shares: lines(&known.shares, group, &shell),
            sample: known.attempts.first().filter(|_| sees_messages(actor)).map(|attempt| sample(attempt, &shell)),
            attempts: known.attempts.iter().map(|attempt| attempt_line(attempt, &shell)).collect(),
            differs: known.compared.show(differs),
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
}
