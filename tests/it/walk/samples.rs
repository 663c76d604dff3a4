//! A house with something of everything in it, and addresses for every pattern of the route table.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use millrace::admin::calendars;
use millrace::admin::operations::work::work_on;
use millrace::admin::operations::{Bulk, Plan, Which, service};
use millrace::admin::schedules;
use millrace::admin::templates::file::read_all;
use millrace::admin::templates::service::{Publication, apply};
use millrace::base::clock::SystemClock;
use millrace::base::db::{PgConnection, statement};
use millrace::base::document::documents;
use millrace::queue::access::token;
use millrace::queue::actor::Actor;
use millrace::queue::job::JobId;
use millrace::queue::permission::Role;
use serde_json::json;

use super::house::House;
use crate::support::stage::{enqueue, wait_for};

/// One template of each runner; the jobs of `demo.*` end up in different states.
const TEMPLATES: &str = r#"
kind: Template
name: files.compress
description: Packs a folder
runner: command
command: { argv: [/bin/tar, -czf, "{{ params.out }}", "{{ params.folder }}"], env: { LEVEL: "{{ params.level }}" }, retry_codes: [75] }
params:
  type: object
  required: [folder, out]
  properties:
    folder: { type: string, title: Folder, pattern: "^/" }
    out: { type: string, title: Archive }
    level: { type: integer, title: Level, enum: [1, 6, 9], default: 6 }
defaults: { queue: files, max_attempts: 5 }
---
kind: Template
name: shop.ping
runner: http
http: { method: GET, url: "https://{{ params.host }}/health", headers: { X-Key: "{{ params.key }}" }, expect: [200-299] }
params: { type: object, required: [host], properties: { host: { type: string }, key: { type: string, secret: true } } }
---
kind: Template
name: shop.rollup
runner: sql
sql: { statements: "SELECT {{ params.day }}::date" }
params: { type: object, required: [day], properties: { day: { type: string, format: date } } }
---
kind: Template
name: demo.noop
runner: handler
handler: { name: diag.noop }
---
kind: Template
name: demo.sleep
runner: handler
handler: { name: diag.progress }
defaults: { timeout_ms: 900000 }
---
kind: Template
name: demo.fail
runner: handler
handler: { name: diag.fail }
defaults: { max_attempts: 1 }
---
kind: Template
name: demo.retry
runner: handler
handler: { name: diag.fail }
defaults: { max_attempts: 5, backoff: { kind: constant, base_ms: 3600000, max_ms: 3600000, jitter: 0.0 } }
"#;

/// Something of everything.
pub struct Samples {
    pub succeeded: JobId,
    pub failed: JobId,
    pub retrying: JobId,
    pub running: JobId,
    pub waiting: JobId,
    pub held: JobId,
    pub disabled: i64,
    pub person: i64,
    pub token: i64,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

impl Samples {
    /// Fills the house; `admin` is who owns the token.
    pub fn make(house: &House, admin: i64) -> Samples {
        let mut conn = house.connect();
        templates(&mut conn);
        let mut job = |template: &str, args, state| {
            let job = enqueue(&mut conn, template, args);
            wait_for(&mut conn, job, state);
            job
        };
        let succeeded = job("demo.noop", json!({}), "succeeded");
        let failed = job("demo.fail", json!({"message": "the shop is shut"}), "failed");
        let retrying = job("demo.retry", json!({"message": "the shop is shut"}), "retrying");
        let running = job("demo.sleep", json!({"steps": 60, "ms": 600_000}), "running");
        let waiting = tomorrow(&mut conn);
        let held = tomorrow(&mut conn);
        hold(house, held);
        pool(&mut conn);
        calendar(&mut conn);
        schedule(&mut conn);
        bounds(&mut conn);
        operation(&mut conn, waiting);
        view(&mut conn, admin);
        group(&mut conn);
        Samples {
            succeeded,
            failed,
            retrying,
            running,
            waiting,
            held,
            disabled: disabled(&mut conn),
            person: admin,
            token: add_token(&mut conn, admin),
        }
    }

    fn jobs(&self) -> [JobId; 6] {
        [self.succeeded, self.failed, self.retrying, self.running, self.waiting, self.held]
    }

