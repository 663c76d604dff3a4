//! `/design`: every component on one page, for those who build pages and for the browser tests; only where the setting
//! asks for it. The clock and the log are live, the buttons really ask and answer.

use std::time::Duration;

use actix_session::Session;
use actix_web::HttpResponse;
use askama::Template;

use super::charts::{Bars, Fill, Mark, Series, Spark, Tick, Trend, fill, spark, trend};
use super::confirm::{Confirm, ConfirmPage};
use super::error::WebError;
use super::form::Form;
use super::format::{Count, Stamp, count};
use super::live::{Frame, Listener, panels};
use super::log::LogRow;
use super::parts::{Change, Choice, DiffRow, Notice, Order, Pages, SortHeader, Tab};
use super::paths;
use super::rail::Section;
use super::request::Hx;
use super::respond::{self, Part};
use super::shell::Shell;
use super::span::Span;
use super::table::{Access, Route};
use super::tone::Tone;
use super::{json, log};
use crate::base::db::PgConnection;
use crate::queue::actor::Actor;

/// The page.
#[derive(Template)]
#[template(path = "design.html", blocks = ["clock"])]
pub struct DesignPage {
    shell: Shell,
    tones: [Tone; 12],
    form: Form,
    choices: Vec<Choice>,
    priorities: Vec<Choice>,
    diff: Vec<DiffRow>,
    bars: Bars,
    spark: Spark,
    trend: Trend,
    fill: Fill,
    stamp: Stamp,
    many: Count,
    notices: Vec<Notice>,
    tabs: Vec<Tab>,
    header: SortHeader,
    pages: Pages,
    log: Vec<LogRow>,
    json: Vec<Span>,
}

/// The routes of the page.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(paths::DESIGN, Access::SignedIn, show),
        Route::get(paths::DESIGN_ASK, Access::SignedIn, ask),
        Route::post(paths::DESIGN_ASK, Access::SignedIn, act),
        Route::get(paths::DESIGN_LIVE, Access::SignedIn, stream),
    ]
}

async fn show(hx: Hx, shell: Shell) -> Result<HttpResponse, WebError> {
    respond::page(&hx, &DesignPage::new(shell), &[])
}

fn question(form: Form) -> Confirm {
    Confirm {
        question: "Delete 1,204 failed jobs?".into(),
        effects: vec!["Their logs and arguments go too. The audit trail keeps a record of this act.".into()],
        tags: vec!["State is Failed".into(), "Template is webhook.deliver".into()],
        action: paths::DESIGN_ASK.into(),
        verb: "Delete 1,204 jobs".into(),
        keep: "Keep them".into(),
        back: paths::DESIGN.into(),
        harmful: true,
        typed: "1204".into(),
        reason: true,
        form,
        ..Confirm::default()
    }
}

async fn ask(hx: Hx, shell: Shell) -> Result<HttpResponse, WebError> {
    let page = ConfirmPage { shell: shell.titled("Delete jobs", Section::Elsewhere), ask: question(Form::default()) };
    respond::page(&hx, &page, &[("dialog", &page.as_dialog())])
}

async fn act(hx: Hx, shell: Shell, session: Session, form: Form) -> Result<HttpResponse, WebError> {
    let mut question = question(form);
    if !question.check() {
        let page = ConfirmPage { shell: shell.titled("Delete jobs", Section::Elsewhere), ask: question };
        return respond::refused(&hx, &page, &[("ask", &page.as_dialog())]);
    }
    let notice = Notice::done("Nothing was deleted.").saying("This page only shows how it looks.");
    let page = DesignPage::new(shell);
    respond::done(&hx, &session, paths::DESIGN, &notice, &[Part { id: "panel-clock", inside: &page.as_clock() }])
}

/// The clock goes on each second, and each second adds a line to the log.
async fn stream(listener: Listener) -> Result<HttpResponse, WebError> {
    let look = |_: &mut PgConnection, _: &Actor, shell: Shell, after: u64| {
        let page = DesignPage::new(shell);
        let line = line(&page.shell, after + 1, 'I', "one more second has gone");
        let tail = Some(log::tail("log-rows", &[line])?);
        Ok(Frame { panels: panels(&[("panel-clock", &page.as_clock())])?, tail })
    };
    listener.follow("design", Duration::from_secs(1), look).await
}

