//! `GET /` and its stream.

use std::time::Duration;

use askama::Template;

use super::kept::{Kept, Slow};
use super::next::{DueRow, due, due_rows};
use super::rows::{FailingRow, NodeRow, QueueRow, failing_row, node_row, queue_row};
use super::sentences::{Sentence, sentences};
use super::tiles::{Tile, tiles};
use super::view::{Facts, FlowBand, StartStep, flow_band, ribbons, start_steps, throughput};
use super::{
    Event, Span, ailing, ended, events, failing, fleet, flow, nodes, queues, run_week_ago, steps, totals, unheard,
};
use crate::admin::health::database::{self, WatchError};
use crate::admin::health::peak;
use crate::admin::health::service::Finding;
use crate::base::clock::Time;
use crate::base::db::{DbError, PgConnection, Tx, within};
use crate::queue::actor::{Actor, Scope};
use crate::queue::node::drains;
use crate::queue::permission::Permission;
use crate::web::apart::{self, Apart};
use crate::web::charts::{Bars, Ribbon};
use crate::web::error::WebError;
use crate::web::live::{self, Address, LivePage, Panel, panels};
use crate::web::parts::Tab;
use crate::web::rail::Section;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};
use crate::web::{format, paths};

use super::activity::{Activity, activity};

/// Failure groups shown.
const GROUPS_SHOWN_MAX: usize = 6;
/// Failure groups that are looked at for what needs a person.
const GROUPS_MAX: i32 = 100;

/// What reading the marks of the chart may take.
const MARKS_MAX: Duration = Duration::from_millis(300);
/// The audit trail tells nothing of the jobs, and they do not wait for it.
const STAFF: apart::Panel = apart::Panel { id: "panel-staff", what: "Staff activity" };

/// The routes of the dashboard.
pub fn routes() -> Vec<Route> {
    vec![
        Route::get(paths::DASHBOARD, Access::Needs(Permission::ReadJobs), live::show::<DashboardPage>),
        Route::get("/live/dashboard", Access::Needs(Permission::ReadJobs), live::stream::<DashboardPage>),
    ]
}

/// What the address asks for, and what its stream remembers.
struct Asked {
    span: Span,
    kept: Kept,
}

#[derive(Template)]
#[template(
    path = "dashboard/index.html",
    blocks = ["headline", "attention", "flow_band", "throughput", "tiles_block", "queues_block", "failing_block", "due_block", "nodes_block", "staff"]
)]
struct DashboardPage {
    shell: Shell,
    facts: String,
    spans: Vec<Tab>,
    may_enqueue: bool,
    concerns: Vec<Sentence>,
    start: Option<Vec<StartStep>>,
    flow: FlowBand,
    ribbons: [Ribbon; 3],
    bars: Bars,
    throughput_unit: &'static str,
    tiles: Vec<Tile>,
    queues: Vec<QueueRow>,
    queues_aside: String,
    failing: Vec<FailingRow>,
    due: Vec<DueRow>,
    nodes: Vec<NodeRow>,
    activity: Apart<Vec<Activity>>,
    /// The viewer reads everybody's acts, not only the own ones.
    sees_all_acts: bool,
}

/// Sentences of the attention card that are told at once; the others open.
const CONCERNS_TOLD: usize = 4;

impl DashboardPage {
    /// Gives what is told at once and the rest.
    fn concerns(&self) -> (&[Sentence], &[Sentence]) {
        self.concerns.split_at(self.concerns.len().min(CONCERNS_TOLD))
    }

    fn staff_title(&self) -> &'static str {
        if self.sees_all_acts { "Staff activity" } else { "What you did last" }
    }

    fn nothing_done(&self) -> &'static str {
        if self.sees_all_acts { "Nobody has changed anything yet" } else { "You have changed nothing yet" }
    }
}

impl LivePage for DashboardPage {
    const NAME: &'static str = "dashboard";
    const EVERY: Duration = Duration::from_secs(1);
    const APART: &'static [apart::Panel] = &[STAFF];
    type Asked = Asked;
    type Refused = DbError;

    fn asked(address: &Address) -> Result<Asked, WebError> {
        Ok(Asked { span: Span::parse(address.text("range")).unwrap_or_default(), kept: Kept::default() })
    }

    fn read(conn: &mut PgConnection, actor: &Actor, shell: Shell, asked: &Asked) -> Result<Self, DbError> {
        page(conn, actor, shell.titled("Dashboard", Section::Dashboard).streaming("dashboard"), asked)
    }

    fn panels(&self) -> askama::Result<Vec<Panel>> {
        let mut shown = panels(&[
            ("panel-facts", &self.as_headline()),
            ("panel-attention", &self.as_attention()),
            ("panel-flow", &self.as_flow_band()),
            ("panel-throughput", &self.as_throughput()),
            ("panel-tiles", &self.as_tiles_block()),
            ("panel-queues", &self.as_queues_block()),
            ("panel-failing", &self.as_failing_block()),
            ("panel-due", &self.as_due_block()),
            ("panel-nodes", &self.as_nodes_block()),
        ])?;
        shown.push(Panel { id: "panel-queues-aside".into(), html: self.queues_aside.clone() }); // two numbers and words of ours
        // one's own acts are not for those who share the stream
        if self.sees_all_acts && self.activity.is_here() {
            shown.extend(self.part(STAFF.id)?);
        }
        Ok(shown)
    }