    /// Addresses that `pattern` answers with a page for an admin.
    ///
    /// Panics for a pattern with parts that it does not know: a new route needs a sample.
    pub fn addresses(&self, pattern: &str) -> Vec<String> {
        let known = self
            .of_jobs(pattern)
            .or_else(|| self.of_people(pattern))
            .or_else(|| of_failures(pattern))
            .or_else(|| of_names(pattern));
        match known {
            Some(addresses) => addresses,
            None if !pattern.contains('{') => vec![pattern.to_owned()],
            None => panic!("{pattern} has no sample: add one to tests/it/walk/samples.rs"),
        }
    }

    fn of_jobs(&self, pattern: &str) -> Option<Vec<String>> {
        let of = |job: JobId| pattern.trim_start_matches("/api/v1").replace("{id}", &job.to_string());
        let verbs = |pairs: &[(&str, JobId)]| {
            pairs.iter().map(|(verb, job)| of(*job).replace("{verb}", verb)).collect::<Vec<_>>()
        };
        Some(match pattern {
            "/jobs" => [
                "/jobs",
                "/jobs?state=failed",
                "/jobs?q=nothing-at-all",
                "/jobs?q=late+stat:failed",
                "/jobs?state=failed&view=needs-attention",
                "/jobs?sort=-run&cols=state,run,wait,tags,by,created,due,version,activity&created=-24h",
            ]
            .map(str::to_owned)
            .into(),
            "/views/new" => vec!["/views/new?page=jobs&address=state%3Dfailed".into()],
            "/jobs/new" => ["", "?template=files.compress", "?template=shop.ping", "?template=demo.noop"]
                .map(|query| format!("{pattern}{query}"))
                .into(),
            "/jobs/{id}" => self.jobs().map(of).into(),
            "/jobs/{id}/attempts/{number}" => {
                [self.succeeded, self.failed, self.running].map(|job| of(job).replace("{number}", "1")).into()
            }
            "/jobs/{id}/{verb}" => verbs(&[
                ("cancel", self.running),
                ("hold", self.waiting),
                ("release", self.held),
                ("retry", self.failed),
                ("priority", self.waiting),
                ("reschedule", self.waiting),
            ]),
            "/operations/new" => ["cancel", "hold", "release", "reschedule", "priority", "move", "discard", "retry"]
                .map(|act| format!("/operations/new?act={act}&id={}&id={}", self.waiting, self.held))
                .into(),
            "/live/operation" => vec!["/live/operation?id=1".into()],
            "/operations/{id}/{verb}" => ["stop", "resume"].map(|verb| format!("/operations/1/{verb}")).into(),
            "/live/backfill" => vec!["/live/backfill?id=1".into()],
            "/backfills/{id}/{verb}" => ["stop", "resume"].map(|verb| format!("/backfills/1/{verb}")).into(),
            _ if pattern.contains("backfills/{id}") => vec![pattern.replace("{id}", "1").replace("{name}", "nightly")],
            _ if pattern.contains("/operations/{id}") => vec![pattern.replace("{id}", "1")],
            "/jobs/compare" => vec![format!("/jobs/compare?a={}&b={}", self.failed, self.succeeded)],
            "/live/job" => vec![format!("/live/job?id={}", self.running)],
            _ if pattern.starts_with("/jobs/{id}/") => vec![of(self.failed)],
            _ if pattern.starts_with("/api/v1/jobs/{id}") => vec![format!("/api/v1{}", of(self.waiting))],
            _ => return None,
        })
    }

