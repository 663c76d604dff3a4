//! A running product on a database of its own, and people who sign in with their password.

use std::sync::OnceLock;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Text};
use millrace::base::db::{PgConnection, statement};
use millrace::queue::access::password::Password;
use millrace::queue::permission::Role;

use crate::browser::Browser;
use crate::cli::served::Served;
use crate::support::{TestDb, ThrowAway};
use crate::web::browser::Browser as Program;

/// The password of everybody here.
pub const PASSWORD: &str = "mild granite otter 42";

/// `millrace serve` with diagnostics on; ends with this value.
pub struct House {
    // Fields end in this order: the program before what it stands on.
    served: Option<Served>,
    pub db: TestDb,
    folder: ThrowAway,
    pub origin: String,
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

impl House {
    pub fn start() -> House {
        let mut house = House { served: None, db: TestDb::new(), folder: ThrowAway::new(), origin: String::new() };
        house.serve("127.0.0.1:0");
        house
    }

    fn serve(&mut self, address: &str) {
        let sql_url = self.db.url_of("millrace_sql");
        let variables = [
            ("DATABASE_URL", self.db.url()),
            ("MILLRACE_SQL_URL", &sql_url),
            ("MILLRACE_ALLOW_DIAGNOSTICS", "on"),
            ("MILLRACE_NODE", "mil-01"),
        ];
        let mut served = Served::start_at(address, self.folder.path(), &variables);
        self.origin = served.origin();
        self.served = Some(served);
    }

    /// Ends the program in order.
    pub fn stop(&mut self) {
        assert_eq!(self.served.take().expect("it runs").end(), 0);
    }

    /// Starts the program again, at the same address.
    pub fn start_again(&mut self) {
        let address = self.address().to_owned();
        self.serve(&address);
    }

    pub fn connect(&self) -> PgConnection {
        self.db.connect()
    }

    /// Where the program listens, without the scheme.
    pub fn address(&self) -> &str {
        self.origin.trim_start_matches("http://")
    }

    /// Adds somebody with this role, called after it.
    pub fn person(&self, role: Role) -> i64 {
        const SQL: &str = "INSERT INTO millrace.people (email, name, role, zone, password_hash)
            VALUES ($1, $2, $3, 'Europe/Rome', $4) RETURNING id";
        let row: Option<Id> = statement(SQL)
            .bind::<Text, _>(email(role))
            .bind::<Text, _>(format!("The {}", role.as_str()))
            .bind::<Text, _>(role.as_str())
            .bind::<Text, _>(hash())
            .row(&mut self.connect())
            .unwrap();
        row.unwrap().id
    }

    /// Signs somebody with this role in by the page, in a real browser.
    pub fn sign_in(&self, browser: &Browser, role: Role) {
        browser.open(&format!("{}/sign-in", self.origin));
        browser.fill("email", &email(role));
        browser.fill("password", PASSWORD);
        browser.press("Sign in");
        browser.wait_for_text(&format!("The {}", role.as_str()));
    }

    /// A browser without a screen in which somebody with this role has signed in.
    pub fn program(&self, role: Role) -> Program {
        let mut program = Program::new(self.address());
        let typed = form(&[("email", &email(role)), ("password", PASSWORD)]);
        assert_eq!(program.post("/sign-in", &typed).status, 303, "{role:?}");
        program.get("/account"); // takes the session's token
        program
    }

    /// A browser without a screen of nobody.
    pub fn stranger(&self) -> Program {
        Program::new(self.address())
    }
}

/// The address of whoever has this role.
pub fn email(role: Role) -> String {
    format!("{}@example.org", role.as_str())
}

/// Spells fields as a browser posts them.
pub fn form(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Hashing is slow on purpose: once for all.
fn hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| Password::choose(PASSWORD, &[]).unwrap().hash().unwrap())
}