    fn part(&self, _: &str) -> askama::Result<Vec<Panel>> {
        panels(&[(STAFF.id, &self.as_staff())])
    }
}

fn page(conn: &mut PgConnection, actor: &Actor, shell: Shell, asked: &Asked) -> Result<DashboardPage, DbError> {
    let span = asked.span;
    let activity = Apart::read(conn, &shell, STAFF, |tx: &mut Tx<'_>| activity(tx, actor, &shell))?;
    let facts = read(conn, actor, asked, shell.now)?;
    let may_draft = actor.may(Permission::DraftTemplates);
    Ok(DashboardPage {
        facts: headline(&shell, &facts),
        spans: spans(span),
        may_enqueue: actor.may(Permission::Enqueue),
        concerns: sentences(&facts, &shell).into_iter().map(|one| one.for_those_who_may(actor)).collect(),
        // what the limited see nothing of may be full of others' jobs
        start: actor.scope.is_everything().then(|| start_steps(&facts, may_draft)).flatten(),
        flow: flow_band(&facts, shell.now),
        ribbons: ribbons(&facts.flow),
        bars: throughput(&facts, span, &shell),
        throughput_unit: "jobs per minute",
        tiles: tiles(&facts, span, &shell),
        queues: facts.queues.lines.iter().take(10).map(|queue| queue_row(queue, shell.now)).collect(),
        queues_aside: queues_aside(&facts),
        failing: facts
            .failing
            .iter()
            .take(GROUPS_SHOWN_MAX)
            .map(|group| failing_row(group, actor, shell.now))
            .collect(),
        due: due_rows(&facts.due, shell.now),
        nodes: facts.nodes.iter().map(|node| node_row(node, &shell)).collect(),
        activity,
        sees_all_acts: actor.may(Permission::ReadAudit),
        shell,
    })
}

fn read(conn: &mut PgConnection, actor: &Actor, asked: &Asked, now: Time) -> Result<Facts, DbError> {
    let (scope, span) = (&actor.scope, asked.span);
    let slow = asked.kept.get(span, now, || slow(conn, scope, span, now))?;
    let recent = span.recent(now);
    Ok(Facts {
        flow: flow(conn, scope)?,
        steps: slow.with(span, (recent, now), steps(conn, scope, span, recent)?),
        slow,
        queues: queues(conn, scope)?,
        failing: failing(conn, actor, now, GROUPS_MAX)?,
        due: due(conn, scope)?,
        nodes: nodes(conn)?,
        fleet: fleet(conn)?,
        unheard: unheard(conn)?,
        drains: drains(conn, None)?,
        database: database_concerns(conn, actor)?,
        ailing: ailing(conn, scope)?,
    })
}

fn slow(conn: &mut PgConnection, scope: &Scope, span: Span, now: Time) -> Result<Slow, DbError> {
    let first = span.bars(now).first().copied().unwrap_or(now);
    Ok(Slow {
        steps: steps(conn, scope, span, first)?,
        totals: totals(conn, scope, span, now)?,
        day: ended(conn, scope, Span::Day, now)?,
        run_week_ago: run_week_ago(conn, scope, span, now)?,
        peak: peak(conn)?,
        events: marks(conn, scope, span, now)?,
        templates: super::read::active_templates(conn)?,
    })
}

/// What stands above the bars. A trail that is not read in time leaves the chart without marks: nothing else waits for it.
fn marks(conn: &mut PgConnection, scope: &Scope, span: Span, now: Time) -> Result<Vec<Event>, DbError> {
    match within(conn, "dashboard::marks", MARKS_MAX, |tx| events(tx, scope, span, now)) {
        Err(DbError::TimedOut) => {
            tracing::warn!("the marks of the dashboard's chart were not read in time");
            Ok(Vec::new())
        }
        read => read,
    }
}

/// What is wrong with the database, for those who may know.
fn database_concerns(conn: &mut PgConnection, actor: &Actor) -> Result<Vec<Finding>, DbError> {
    match database::latest(conn, actor) {
        Ok(health) => Ok(health.warnings),
        Err(WatchError::Forbidden(_)) => Ok(Vec::new()),
        Err(WatchError::Db(error)) => Err(error),
    }
}

fn headline(shell: &Shell, facts: &Facts) -> String {
    let shown = shell.now.with_timezone(&shell.zone).format("%A %-d %B, %H:%M");
    let (count, slots) = (facts.fleet.nodes.unsigned_abs(), facts.fleet.slots.unsigned_abs());
    let nodes = if count == 1 { "1 node".to_owned() } else { format!("{} nodes", format::grouped(count)) };
    format!("{shown} · {nodes} · {} slots", format::grouped(slots))
}

fn queues_aside(facts: &Facts) -> String {
    let counted = |number: i64| format::grouped(number.unsigned_abs());
    format!("{} of {} active", counted(facts.queues.active), counted(facts.queues.all))
}

fn spans(current: Span) -> Vec<Tab> {
    let href = |span: Span| {
        if span == Span::default() {
            paths::DASHBOARD.to_owned()
        } else {
            format!("{}?range={}", paths::DASHBOARD, span.as_str())
        }
    };
    Span::ALL.into_iter().map(|span| Tab::new(span.words(), href(span), span == current)).collect()
}