    fn of_people(&self, pattern: &str) -> Option<Vec<String>> {
        let person = |id: i64| pattern.replace("{id}", &id.to_string());
        Some(match pattern {
            "/people/{id}/{verb}" => vec![
                person(self.person).replace("{verb}", "disable"),
                person(self.disabled).replace("{verb}", "enable"),
            ],
            "/people/{id}" => vec![person(self.person), person(self.disabled)],
            _ if pattern.starts_with("/people/{id}/") => vec![person(self.person)],
            _ if pattern.starts_with("/tokens/{id}") => vec![pattern.replace("{id}", &self.token.to_string())],
            _ => return None,
        })
    }
}

fn of_failures(pattern: &str) -> Option<Vec<String>> {
    let of = pattern.replace("{fingerprint}", GROUP);
    Some(match pattern {
        "/failures" => {
            ["/failures", "/failures?state=all&range=7d", "/failures?q=nothing-at-all"].map(str::to_owned).into()
        }
        "/live/failure" => vec![format!("{pattern}?fingerprint={GROUP}")],
        "/failures/{fingerprint}/{verb}" => {
            ["mute", "handle", "assign", "note", "ticket"].map(|verb| of.replace("{verb}", verb)).into()
        }
        _ if pattern.contains("{fingerprint}") => vec![of],
        _ => return None,
    })
}

fn of_names(pattern: &str) -> Option<Vec<String>> {
    if let Some((_, name)) = [
        ("/live/queue", "default"),
        ("/live/node", "mil-01"),
        ("/live/pool", "memory-mb"),
        ("/live/schedule-history", "nightly"),
    ]
    .iter()
    .find(|(live, _)| *live == pattern)
    {
        return Some(vec![format!("{pattern}?name={name}")]);
    }
    if pattern == "/bulk/schedules/{verb}" {
        return Some(["pause", "resume"].map(|verb| format!("/bulk/schedules/{verb}?name=nightly")).into());
    }
    let area = pattern.trim_start_matches("/api/v1").split('/').nth(1).unwrap_or_default();
    let (name, verbs): (_, &[&str]) = match area {
        "templates" => ("files.compress", &[]),
        "queues" => ("default", &["pause"]),
        "nodes" => ("mil-01", &["drain"]),
        "pools" => ("memory-mb", &[]),
        "schedules" => ("nightly", &["pause", "remove"]),
        "calendars" => ("it-holidays", &[]),
        "views" | "v" => return Some(vec![pattern.replace("{slug}", "needs-attention")]),
        _ => return None,
    };
    let query = match pattern.rsplit('/').next() {
        Some("diff") => "?from=1&to=2",
        Some("publish") => "?version=2",
        Some("rollback") => "?version=1",
        _ => "",
    };
    let named = format!("{}{query}", pattern.replace("{name}", name).replace("{version}", "1"));
    match pattern.contains("{verb}") {
        true => Some(verbs.iter().map(|verb| named.replace("{verb}", verb)).collect()),
        false => Some(vec![named]),
    }
}

/// All published, and of the first one a second version as a draft.
/// The first operation of the house.
fn operation(conn: &mut PgConnection, job: JobId) {
    let plan = Plan {
        act: Bulk::Priority(4),
        which: Which::Ids(vec![job]),
        zone: chrono_tz::UTC,
        rate_per_s: None,
        reason: String::new(),
    };
    let operation = service::start(conn, &SystemClock, &Actor::command_line("test"), &plan, None).unwrap();
    work_on(conn, &SystemClock, operation.id).unwrap(); // its end is recorded, too: better now than in the middle of a test
}

fn templates(conn: &mut PgConnection) {
    take(conn, TEMPLATES, Publication::WhenAllowed);
    let first = TEMPLATES.split("---").next().unwrap();
    take(conn, &first.replace("max_attempts: 5", "max_attempts: 8"), Publication::Never);
}

/// Takes templates from the text of a file, as `millrace template apply` does.
pub fn take(conn: &mut PgConnection, text: &str, publication: Publication) {
    let actor = Actor::command_line("ada");
    apply(conn, &SystemClock, &actor, &read_all(text).unwrap(), ("first", publication)).unwrap();
}

fn tomorrow(conn: &mut PgConnection) -> JobId {
    const SQL: &str = r#"SELECT millrace.enqueue('files.compress', '{"folder": "/srv/a", "out": "/tmp/a.tgz"}',
        run_at => now() + interval '1 day', tags => '{nightly}') AS id"#;
    let row: Option<Id> = statement(SQL).row(conn).unwrap();
    JobId(row.unwrap().id)
}

/// Through the page: no other door holds with a reason.
fn hold(house: &House, job: JobId) {
    let mut admin = house.program(Role::Admin);
    assert_eq!(admin.post(&format!("/jobs/{job}/hold"), "reason=stock+count").status, 303);
}

/// A failure group that is always there, whatever the folds have got to.
const GROUP: &str = "00000000000000aa";

