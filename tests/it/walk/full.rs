//! A console whose lists are full, without a program around it, and what its answers cost.

use std::io::Read;

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Jsonb};
use millrace::base::db::{PgConnection, statement};
use millrace::queue::counts as folds;
use millrace::queue::permission::Role;
use serde_json::{Value, json};

use crate::support::TestDb;
use crate::support::overheard::Overheard;
use crate::support::stage::handler_template;
use crate::templates::stage::Console;
use crate::web::browser::Browser as Program;

/// As many of everything as a list shows.
const FILL: &str = include_str!("full.sql");
/// Jobs, half of which have failed.
const JOBS: i32 = 200;
/// Templates beside the one of the jobs.
const TEMPLATES: i32 = 40;

/// The console, whoever looks at it, and what the database is asked.
pub struct FullHouse {
    _console: Console,
    pub admin: Program,
    pub asked: Overheard,
    pub job: i64,
}

impl FullHouse {
    pub fn start() -> FullHouse {
        let db = TestDb::new();
        let asked = Overheard::before(db.url());
        let job = fill(&mut db.connect());
        let pool = db.pool_over(&asked.url(db.url()), 4);
        let console = Console::start_over(db, pool, "127.0.0.1:0");
        let admin = console.browser(Role::Admin);
        // what is written once per session is written before anything is counted
        let mut house = FullHouse { _console: console, admin, asked, job };
        house.admin.get("/account");
        house.asked.take();
        house
    }

    /// The addresses of the pages of watching and repairing.
    pub fn pages(&self) -> Vec<String> {
        let job = self.job;
        let mut all: Vec<String> = LISTS.iter().map(|path| (*path).to_owned()).collect();
        all.extend(
            ["/", "/?range=24h", "/database", "/help", "/account", "/palette?q=mail", "/jobs/new"].map(str::to_owned),
        );
        all.extend(["", "/log", "/attempts/1", "/edit", "/retry"].map(|part| format!("/jobs/{job}{part}")));
        all.push(format!("/jobs/compare?a={job}&b={}", job - 2));
        all.extend(
            ["/failures/0000000000000001", "/queues/default", "/nodes/worker-1.fra.example.org"].map(str::to_owned),
        );
        all.extend(["/pools/licence-1", "/operations/1", "/people/1", "/templates/mail.send"].map(str::to_owned));
        all.extend(
            ["/operations/new?act=retry&all=on&q=state%3Afailed", "/views/new?page=jobs&address=state%3Dfailed"]
                .map(str::to_owned),
        );
        all
    }

    /// Asks for something as a browser does, and gives how many bytes came.
    pub fn bytes_of(&self, path: &str) -> usize {
        let mut body = Vec::new();
        self.admin.stream(path, &[("Accept-Encoding", "br")]).read_to_end(&mut body).unwrap();
        body.len()
    }
}

/// The list pages, as they are opened and with what makes them work hardest.
pub const LISTS: [&str; 28] = [
    "/jobs",
    "/jobs?n=200",
    "/jobs?state=failed",
    "/jobs?state=failed&q=refused",
    "/jobs?arg.order=17&tag=vip",
    "/jobs?q=nothing-at-all",
    "/jobs?q=late+stat:failed",
    "/jobs?state=failed&view=view-1",
    "/jobs?sort=-run&cols=state,run,wait,tags,by,created,due,version,activity",
    "/jobs?before=20",
    "/failures",
    "/failures?state=all&range=7d",
    "/failures?sort=count&queue=default",
    "/failures?q=nothing-at-all",
    "/operations",
    "/operations?after=40",
    "/views",
    "/notifications",
    "/notifications?unread=on",
    "/queues",
    "/nodes",
    "/pools",
    "/people",
    "/tokens",
    "/templates",
    "/templates?q=shop",
    "/schedules",
    "/calendars",
];

/// Gives a job that has failed.
fn fill(conn: &mut PgConnection) -> i64 {
    const ENQUEUE: &str = "SELECT FROM millrace.enqueue_many($1)";
    const FAILED: &str = "SELECT max(job_id) AS number FROM millrace.history";
    handler_template(conn, "mail.send", json!({}));
    (0..TEMPLATES).for_each(|n| handler_template(conn, &format!("shop.work-{n}"), json!({})));
    let job = |n: i32| {
        let args =
            json!({"order": n, "to": format!("customer-{n}@example.org"), "note": "Sent from the shop of region 7"});
        json!({"template": "mail.send", "args": args, "tags": ["vip", format!("region-{}", n % 30)]})
    };
    let jobs: Vec<Value> = (1..=JOBS).map(job).collect();
    statement(ENQUEUE).bind::<Jsonb, _>(Value::Array(jobs)).run(conn).unwrap();
    conn.batch_execute(FILL).unwrap();
    folds::fold(conn).unwrap();
    let found = statement(FAILED).tuples::<BigInt, i64>(conn).unwrap();
    found[0]
}
