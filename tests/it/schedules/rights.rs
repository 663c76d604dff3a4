//! Whoever is limited to queues or tags lists, reads, saves and runs only the schedules whose jobs go there.

use millrace::admin::schedules::backfill::{self, Wish};
use millrace::admin::schedules::service::{self, Begin};
use millrace::admin::schedules::{ApplyError, Documents, ScheduleError, ScheduleFilter, apply, show};
use millrace::base::document::documents;
use millrace::queue::actor::{Actor, Scope};
use millrace::queue::permission::Role;
use millrace::timing::schedule::Schedule;
use serde_json::{Value, json};

use super::api::put;
use super::stage::{number, save, try_save};
use crate::api::stage::{Program, Server};
use crate::support::TestDb;
use crate::support::stage::handler_template;

const LIST: &str = "/api/v1/schedules";

/// A server with a schedule in the queue `mail` and one in the queue `bills`.
fn server() -> Server {
    let server = Server::start();
    let conn = &mut server.db.connect();
    for queue in ["mail", "bills"] {
        handler_template(conn, &format!("{queue}.work"), json!({ "queue": queue }));
        put(&server.program(Role::Admin), queue, &[], &daily(queue)).expect(201);
    }
    server
}

fn daily(queue: &str) -> Value {
    json!({ "template": format!("{queue}.work"), "rules": [{ "cron": "0 6 * * *" }] })
}