fn group(conn: &mut PgConnection) {
    const SQL: &str = "WITH g AS (INSERT INTO millrace.failure_groups (fingerprint, template_id, message, error, first_seen, last_seen, first_job,
            last_job, last_number, first_version, last_version, attempts, jobs_failed)
        SELECT '00000000000000aa', t.id, 'the shop # is shut', 'the shop 7 is shut', now(), now(), 1, 1, 1, 1, 1, 3, 1
        FROM millrace.templates t WHERE t.name = 'demo.fail' RETURNING fingerprint)
        INSERT INTO millrace.failure_counts (fingerprint, hour, version, queue_id, node_id, attempts, jobs_failed)
        SELECT g.fingerprint, date_trunc('hour', now()), 1, 1, 1, 3, 1 FROM g";
    statement(SQL).run(conn).unwrap();
}

/// One that is paused, with a backfill that is done; it never fires in a test.
fn schedule(conn: &mut PgConnection) {
    let text = "kind: Schedule\nname: nightly\ntemplate: demo.noop\ntimezone: Europe/Rome\nrules: [ { cron: \"30 2 1 1 *\" } ]";
    let spec = millrace::base::document::documents(text).unwrap()[0].read().unwrap();
    let actor = Actor::command_line("ada");
    schedules::service::save(conn, &actor, &spec, Some(0), "first").unwrap();
    schedules::service::pause(conn, &actor, "nightly", "until January").unwrap();
    const SQL: &str = "INSERT INTO millrace.backfills (schedule_id, version, from_at, to_at, newest_first, missing_only, concurrency, planned, enqueued,
            state, finished_at, actor)
        SELECT s.id, 1, now() - interval '2 years', now() - interval '1 year', false, false, 1, 1, 1, 'done', now(), 'cli:ada' FROM millrace.schedules s";
    assert_eq!(statement(SQL).run(conn).unwrap(), 1);
}

fn pool(conn: &mut PgConnection) {
    const SQL: &str = "INSERT INTO millrace.pools (name, amount, unit, description) VALUES ('memory-mb', 4096, 'MB', 'what a worker may take')";
    statement(SQL).run(conn).unwrap();
}

fn calendar(conn: &mut PgConnection) {
    const YAML: &str = "kind: Calendar\nname: it-holidays\ntitle: Milan\ntimezone: Europe/Rome\nholidays: [{ country: IT }]
dates: [{ month_day: \"12-07\", name: Sant'Ambrogio }]\nwindows: [{ name: Patching, weekdays: [Sun], start: \"02:00\", duration: 4h }]";
    let calendar = documents(YAML).unwrap()[0].read().unwrap();
    calendars::service::save(conn, &Actor::command_line("ada"), &calendar, None, "").unwrap();
}

/// Set by hand to what the node's own setting says.
fn bounds(conn: &mut PgConnection) {
    const SQL: &str =
        "UPDATE millrace.nodes SET wanted_slots_min = slots_min, wanted_slots_max = slots_max, wanted_slots_at = now(),
        wanted_slots_by = 'ada@example.org'";
    assert_eq!(statement(SQL).run(conn).unwrap(), 1);
}

/// Shown to everyone, pinned by nobody.
fn view(conn: &mut PgConnection, owner: i64) {
    const SQL: &str = "INSERT INTO millrace.saved_views (slug, page, owner_id, name, address, visibility)
        VALUES ('needs-attention', 'jobs', $1, 'Needs attention', 'state=retrying,failed', 'everyone')";
    statement(SQL).bind::<BigInt, _>(owner).run(conn).unwrap();
}

fn disabled(conn: &mut PgConnection) -> i64 {
    const SQL: &str = "INSERT INTO millrace.people (email, name, role, zone, disabled_at)
        VALUES ('gone@example.org', 'Somebody gone', 'viewer', 'UTC', now()) RETURNING id";
    let row: Option<Id> = statement(SQL).row(conn).unwrap();
    row.unwrap().id
}

fn add_token(conn: &mut PgConnection, person: i64) -> i64 {
    let text = token::generate();
    insert_token(conn, person, &text)
}

/// Gives somebody a token with the text `text` that may do whatever they may.
pub fn insert_token(conn: &mut PgConnection, person: i64, text: &str) -> i64 {
    const SQL: &str = "INSERT INTO millrace.tokens (person_id, name, token_hash, hint, scopes)
        VALUES ($1, 'ci', sha256($2::text::bytea), 'mr_', '{all}') RETURNING id";
    let row: Option<Id> = statement(SQL).bind::<BigInt, _>(person).bind::<Text, _>(text).row(conn).unwrap();
    row.unwrap().id
}