impl DesignPage {
    /// Fills every component with an example.
    pub fn new(shell: Shell) -> Self {
        let shell =
            shell.titled("Components", Section::Elsewhere).under("Design", paths::DESIGN).streaming("design").after(4);
        Self {
            tones: Tone::ALL,
            form: refused_form(),
            choices: ["imports", "mail.bulk"].map(|queue| Choice::new(queue, queue).helped("96 slots")).into(),
            priorities: ["1", "2", "3", "4", "5"].map(|number| Choice::new(number, number)).into(),
            diff: example_diff(),
            bars: throughput(),
            spark: spark(&[2.0, 2.0, 3.0, 2.0, 8.0, 18.0, 30.0, 38.0], "l1", "waiting time p95, last hour: rising"),
            trend: trend(&[0, 0, 1, 6, 9, 8, 9], "b-bad", "failures per 5 minutes: new and rising"),
            fill: fill(96, 96, "96 of 96 slots busy"),
            stamp: shell.as_of(),
            many: count(1_843_209),
            notices: example_notices(),
            tabs: Tone::ALL[..7]
                .iter()
                .map(|tone| Tab::new(tone.word(), "#", *tone == Tone::Failed).counting(318).toned(*tone))
                .collect(),
            header: SortHeader { label: "Activity".into(), href: "#".into(), order: Order::Descending },
            pages: Pages { shown: "7 of 2,214".into(), newer: None, older: Some("#".into()) },
            log: example_log(&shell),
            json: json::pretty(&serde_json::json!({
                "supplier": "nordwind", "expected_rows": 5000, "price_list_id": 9_007_199_254_740_993_u64,
                "dry_run": false, "notify": ["buyers@acquaviva.example"],
            })),
            shell,
        }
    }
}

fn refused_form() -> Form {
    let mut form = Form::default().with("name", "Mail Send").with("timeout", "60").with("priority", "3");
    form = form
        .with("args", "{\n  \"to\": \"x\"\n}")
        .with("overlap", "imports")
        .with("tags", "imports")
        .with("notify", "on");
    form.refuse("name", "A template's name may hold only a-z, 0-9, '.', '_' and '-', but \"Mail Send\" holds 'M'");
    form
}

fn example_diff() -> Vec<DiffRow> {
    let rows = [
        (Change::Kept, "retry:"),
        (Change::Removed, "  max_attempts: 5"),
        (Change::Added, "  max_attempts: 8"),
        (Change::Kept, "  backoff: exponential"),
    ];
    rows.map(|(change, text)| DiffRow { change, text: text.into() }).into()
}

fn throughput() -> Bars {
    let done: Vec<f64> = (0..60).map(|minute| 1_080.0 + 120.0 * f64::from(minute % 9)).collect();
    let failed: Vec<f64> = (0..60).map(|minute| if (44..57).contains(&minute) { 80.0 } else { 5.0 }).collect();
    let series = [
        Series { class: "b-ok", name: "Succeeded", values: &done },
        Series { class: "b-bad", name: "Failed attempt", values: &failed },
    ];
    let mut bars = Bars::stacked("About 1,250 succeeded per minute; failures rose at 14:17", &series, None);
    bars.x_ticks = vec![Tick::along("13:33", 0.0), Tick::along("14:00", 46.0), Tick::along("now", 100.0)];
    bars.marks = vec![Mark::at(73.3, "14:17 first SMTP 421")];
    bars
}

fn example_notices() -> Vec<Notice> {
    vec![
        Notice::done("Retrying 182 jobs.").saying("First result in a few seconds.").linking("Watch", "#"),
        Notice::new(Tone::Paused, "exports is paused.").saying("96 ready jobs keep their place."),
        Notice::failed("Nothing was changed.")
            .saying("The 3 jobs finished before the retry arrived. Reference 7F3C-21."),
    ]
}

fn example_log(shell: &Shell) -> Vec<LogRow> {
    let lines = [
        ('I', "attempt 2 started on mil-01 (slot 47), lease 30 s"),
        ('D', "advisory lock catalog:nordwind acquired"),
        ('W', "row 311: EAN 400638133393 has 12 digits, \u{1b}[1mexpected 13\u{1b}[0m; left-padded"),
        ('E', "\u{1b}[31mserialization failure\u{1b}[0m, retrying batch (1 of 3) \u{202e}hidden"),
    ];
    (1..).zip(lines).map(|(number, (level, text))| line(shell, number, level, text)).collect()
}

fn line(shell: &Shell, number: u64, level: char, text: &str) -> LogRow {
    LogRow::new("log", number, (shell.now, level), text, shell.zone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::shell::sample;

    #[test]
    fn every_component_renders_without_inline_style_or_script() {
        let page = DesignPage::new(sample::shell()).render().expect("the page renders");

        for forbidden in [" style=", "<style", " onclick", "javascript:", "hx-on"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("\u{2039}U+202E\u{203a}</span>hidden"));
    }
}
