//! Every route × every role: who gets in is what the permission table says, asked of the running program.

use actix_web::http::Method;
use millrace::queue::access::token;
use millrace::queue::permission::{Permission, Role};
use millrace::routes;
use millrace::web::guard::Table;
use millrace::web::paths;
use millrace::web::table::Access;

use super::house::House;
use super::samples::{Samples, insert_token};
use crate::support::stage::number;
use crate::web::browser::{Answer, Browser};

/// Routes that ask nobody who they are, written down by hand: a route that forgets its permission is not among them.
const OPEN: [&str; 11] = [
    "GET /api/docs",
    "GET /api/v1/openapi.json",
    "GET /healthz",
    "GET /metrics",
    "GET /readyz",
    "GET /setup",
    "GET /sign-in",
    "POST /account/theme",
    "POST /setup",
    "POST /sign-in",
    "POST /sign-out",
];
/// Routes for whoever is signed in, whatever their role.
const SIGNED_IN: [&str; 6] =
    ["GET /design", "GET /design/ask", "GET /help", "GET /live/design", "GET /palette", "POST /design/ask"];

/// Who stands at a door.
struct Visitor {
    role: Option<Role>,
    pages: Browser,
    api: Option<String>,
}

impl Visitor {
    fn nobody(house: &House) -> Visitor {
        Visitor { role: None, pages: house.stranger(), api: None }
    }

    fn with_role(house: &House, role: Role, person: i64) -> Visitor {
        let bearer = token::generate();
        insert_token(&mut house.connect(), person, &bearer);
        Visitor { role: Some(role), pages: house.program(role), api: Some(format!("Bearer {bearer}")) }
    }

    fn knock(&mut self, method: &Method, address: &str) -> Answer {
        let bearer = self.api.as_deref().filter(|_| is_api(address)).map(|bearer| ("Authorization", bearer));
        let headers: Vec<_> = bearer.into_iter().collect();
        match (method, is_api(address)) {
            (&Method::GET, _) => self.pages.knock(method.as_str(), address, &headers, ""),
            (_, true) => self.pages.knock(method.as_str(), address, &headers, "{}"),
            (_, false) => self.pages.post(address, ""),
        }
    }
}

fn is_api(address: &str) -> bool {
    address.starts_with("/api/v1")
}

/// What must happen at a door.
#[derive(Debug, PartialEq, Eq)]
enum Door {
    Opens,
    AsksWho,
    StaysShut,
}

/// The rule itself, said once more and apart from the guard.
fn expected(access: Access, role: Option<Role>) -> Door {
    match (access, role) {
        (Access::Open, _) | (Access::SignedIn, Some(_)) => Door::Opens,
        (_, None) => Door::AsksWho,
        (Access::Needs(permission), Some(role)) if permission.held_by(role) => Door::Opens,
        (Access::Needs(_), Some(_)) => Door::StaysShut,
    }
}

fn seen(answer: &Answer, address: &str) -> Door {
    let to_sign_in = answer.status == 303 && answer.header("location").starts_with("/sign-in");
    match answer.status {
        401 => Door::AsksWho,
        303 if to_sign_in && address != paths::SIGN_OUT => Door::AsksWho,
        403 => Door::StaysShut,
        _ => Door::Opens,
    }
}

fn table() -> Table {
    Table::new(routes::all(true))
}

/// Method, pattern and access of every route: reads first, then acts, and last what leaves the session (signing in and
/// out, the theme's cookie in the place of the session's).
fn rows(table: &Table) -> Vec<(&Method, &'static str, Access)> {
    let mut rows: Vec<_> = table.rows().collect();
    rows.sort_by_key(|(method, _, access)| (**method != Method::GET, *access == Access::Open));
    rows
}

