//! A console with work going on, for people who build pages:
//! `cargo test --test it jobs::look -- --ignored --nocapture`, until the file it names exists.

use std::path::Path;
use std::time::Duration;

use millrace::base::db::{PgConnection, statement};
use millrace::queue::permission::Role;
use serde_json::{Value, json};

use super::stage::{Console, publish};
use super::work::registry;
use crate::support::stage::{TestEngine, enqueue, enqueue_many};

const STOP: &str = "/tmp/millrace-look-stop";

#[test]
#[ignore = "runs until it is told to stop"]
fn console() {
    std::fs::remove_file(STOP).ok();
    let console = Console::start_at("127.0.0.1:18900");
    let (admin, viewer) = (console.person(Role::Admin, &[]), console.person(Role::Viewer, &[]));
    let mut conn = console.db.connect();
    templates(&mut conn);
    history(&mut conn);
    let _engine = TestEngine::start_as(&console.db, "mil-01", registry());
    work(&mut conn);
    println!("http://{0}/as/{admin}   http://{0}/as/{viewer}   touch {STOP} to end", console.address);
    while !Path::new(STOP).exists() {
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn handler(name: &str, description: &str, queue: &str, params: Value, more: Value) -> Value {
    let mut defaults = json!({ "queue": queue, "priority": 3, "max_attempts": 5, "timeout_ms": 1_200_000,
        "backoff": { "kind": "exponential", "base_ms": 5_000, "factor": 2, "max_ms": 600_000, "jitter": 0.2 } });
    if let (Some(all), Some(more)) = (defaults.as_object_mut(), more.as_object()) {
        all.extend(more.clone());
    }
    json!({ "description": description, "runner": "handler", "handler": { "name": name }, "params": params, "defaults": defaults })
}

fn templates(conn: &mut PgConnection) {
    let any = json!({ "additionalProperties": true, "properties": { "key": { "type": "string", "secret": true } } });
    let import = json!({ "required": ["supplier", "expected_rows"], "additionalProperties": true, "properties": {
        "supplier": { "type": "string", "title": "Supplier", "maxLength": 64 },
        "file_url": { "type": "string", "format": "uri", "title": "File" },
        "expected_rows": { "type": "integer", "title": "Rows expected", "minimum": 1, "maximum": 100000, "default": 5000 },
        "ms": { "type": "integer", "title": "Pace", "description": "Milliseconds for the whole file", "default": 60000 },
        "country": { "type": "string", "title": "Country", "enum": ["IT", "FR", "DE"] },
        "city": { "type": "string", "title": "Warehouse", "enum_by": { "param": "country", "choices":
            { "IT": ["Milano", "Roma"], "FR": ["Lyon"], "DE": ["Hamburg", "Köln"] } } },
        "valid_on": { "type": "string", "format": "date", "title": "Valid on" },
        "publish_at": { "type": "string", "format": "date-time", "title": "Publish at" },
        "notify": { "type": "array", "items": { "type": "string" }, "title": "Notify" },
        "note": { "type": "string", "format": "textarea", "title": "Note" },
        "dry_run": { "type": "boolean", "title": "Dry run" },
        "key": { "type": "string", "secret": true, "title": "API key" } } });
    publish(
        conn,
        "catalog.import_csv",
        handler("import", "Import of a supplier's price list", "imports", import, json!({})),
    );
    publish(
        conn,
        "mail.send",
        handler(
            "refused",
            "Sends one mail",
            "mail.transactional",
            any.clone(),
            json!({ "priority": 2, "max_attempts": 8 }),
        ),
    );
    publish(
        conn,
        "ledger.post_batch",
        handler(
            "refused",
            "Posts a batch to the ledger",
            "payments",
            any.clone(),
            json!({ "priority": 1, "max_attempts": 1 }),
        ),
    );
    publish(conn, "invoice.render_pdf", handler("done", "Renders an invoice", "default", any.clone(), json!({})));
    publish(
        conn,
        "report.weekly_digest",
        handler("import", "Digest of a tenant's week", "default", any, json!({ "priority": 4, "max_attempts": 3 })),
    );
    let compress = json!({ "description": "Packs a folder", "runner": "command",
        "command": { "argv": ["/bin/tar", "-czf", "{{ params.out }}", "{{ params.folder }}"], "env": { "LEVEL": "{{ params.level }}" } },
        "params": { "required": ["folder", "out"], "properties": { "folder": { "type": "string", "title": "Folder" },
            "out": { "type": "string", "title": "Archive" }, "level": { "type": "integer", "minimum": 1, "maximum": 9, "default": 6 } } },
        "defaults": { "queue": "files" } });
    publish(conn, "files.compress", compress);
}

/// Earlier imports, some of which failed, five to seven minutes each.
fn history(conn: &mut PgConnection) {
    for n in 0..38 {
        enqueue(conn, "catalog.import_csv", json!({ "supplier": "nordwind", "expected_rows": 5000, "n": n }));
    }
    statement(
        "WITH gone AS (DELETE FROM millrace.ready RETURNING job_id, since, queue_id, template_id, priority),
        counted AS (INSERT INTO millrace.state_deltas (queue_id, template_id, left_state, entered_state, jobs)
            SELECT queue_id, template_id, 'ready', 'succeeded', 1 FROM gone)
        INSERT INTO millrace.history (job_id, since, started_at, finished_at, template_id, version, queue_id, state, priority, attempt, error)
        SELECT job_id, at, at, at + make_interval(secs => 300 + 60 * sin(job_id / 2.3) + job_id * 37 % 11 * 6) * CASE WHEN bad THEN 0.4 ELSE 1 END,
            template_id, 1, queue_id, (CASE WHEN bad THEN 'failed' ELSE 'succeeded' END)::millrace.job_state, priority, 1,
            CASE WHEN bad THEN 'HTTP 503 from files.nordwind.example' END
        FROM (SELECT *, job_id % 17 = 13 AS bad, now() - make_interval(hours => (40 - job_id)::integer * 4) AS at FROM gone) AS g",
    )
    .run(conn)
    .unwrap();
}

fn work(conn: &mut PgConnection) {
    enqueue_many(conn, "invoice.render_pdf", 400);
    for n in 0..6 {
        enqueue(
            conn,
            "mail.send",
            json!({ "to": format!("buyer{n}@acquaviva.example"), "subject": "Order shipped", "key": "s3cret" }),
        );
    }
    for n in 0..3 {
        enqueue(conn, "ledger.post_batch", json!({ "batch": format!("2026-11-23-04{n}"), "lines": 790 }));
    }
    enqueue(conn, "report.weekly_digest", json!({ "tenant": "acquaviva", "week": 47, "ms": 600_000 }));
    enqueue(
        conn,
        "catalog.import_csv",
        json!({ "supplier": "nordwind", "file_url": "s3://acq-supplier-drop/nordwind/2026-11-23.csv",
        "expected_rows": 5000, "price_list_id": 9_007_199_254_740_993_u64, "dry_run": false, "notify": ["buyers@acquaviva.example"], "ms": 900_000 }),
    );
    for when in ["1 hour", "2 minutes", "3 days"] {
        const SQL: &str = "SELECT millrace.enqueue('catalog.import_csv', '{\"supplier\": \"ostwind\", \"expected_rows\": 800, \"ms\": 100000}',
            run_at => now() + $1::interval, tags => '{supplier,ostwind}')";
        statement(SQL).bind::<diesel::sql_types::Text, _>(when).run(conn).unwrap();
    }
    std::thread::sleep(Duration::from_secs(3));
    for _ in 0..3 {
        enqueue(conn, "report.weekly_digest", json!({ "tenant": "bolt-pos", "week": 47, "ms": 300_000 }));
    }
    enqueue(
        conn,
        "catalog.import_csv",
        json!({ "supplier": "nordwind", "expected_rows": 5000, "fails_first": true, "ms": 300_000 }),
    );
}
