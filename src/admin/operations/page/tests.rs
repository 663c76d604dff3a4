//! Every template in every state.

use askama::Template;

use super::ask::{AskPage, Asked};
use super::list::ListPage;
use super::sample::operation;
use super::show::ShowPage;
use super::start::done;
use super::story;
use super::view::View;
use crate::admin::jobs::query::parse;
use crate::admin::jobs::reckon::Reckoned;
use crate::admin::operations::acted::Acted;
use crate::admin::operations::{Bulk, Format, Operation, OperationState, Plan, Skipped, Which};
use crate::queue::actor::Actor;
use crate::queue::job::JobId;
use crate::queue::permission::Role;
use crate::queue::state::JobState;
use crate::web::apart::Apart;
use crate::web::form::Form;
use crate::web::shell::sample::shell;

fn actor(role: Role) -> Actor {
    Actor { role, ..Actor::system("test") }
}

fn shown(operation: &Operation, role: Role, left: Vec<Skipped>) -> String {
    let one = View::new(operation, &actor(role), &shell());
    let acted = Acted { jobs: vec![JobId(41)], by_state: [(JobState::Running, 1)].into(), is_cut: false };
    let (now, deeds) = (story::now(&acted), story::deeds(&[], &shell()));
    ShowPage::new(shell(), one, left, (0, Some(1_200))).beside(Apart::Here(now), deeds).render().expect("rendered")
}

#[test]
fn every_state_says_what_it_is_and_what_can_be_done() {
    let left = vec![Skipped { place: 1_001, job: JobId(42), reason: "it is <held>, so it cannot be retried".into() }];
    for (state, words) in [
        (OperationState::Running, ["Stop…", "about 4 s left", "400 jobs/s, at most 500"]),
        (OperationState::Stopped, ["Resume", "Marco Bellini stopped it", "3,200 of 5,000"]),
        (OperationState::Failed, ["Resume", "It could not go on: there is no queue", "&#60;u&#62;"]),
        (OperationState::Done, ["no longer matched", "1,800", "told to stop"]),
    ] {
        let page = shown(&operation(state), Role::Admin, left.clone());
        for word in words {
            assert!(page.contains(word), "{state:?} {word}: {page}");
        }
        assert!(
            page.contains("it is &#60;held&#62;")
                && page.contains("the &#60;i&#62;server")
                && !page.contains("<b>refused")
        );
        assert!(page.contains("after=1200") && page.contains("/operations/7/results.csv"));
    }
    assert!(!shown(&operation(OperationState::Done), Role::Admin, left.clone()).contains("Resume"));
    let stopped = |expected| Operation { expected: Some(expected), done: 99, ..operation(OperationState::Stopped) };
    assert!(shown(&stopped(433), Role::Operator, left.clone()).contains("/operations/7/resume"));
    assert!(
        !shown(&stopped(5_000), Role::Operator, left).contains("/operations/7/resume"),
        "a large one needs an admin"
    );
}

#[test]
fn whoever_sees_no_payloads_sees_no_filter_and_no_acts() {
    let page = shown(&operation(OperationState::Running), Role::Viewer, Vec::new());

    assert!(page.contains("needs the role analyst") && !page.contains("refused"), "{page}");
    assert!(!page.contains("Stop…") && page.contains("No job was left alone"));
}

#[test]
fn an_export_speaks_of_its_file_and_of_nothing_left_alone() {
    let export = Operation { act: Bulk::Export(Format::Csv), skipped: 0, asked: 0, ..operation(OperationState::Done) };

    let page = shown(&export, Role::Operator, Vec::new());

    assert!(page.contains("Download the jobs, CSV") && page.contains("Outcome of each job, CSV"), "{page}");
    assert!(!page.contains("whose state does not allow it") && !page.contains("left alone</dt>"), "{page}");
    assert!(!page.contains("Its jobs now"), "an export changes none: {page}");

    let retry = shown(&operation(OperationState::Done), Role::Operator, Vec::new());
    assert!(retry.contains("Its jobs now") && retry.contains("/jobs?q=state%3Arunning%20id%3A41"), "{retry}");
}

#[test]
fn the_list_teaches_when_it_is_empty() {
    let row = |state| View::new(&operation(state), &actor(Role::Admin), &shell());
    let rows = OperationState::ALL.map(row).into();

    let page = ListPage::new(shell(), rows, (Some(9), Some(3))).render().expect("rendered");
    assert!(page.contains("Retry 5,000 jobs") && page.contains("after=3") && page.contains("Newest"));
    let empty = ListPage::new(shell(), Vec::new(), (None, None)).render().expect("rendered");
    assert!(empty.contains("No bulk operation yet") && empty.contains("href=\"/jobs\""));
}

#[test]
fn what_was_done_is_told_in_numbers() {
    let told = |act, number, asked| done(&Operation { act, done: number, asked, ..operation(OperationState::Done) });

    assert_eq!(told(Bulk::Cancel, 2, 1), "2 jobs are cancelled. 1 job that runs was told to stop.");
    assert_eq!(told(Bulk::Cancel, 0, 3), "3 jobs that run were told to stop.");
    assert_eq!(told(Bulk::Hold, 1, 0), "1 job is held.");
    assert_eq!(told(Bulk::Hold, 0, 0), "0 jobs are held.");
}

#[test]
fn an_operation_that_could_not_be_counted_says_at_least() {
    let uncounted = Operation { expected: None, act: Bulk::Move("mail".into()), ..operation(OperationState::Running) };
    let one = View::new(&uncounted, &actor(Role::Admin), &shell());

    assert_eq!((one.title.as_str(), one.percent), ("Move to mail: at least 3,200 jobs", None));
    let waiting = Operation { waits_for_node: true, ..operation(OperationState::Running) };
    assert!(View::new(&waiting, &actor(Role::Admin), &shell()).said.contains("Is an engine running?"));
}

#[test]
fn nothing_can_be_confirmed_before_everything_has_been_counted() {
    let which = Which::Query(parse("tag:vip").query);
    let plan = Plan { act: Bulk::Retry, which, zone: chrono_tz::UTC, rate_per_s: None, reason: String::new() };
    let found = Reckoned { by_state: [(JobState::Failed, 320_000)].into(), rest: Some(7_000) };
    let asked = Asked { plan: &plan, act: "retry", found: &found, is_fresh: true, back: "/jobs".into() };
    let form = || {
        Form::default()
            .with("act", "retry")
            .with("all", "on")
            .with("q", "tag:vip")
            .with("counted", "below.9000-failed.1")
    };
    let page = || AskPage::new(&actor(Role::Admin), shell(), &asked, form());

    let confirm = "type=\"submit\">Retry at least 320,000 jobs</button>";

    let counting = page().counting_on(&found, std::time::Duration::from_millis(90)).render().expect("rendered");
    assert!(counting.contains("Retry at least 320,000 jobs?") && counting.contains("Count them all"), "{counting}");
    let next =
        "/operations/new?act=retry&#38;all=on&#38;q=tag%3Avip&#38;counted=below.7000-failed.320000&#38;spent_ms=90";
    assert!(counting.contains(next) && counting.contains("whole=on") && !counting.contains(confirm), "{counting}");

    let counted = page().render().expect("rendered"); // for as long as anybody waits, and still not all
    assert!(counted.contains(confirm) && !counted.contains("Count them all"), "{counted}");
    assert!(counted.contains("Type retry to confirm"), "{counted}");
}