#[test]
fn every_route_lets_in_exactly_the_roles_of_the_permission_table() {
    let house = House::start();
    let people = Role::ALL.map(|role| (role, house.person(role)));
    let samples = Samples::make(&house, people[0].1);
    let mut visitors = vec![Visitor::nobody(&house)];
    visitors.extend(people.iter().rev().map(|(role, person)| Visitor::with_role(&house, *role, *person)));
    let (table, mut wrong, mut refused) = (table(), Vec::new(), 0);

    for visitor in &mut visitors {
        for (method, pattern, access) in rows(&table) {
            for address in samples.addresses(pattern) {
                let answer = visitor.knock(method, &address);
                let wanted = expected(access, visitor.role);
                if seen(&answer, &address) != wanted || answer.status >= 500 {
                    wrong.push(format!(
                        "{:?} {method} {address}: {} instead of {wanted:?}",
                        visitor.role, answer.status
                    ));
                }
                refused += i64::from(wanted == Door::StaysShut && *method != Method::GET);
            }
        }
    }

    assert_eq!(wrong, [] as [String; 0]);
    let noted = "SELECT count(*) AS number FROM millrace.audit WHERE NOT accepted AND act = 'request.refuse'";
    assert_eq!(number(&mut house.connect(), noted), refused, "every refused change is in the audit trail");
}

#[test]
fn nothing_is_changed_without_the_token_of_our_own_page() {
    let house = House::start();
    let admin = house.person(Role::Admin);
    let samples = Samples::make(&house, admin);
    let mut browser = house.program(Role::Admin);
    let token = browser.token().to_owned();
    let ours = ("Sec-Fetch-Site", "same-origin");
    let before = number(&mut house.connect(), CHANGES);

    let table = table();
    for (_, pattern, _) in rows(&table).into_iter().filter(|(method, path, _)| **method != Method::GET && !is_api(path))
    {
        for address in samples.addresses(pattern) {
            for (body, headers) in [
                (String::new(), vec![ours]),
                ("csrf=guessed".to_owned(), vec![ours]),
                (format!("csrf={token}"), vec![("Sec-Fetch-Site", "cross-site")]),
                (format!("csrf={token}"), vec![("Origin", "https://evil.example")]),
                (format!("csrf={token}"), vec![]),
            ] {
                let answer = browser.post_with(&address, &body, &headers);
                assert_eq!(answer.status, 403, "{address} {body} {headers:?}");
            }
        }
    }

    assert_eq!(number(&mut house.connect(), CHANGES), before);
    assert_eq!(browser.get("/account").status, 200, "still signed in");
}

const CHANGES: &str = "SELECT count(*) AS number FROM millrace.audit WHERE act <> 'request.refuse'";

#[test]
fn only_these_routes_are_open() {
    let table = table();
    let of = |wanted: Access| {
        let rows = table.rows().filter(move |(_, _, access)| *access == wanted);
        let mut names: Vec<_> = rows.map(|(method, path, _)| format!("{method} {path}")).collect();
        names.sort();
        names
    };

    assert_eq!(of(Access::Open), OPEN);
    assert_eq!(of(Access::SignedIn), SIGNED_IN);
}

#[test]
fn whoever_only_reads_can_change_nothing_but_their_own_account() {
    let table = table();
    let changes = table.rows().filter(|(method, _, _)| **method != Method::GET);

    for (method, path, access) in changes {
        let own = [
            Access::Open,
            Access::SignedIn,
            Access::Needs(Permission::OwnAccount),
            Access::Needs(Permission::KeepViews),
        ]
        .contains(&access);
        for role in [Role::Viewer, Role::Auditor, Role::Analyst] {
            let route = format!("{method} {path}");
            let is_file = access == Access::Needs(Permission::ExportJobs); // of what they may see; no job is changed
            assert!(own || is_file || expected(access, Some(role)) == Door::StaysShut, "{role:?} may {route}");
            let is_own_view = access == Access::Needs(Permission::KeepViews); // the service asks whoever shares one
            assert!(!own || is_own_view || !is_api(path), "{route} changes something and needs no permission");
        }
    }
}

#[test]
fn a_question_needs_what_its_act_needs() {
    let table = table();
    for (_, path, access) in table.rows().filter(|(method, path, _)| **method == Method::POST && !is_api(path)) {
        let question = table.rows().find(|(method, other, _)| **method == Method::GET && *other == path);
        assert!(question.is_none_or(|(_, _, needed)| needed == access), "{path}");
    }
}
