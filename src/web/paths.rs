//! Every address of the console and the API, spelled once: the pattern for the route table and the builder for links.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::queue::actor::PersonId;
use crate::queue::job::JobId;

/// What stays as it is inside one segment of a path or one value of a query (RFC 3986 "unreserved").
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Declares addresses: a constant with the pattern, and beside it, for patterns with parts, a function that fills them.
macro_rules! paths {
    ($($(#[$doc:meta])* $pattern:ident $(= $build:ident($($part:ident: $kind:ty),+))? : $text:literal;)+) => {
        $(
            $(#[$doc])*
            pub const $pattern: &str = $text;
            $(
                #[doc = concat!("Fills [`", stringify!($pattern), "`].")]
                pub fn $build($($part: $kind),+) -> String {
                    fill($pattern, &[$(&$part.to_string()),+])
                }
            )?
        )+
        #[cfg(test)]
        const DECLARED: &[(&str, &[&str])] = &[$(($text, &[$($(stringify!($part)),+)?])),+];
    };
}

paths! {
    /// The dashboard.
    DASHBOARD: "/";
    /// Jobs.
    JOBS: "/jobs";
    /// The form that enqueues a job.
    JOB_NEW: "/jobs/new";
    /// One job.
    JOB = job(id: JobId): "/jobs/{id}";
    /// One attempt of a job.
    ATTEMPT = attempt(id: JobId, number: i32): "/jobs/{id}/attempts/{number}";
    /// The whole log of a job's attempt.
    JOB_LOG = job_log(id: JobId): "/jobs/{id}/log";
    /// What an operator does to a job (`cancel`, `retry`, `hold`, `release`, `edit`): GET asks, POST acts.
    JOB_ACT = job_act(id: JobId, verb: &str): "/jobs/{id}/{verb}";
    /// The same as plain text, to be kept.
    JOB_LOG_TEXT = job_log_text(id: JobId): "/jobs/{id}/log.txt";
    /// A new job like this one, with other arguments.
    JOB_EDIT = job_edit(id: JobId): "/jobs/{id}/edit";
    /// A new job like this one.
    JOB_AGAIN = job_again(id: JobId): "/jobs/{id}/again";
    /// Writes what a search finds down as a file (`q=`): GET asks, POST begins.
    JOBS_EXPORT: "/jobs/export";
    /// Two jobs or attempts side by side.
    JOBS_COMPARE: "/jobs/compare";
    /// Bulk operations.
    OPERATIONS: "/operations";
    /// Starts a bulk operation (`act=`, `q=` or `id=`): GET asks, POST acts.
    OPERATION_NEW: "/operations/new";
    /// One bulk operation.
    OPERATION = operation(id: i64): "/operations/{id}";
    /// What an operator does to it (`stop`, `resume`): GET asks, POST acts.
    OPERATION_ACT = operation_act(id: i64, verb: &str): "/operations/{id}/{verb}";
    /// What an export wrote down.
    OPERATION_FILE = operation_file(id: i64): "/operations/{id}/file";
    /// What became of each of its jobs, as a table to be kept.
    OPERATION_RESULTS = operation_results(id: i64): "/operations/{id}/results.csv";
    /// What could be typed next into the search of jobs, for the box.
    JOBS_COMPLETE: "/jobs/complete";
    /// A saved view: leads to its whole address.
    SAVED_VIEW = saved_view(slug: &str): "/v/{slug}";
    /// The saved views that one may see.
    VIEWS: "/views";
    /// The form that saves a view (`page=`, `address=`).
    VIEW_NEW: "/views/new";
    /// The form that gives a view another name, address or visibility.
    VIEW_CHANGE = view_change(slug: &str): "/views/{slug}/change";
    /// Puts a view above the list, or takes it away from there.
    VIEW_PIN = view_pin(slug: &str): "/views/{slug}/pin";
    /// Deletes a view: GET asks, POST acts.
    VIEW_DELETE = view_delete(slug: &str): "/views/{slug}/delete";
    /// Groups of failures.
    FAILURES: "/failures";
    /// One group of failures.
    FAILURE = failure(fingerprint: &str): "/failures/{fingerprint}";
    /// What an operator decides about a group (`mute`, `handle`, `assign`, …): GET asks, POST acts.
    FAILURE_ACT = failure_act(fingerprint: &str, verb: &str): "/failures/{fingerprint}/{verb}";
    /// Queues.
    QUEUES: "/queues";
    /// One queue.
    QUEUE = queue(name: &str): "/queues/{name}";
    /// The form that gives a queue other limits.
    QUEUE_LIMITS = queue_limits(name: &str): "/queues/{name}/limits";
    /// What an operator does to a queue (`pause`, `resume`): GET asks, POST acts.
    QUEUE_ACT = queue_act(name: &str, verb: &str): "/queues/{name}/{verb}";
    /// Pools.
    POOLS: "/pools";
    /// The form that makes a pool.
    POOL_NEW: "/pools/new";
    /// One pool.
    POOL = pool(name: &str): "/pools/{name}";
    /// The form that changes a pool.
    POOL_CHANGE = pool_change(name: &str): "/pools/{name}/change";
    /// Removes a pool: GET asks, POST acts.
    POOL_REMOVE = pool_remove(name: &str): "/pools/{name}/remove";
    /// Nodes.
    NODES: "/nodes";
    /// One node.
    NODE = node(name: &str): "/nodes/{name}";
    /// Other bounds for the slots of a node: GET shows the form, POST sets them.
    NODE_SLOTS = node_slots(name: &str): "/nodes/{name}/slots";
    /// The bounds of a node's own setting again: GET asks, POST acts.
    NODE_OWN_SLOTS = node_own_slots(name: &str): "/nodes/{name}/own-slots";
    /// What an operator does to a node (`drain`, `resume`): GET asks, POST acts.
    NODE_ACT = node_act(name: &str, verb: &str): "/nodes/{name}/{verb}";
    /// Templates.
    TEMPLATES: "/templates";
    /// The form for a new template.
    TEMPLATE_NEW: "/templates/new";
    /// One template.
    TEMPLATE = template(name: &str): "/templates/{name}";
    /// One version of a template.
    TEMPLATE_VERSION = template_version(name: &str, version: i32): "/templates/{name}/v/{version}";
    /// The difference between two versions (`from=`, `to=`).
    TEMPLATE_DIFF = template_diff(name: &str): "/templates/{name}/diff";
    /// The editor of a template: a new version.
    TEMPLATE_EDIT = template_edit(name: &str): "/templates/{name}/edit";
    /// Makes a version the active one (`version=`): GET asks, POST acts.
    TEMPLATE_PUBLISH = template_publish(name: &str): "/templates/{name}/publish";
    /// Goes back to the content of a version (`version=`): GET asks, POST acts.
    TEMPLATE_ROLLBACK = template_rollback(name: &str): "/templates/{name}/rollback";
    /// Takes a template out of use: GET asks, POST acts.
    TEMPLATE_ARCHIVE = template_archive(name: &str): "/templates/{name}/archive";
    /// A version as a YAML file (`version=`).
    TEMPLATE_FILE = template_file(name: &str): "/templates/{name}/file.yaml";
    /// Schedules.
    SCHEDULES: "/schedules";
    /// The form for a new schedule.
    SCHEDULE_NEW: "/schedules/new";
    /// What all schedules do in a day or a week.
    SCHEDULE_FLEET: "/schedules/calendar";
    /// One schedule: what it says, and what lies ahead.
    SCHEDULE = schedule(name: &str): "/schedules/{name}";
    /// The same page, to which its form posts: GET shows, POST shows a preview or saves.
    SCHEDULE_EDIT = schedule_edit(name: &str): "/schedules/{name}/edit";
    /// What became of its occurrences.
    SCHEDULE_HISTORY = schedule_history(name: &str): "/schedules/{name}/history";
    /// Its versions.
    SCHEDULE_VERSIONS = schedule_versions(name: &str): "/schedules/{name}/versions";
    /// Jobs for a range of time: GET asks, POST shows a dry run or starts.
    SCHEDULE_BACKFILL = schedule_backfill(name: &str): "/schedules/{name}/backfill";
    /// A schedule as a YAML file.
    SCHEDULE_FILE = schedule_file(name: &str): "/schedules/{name}/file.yaml";
    /// What an operator does to a schedule (`pause`, `resume`, `run`, `remove`, `roll-back`): GET asks, POST acts.
    SCHEDULE_ACT = schedule_act(name: &str, verb: &str): "/schedules/{name}/{verb}";
    /// What an operator does to several schedules (`name=`, once for each; `pause`, `resume`): GET asks, POST acts on each.
    SCHEDULES_ACT = schedules_act(verb: &str): "/bulk/schedules/{verb}";
    /// A backfill.
    BACKFILL = backfill(id: i32): "/backfills/{id}";
    /// What an operator does to a backfill (`stop`, `resume`): POST acts.
    BACKFILL_ACT = backfill_act(id: i32, verb: &str): "/backfills/{id}/{verb}";
    /// Calendars.
    CALENDARS: "/calendars";
    /// The form that makes a calendar.
    CALENDAR_NEW: "/calendars/new";
    /// Takes the days of an iCalendar file (`into=`): GET asks, POST shows what would be taken or takes it.
    CALENDAR_IMPORT: "/calendars/import";
    /// One calendar, a year of it (`year=`).
    CALENDAR = calendar(name: &str): "/calendars/{name}";
    /// The form that changes a calendar.
    CALENDAR_CHANGE = calendar_change(name: &str): "/calendars/{name}/change";
    /// Its holidays as an iCalendar file (`from=`, `to=`).
    CALENDAR_FILE = calendar_file(name: &str): "/calendars/{name}/file.ics";
    /// Removes a calendar: GET asks, POST acts.
    CALENDAR_REMOVE = calendar_remove(name: &str): "/calendars/{name}/remove";
    /// Workflows.
    WORKFLOWS: "/workflows";
    /// Analytics.
    ANALYTICS: "/analytics";
    /// Recommendations.
    ADVISOR: "/advisor";
    /// The audit trail.
    AUDIT: "/audit";
    /// Alerts.
    ALERTS: "/alerts";
    /// Events and webhooks.
    EVENTS: "/events";
    /// The marketplace.
    MARKETPLACE: "/marketplace";
    /// People and their access.
    PEOPLE: "/people";
    /// The form that adds a person.
    PERSON_NEW: "/people/new";
    /// One person.
    PERSON = person(id: PersonId): "/people/{id}";
    /// The form that gives a person a new password.
    PERSON_PASSWORD = person_password(id: PersonId): "/people/{id}/password";
    /// What an admin does to a person (`disable`, `enable`): GET asks, POST acts.
    PERSON_ACT = person_act(id: PersonId, verb: &str): "/people/{id}/{verb}";
    /// What each role may do.
    ROLES: "/roles";
    /// API tokens.
    TOKENS: "/tokens";
    /// The form that makes a token.
    TOKEN_NEW: "/tokens/new";
    /// Revokes a token: GET asks, POST acts.
    TOKEN_REVOKE = token_revoke(id: i64): "/tokens/{id}/revoke";
    /// Retention.
    RETENTION: "/retention";
    /// Database health.
    DATABASE: "/database";
    /// The palette: places, things and acts by their names (`q=`).
    PALETTE: "/palette";
    /// One's own messages.
    NOTIFICATIONS: "/notifications";
    /// Marks a message as read (`id=`), or all of them.
    NOTIFICATIONS_READ: "/notifications/read";
    /// Help and shortcuts.
    HELP: "/help";
    /// One's own account.
    ACCOUNT: "/account";
    /// One's own password, codes and sessions.
    ACCOUNT_SECURITY: "/account/security";
    /// Ends one's own sessions.
    ACCOUNT_SESSIONS: "/account/security/sessions";
    /// Sets how high rows are on one's pages.
    ACCOUNT_DENSITY: "/account/density";
    /// Sets the theme cookie.
    THEME: "/account/theme";
    /// Signing in.
    SIGN_IN: "/sign-in";
    /// Signing out.
    SIGN_OUT: "/sign-out";
    /// The one-time link of the first admin.
    SETUP: "/setup";
    /// All components on one page, for those who build pages.
    DESIGN: "/design";
    /// A question on that page.
    DESIGN_ASK: "/design/ask";
    /// The event stream of that page.
    DESIGN_LIVE: "/live/design";
    /// The event stream of a page, with the page's own query.
    LIVE = live(page: &str): "/live/{page}";
    /// A file of the console under the hash of the whole set.
    ASSET: "/static/{hash}/{name:.*}";
}

/// Puts `parts` into the braces of `pattern`, each encoded for one path segment.
fn fill(pattern: &str, parts: &[&str]) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern;
    for part in parts {
        let Some((before, after)) = rest.split_once('{') else { break };
        out.push_str(before);
        out.push_str(&encode(part));
        rest = after.split_once('}').map_or("", |(_, left)| left);
    }
    out.push_str(rest);
    out
}

/// Percent-encodes one segment or one query value. A segment of dots alone would be taken as "this folder".
pub fn encode(text: &str) -> String {
    match text {
        "." => "%2E".into(),
        ".." => "%2E%2E".into(),
        _ => utf8_percent_encode(text, RESERVED).to_string(),
    }
}

/// Gives `path` the query of `other`.
pub fn with_same_query(path: &str, other: &str) -> String {
    match other.split_once('?') {
        Some((_, query)) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

/// Appends a query to `path`, in the given order, leaving empty values out, so that equal views have equal addresses.
pub fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut out = path.to_owned();
    let mut separator = if path.contains('?') { '&' } else { '?' };
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        out.push(separator);
        out.push_str(&encode(name));
        out.push('=');
        out.push_str(&encode(value));
        separator = '&';
    }
    out
}

/// Gives the sign-in page that leads back to `here` (a path with query of our own).
pub fn sign_in(here: &str) -> String {
    let back = if here == DASHBOARD { "" } else { here };
    with_query(SIGN_IN, &[("next", back)])
}

/// Checks an address that came from outside and is to be redirected to: only a path of our own, else the dashboard.
///
/// `//host`, `/\host` and control characters are how browsers are led elsewhere.
pub fn own(next: &str) -> &str {
    let leads_away = next.starts_with("//") || next.contains('\\') || next.chars().any(char::is_control);
    if next.starts_with('/') && !leads_away { next } else { DASHBOARD }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_has_the_parts_its_builder_fills() {
        for (pattern, parts) in DECLARED.iter().filter(|(pattern, _)| *pattern != ASSET) {
            let named: Vec<_> =
                pattern.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default()).collect();
            assert_eq!(&named, parts, "{pattern}");
        }
    }

    #[test]
    fn no_two_addresses_are_the_same() {
        let unique: std::collections::HashSet<_> = DECLARED.iter().map(|(pattern, _)| pattern).collect();

        assert_eq!(unique.len(), DECLARED.len());
    }

    #[test]
    fn names_are_encoded_where_they_stand() {
        assert_eq!(job(JobId(7)), "/jobs/7");
        assert_eq!(queue("a/b ü?"), "/queues/a%2Fb%20%C3%BC%3F");
        assert_eq!(queue(".."), "/queues/%2E%2E");
        assert_eq!(template_version("mail.send", 8), "/templates/mail.send/v/8");
    }

    #[test]
    fn queries_leave_empty_values_out() {
        assert_eq!(
            with_query(JOBS, &[("state", "failed"), ("q", ""), ("queue", "a&b")]),
            "/jobs?state=failed&queue=a%26b"
        );
        assert_eq!(with_query("/jobs?n=50", &[("after", "3")]), "/jobs?n=50&after=3");
        assert_eq!(sign_in("/jobs?state=failed"), "/sign-in?next=%2Fjobs%3Fstate%3Dfailed");
        assert_eq!(sign_in("/"), "/sign-in");
    }

    #[test]
    fn only_own_addresses_are_returned_to() {
        for good in ["/", "/jobs?x=1", "/jobs/7#log"] {
            assert_eq!(own(good), good);
        }
        for bad in
            ["", "jobs", "https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil", "javascript:alert(1)"]
        {
            assert_eq!(own(bad), DASHBOARD, "{bad}");
        }
    }
}
