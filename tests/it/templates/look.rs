//! A console with templates in every state, for people who build pages:
//! `cargo test --test it templates::look -- --ignored --nocapture`, until the file it names exists.

use std::path::Path;
use std::time::Duration;

use millrace::admin::templates::file::read_all;
use millrace::admin::templates::service::{Publication, apply, archive};
use millrace::base::clock::SystemClock;
use millrace::base::db::PgConnection;
use millrace::queue::actor::Actor;
use millrace::queue::permission::Role;

use super::stage::Console;
use crate::support::stage::enqueue_many;

const STOP: &str = "/tmp/millrace-templates-look-stop";

const FIRST: &str = r#"
kind: Template
name: files.compress
description: Packs a folder into an archive and tells how large it became
runner: command
command:
  argv: [/bin/tar, -czf, "{{ params.out }}", --exclude, "{{ params.skip }}", "{{ params.folder }}"]
  env: { LEVEL: "{{ params.level }}", LANG: C.UTF-8 }
  env_allow: [TZ]
  retry_codes: [75]
  limits: { memory_mib: 512, cpu_s: 600 }
params:
  type: object
  required: [folder, out]
  properties:
    folder: { type: string, title: Folder, description: Absolute path on the node, pattern: "^/" }
    out: { type: string, title: Archive }
    level: { type: integer, title: Level, enum: [1, 6, 9], default: 6 }
    skip: { type: string, title: Leave out, default: "*.tmp" }
defaults: { queue: files, priority: 3, max_attempts: 5, timeout_ms: 600000 }
---
kind: Template
name: shop.ping
description: Asks a shop's health page
runner: http
http: { method: POST, url: "https://{{ params.host }}/health", headers: { X-Key: "{{ params.key }}" }, body: '{"deep": true}', expect: [200-299] }
params: { type: object, required: [host], properties: { host: { type: string, title: Host }, key: { type: string, secret: true } } }
defaults: { queue: shop, backoff: { kind: list, delays_ms: [1000, 5000, 60000] } }
---
kind: Template
name: shop.rollup
description: Sums yesterday's orders
runner: sql
sql: { statements: "INSERT INTO app.daily\nSELECT {{ params.day }}::date, sum(total) FROM app.orders WHERE day = {{ params.day }}::date" }
params: { type: object, required: [day], properties: { day: { type: string, format: date, title: Day } } }
---
kind: Template
name: demo.noop
runner: handler
handler: { name: diag.noop }
"#;

#[test]
#[ignore = "runs until it is told to stop"]
fn console() {
    std::fs::remove_file(STOP).ok();
    let console = Console::start_at("127.0.0.1:18910");
    let people = [Role::Admin, Role::Operator, Role::Viewer].map(|role| console.person(role, &[]));
    println!("http://{0}/as/{1} {people:?}   touch {STOP} to end", console.address, people[0]);
    seed(&mut console.db.connect());
    while !Path::new(STOP).exists() {
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn seed(conn: &mut PgConnection) {
    let (admin, clock) = (Actor::command_line("ada"), SystemClock);
    let take = |conn: &mut PgConnection, text: &str, message: &str, publication| {
        let templates = read_all(text).unwrap();
        apply(conn, &clock, &admin, &templates, (message, publication)).unwrap();
    };
    take(conn, FIRST, "first version", Publication::WhenAllowed);
    let slower = FIRST.replace("max_attempts: 5", "max_attempts: 8").replace("LEVEL:", "PACK_LEVEL:");
    take(conn, slower.split("---").next().unwrap(), "try more often", Publication::WhenAllowed);
    let draft =
        slower.replace("timeout_ms: 600000", "timeout_ms: 900000").replace("Packs a folder", "Packs one folder");
    take(conn, draft.split("---").next().unwrap(), "longer for the big archive", Publication::Never);
    take(
        conn,
        "{\"kind\":\"Template\",\"name\":\"mail.send\",\"runner\":\"handler\",\"handler\":{\"name\":\"mail.send\"}}",
        "",
        Publication::Never,
    );
    archive(conn, &clock, &admin, "shop.rollup", "replaced").unwrap();
    enqueue_many(conn, "demo.noop", 412);
}