fn names(program: &Program) -> Vec<String> {
    let listed = program.get(LIST).expect(200)["schedules"].as_array().unwrap().clone();
    listed.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_program_sees_and_acts_on_schedules_of_its_queues_only() {
    let server = server();
    let range = json!({ "from": "2026-03-01T00:00:00Z", "to": "2026-03-08T00:00:00Z" });
    let admin = server.program(Role::Admin);
    let of_bills = admin.post("/api/v1/schedules/bills/backfill", &range).expect(202)["id"].clone();
    let limited = server.limited(Role::Operator, &["all"], (&["mail"], &[]));

    assert_eq!(names(&limited), ["mail"]);
    for path in ["", "/preview", "/occurrences", "/versions", "/diff", "/backfills"] {
        limited.get(&format!("{LIST}/bills{path}")).expect(404);
        limited.get(&format!("{LIST}/mail{path}")).expect(200);
    }
    for (verb, body) in [
        ("pause", json!({})),
        ("resume", json!({})),
        ("run", json!({})),
        ("roll-back", json!({ "version": 1 })),
        ("backfill", range.clone()),
    ] {
        limited.post(&format!("{LIST}/bills/{verb}"), &body).expect(404);
    }
    for name in ["bills", "mail"] {
        limited.get(&format!("{LIST}/{name}/backfills/{of_bills}")).expect(404);
        limited.post(&format!("{LIST}/{name}/backfills/{of_bills}/stop"), &json!({})).expect(404);
    }
    assert_eq!(limited.send("DELETE", &format!("{LIST}/bills"), &[], b"").status, 404);
    put(&limited, "bills", &[], &daily("mail")).expect(404);
    for name in ["mail", "mine"] {
        let refusal = put(&limited, name, &[], &daily("bills")).refusal(422);
        assert!(refusal.starts_with("/template: The queue \"bills\" is outside of your scope"), "{refusal}");
    }

    put(&limited, "mine", &[], &daily("mail")).expect(201);
    limited.post(&format!("{LIST}/mine/pause"), &json!({})).expect(200);
    limited.post(&format!("{LIST}/mail/run"), &json!({})).expect(201);
    limited.post(&format!("{LIST}/mail/backfill"), &range).expect(202);
    assert_eq!(names(&admin), ["bills", "mail", "mine"]);
    assert_eq!(admin.get(&format!("{LIST}/bills")).expect(200)["version"], 1, "nobody has changed it");
    assert_eq!(server.number("SELECT count(*) AS number FROM millrace.jobs"), 1);
}

#[test]
fn a_limit_to_tags_shows_no_schedule_because_none_has_tags() {
    let server = server();
    let tagged = server.limited(Role::Operator, &["all"], (&[], &["vip"]));

    assert!(names(&tagged).is_empty());
    tagged.get(&format!("{LIST}/mail")).expect(404);
    tagged.get(&format!("{LIST}/mail/preview")).expect(404);
    tagged.post(&format!("{LIST}/mail/run"), &json!({})).expect(404);
    put(&tagged, "mine", &[], &daily("mail")).expect(422);
    put(&tagged, "mail", &[], &daily("mail")).expect(404);
}

#[test]
fn a_token_and_a_role_that_only_read_change_nothing() {
    let server = server();

    for program in [server.with_scopes(&["schedules:read"]), server.program(Role::Viewer)] {
        assert_eq!(names(&program).len(), 2);
        program.get(&format!("{LIST}/mail/preview")).expect(200);
        put(&program, "mail", &[], &daily("mail")).expect(403);
        for verb in ["pause", "resume", "run", "roll-back", "backfill", "preview"] {
            program.post(&format!("{LIST}/mail/{verb}"), &json!({})).expect(403);
        }
        assert_eq!(program.send("DELETE", &format!("{LIST}/mail"), &[], b"").status, 403);
    }
    server.with_scopes(&["jobs:write"]).get(LIST).expect(403);
    server.with_scopes(&["schedules:write"]).post(&format!("{LIST}/mail/run"), &json!({})).expect(201);
}

fn spec(name: &str, template: &str) -> Schedule {
    let text = format!("kind: Schedule\nname: {name}\ntemplate: {template}\nrules: [ {{ cron: \"0 6 * * *\" }} ]");
    documents(&text).unwrap()[0].read().unwrap()
}

#[test]
fn services_hold_every_caller_to_his_queues() {
    let db = TestDb::new();
    let conn = &mut db.connect();
    handler_template(conn, "work", json!({ "queue": "mail" }));
    handler_template(conn, "bills.work", json!({ "queue": "bills" }));
    save(conn, "mail", "rules: [ { cron: \"0 6 * * *\" } ]");
    let system = Actor::system("test");
    service::save(conn, &system, &spec("bills", "bills.work"), None, "").unwrap();
    let limited = Actor { scope: Scope { queues: vec!["mail".into()], tags: Vec::new() }, ..system };

    let (rows, _, next) = show::page(conn, &limited, ScheduleFilter::default()).unwrap();
    assert_eq!((rows.len(), rows[0].name.as_str(), next), (1, "mail", None));
    let none = |error: ScheduleError| assert!(matches!(error, ScheduleError::NotFound(_)), "{error}");
    none(show::one(conn, &limited, "bills").unwrap_err());
    none(show::versions(conn, &limited, "bills").unwrap_err());
    none(service::copy(conn, &limited, "bills", "mine", Begin::AtOnce).unwrap_err());
    none(service::run_now(conn, &limited, "bills", "").unwrap_err());
    none(service::pause(conn, &limited, "bills", "").unwrap_err());
    none(service::remove(conn, &limited, "bills", "").unwrap_err());
    none(service::roll_back(conn, &limited, "bills", 1, "").unwrap_err());
    let (from, to) = ("2026-03-01T00:00:00Z".parse().unwrap(), "2026-03-02T00:00:00Z".parse().unwrap());
    let wish = Wish { from, to, newest_first: false, missing_only: false, concurrency: 1 };
    none(backfill::dry_run(conn, &limited, "bills", &wish).unwrap_err());

    let both =
        Documents { schedules: vec![spec("mine", "work"), spec("theirs", "bills.work")], ..Documents::default() };
    let refused = apply(conn, &limited, &both, ("", Begin::AtOnce)).unwrap_err();
    assert!(
        matches!(&refused, ApplyError::Schedule(name, ScheduleError::OutOfScope(_)) if name == "theirs"),
        "{refused}"
    );
    none(show::one(conn, &limited, "mine").unwrap_err()); // all or none

    service::copy(conn, &limited, "mail", "mine", Begin::Paused).unwrap();
    assert!(show::one(conn, &limited, "mine").unwrap().paused_at.is_some());
    let taken = service::copy(conn, &limited, "mail", "mine", Begin::AtOnce).unwrap_err();
    assert!(matches!(taken, ScheduleError::NameTaken(_)), "{taken}");
    assert_eq!(number(conn, "SELECT count(*) FROM millrace.schedules"), 3);
    assert!(try_save(conn, "mail", "rules: [ { cron: \"0 7 * * *\" } ]").is_ok());
}
