//! The pages of access over the real routes: what a browser without script sees.

use std::net::TcpListener;

use millrace::admin::account::setup;
use millrace::admin::people::service::Person;
use millrace::base::clock::SystemClock;
use millrace::boot::web::Web;
use millrace::config::{Config, Inputs, setting};
use millrace::queue::permission::Role;
use tempfile::TempDir;

use super::{GOOD, Stage, cli};
use crate::web::browser::{Answer, Browser};

/// The console as it is composed for people, over a database of its own.
pub struct Console {
    pub stage: Stage,
    address: String,
    web: Option<Web>,
    #[expect(dead_code, reason = "held: the data folder goes with it")]
    folder: TempDir,
}

impl Console {
    pub fn start() -> Console {
        Console::start_after("SELECT 1")
    }

    /// Starts on a database in which the owner did this before.
    pub fn start_after(sql: &'static str) -> Console {
        let mut stage = Stage::new();
        stage.as_owner(sql);
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let inputs = Inputs {
            folder: folder.path().to_owned(),
            file: None,
            environment: Default::default(),
            flags: Vec::new(),
            defaults: vec![
                (&setting::DATA_DIR, folder.path().display().to_string()),
                (&setting::NODE, "here".into()),
                (&setting::SLOTS, "2".into()),
            ],
        };
        let config = Config::read(&inputs).unwrap();
        let web = Web::start(listener, &config, &stage.runtime_url()).unwrap();
        Console { stage, address, web: Some(web), folder }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn browser(&self) -> Browser {
        Browser::new(&self.address)
    }

    /// Adds a person and signs them in.
    pub fn signed_in(&mut self, email: &str, role: Role) -> (Person, Browser) {
        let person = self.stage.person(email, role);
        let mut browser = self.browser();
        let entered = browser.post("/sign-in", &fields(&[("email", email), ("password", GOOD)]));
        assert_eq!((entered.status, entered.header("location")), (303, "/"));
        browser.get("/account"); // takes the session's token
        (person, browser)
    }

    /// As if the password had been given long ago.
    pub fn forget_proofs(&mut self) {
        self.stage.as_owner("UPDATE millrace.sessions SET sudo_until = now() - interval '1 min'");
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if let Some(web) = self.web.take() {
            web.stop();
        }
    }
}

pub fn fields(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

pub fn leads_to(answer: &Answer, path: &str) -> bool {
    answer.status == 303 && answer.header("location") == path
}

#[test]
fn a_demo_says_so_before_and_after_sign_in() {
    let mut demo = Console::start_after("INSERT INTO millrace.demo (partner_port) VALUES (4711)");
    let mut real = Console::start();
    let said = "This is a demo:";

    assert!(demo.browser().get("/sign-in").body.contains(said) && !real.browser().get("/sign-in").body.contains(said));
    let (_, mut there) = demo.signed_in("a@example.org", Role::Viewer);
    let (_, mut here) = real.signed_in("a@example.org", Role::Viewer);
    for path in ["/", "/jobs", "/templates"] {
        assert!(there.get(path).body.contains(said) && !here.get(path).body.contains(said), "{path}");
    }
}

#[test]
fn the_link_makes_the_first_admin_who_is_signed_in_at_once() {
    let mut console = Console::start();
    let secret = setup::new_link(&mut console.stage.conn, &SystemClock, &cli()).unwrap().unwrap();
    let mut browser = console.browser();
    let address = format!("/setup?token={secret}");
    let typed = |password| {
        fields(&[
            ("token", &secret),
            ("email", "giulia@example.org"),
            ("name", "Giulia Ferrando"),
            ("password", password),
        ])
    };

    assert!(browser.get(&address).body.contains("Become the first admin"));
    let weak = browser.post("/setup", &typed("password1234"));
    assert_eq!(weak.status, 422);
    assert!(weak.body.contains("among the first that an attacker tries") && weak.body.contains("giulia@example.org"));
    assert!(!weak.body.contains("password1234"), "a password is not sent back");
    assert!(leads_to(&browser.post("/setup", &typed(GOOD)), "/"));
    let dashboard = browser.get("/");
    assert_eq!(dashboard.status, 200);
    assert!(dashboard.body.contains("Giulia Ferrando") && dashboard.body.contains("You are the first admin."));

    let again = console.browser().get(&address);
    assert_eq!(again.status, 410);
    assert!(again.body.contains("no longer valid") && again.body.contains("millrace user setup-link"));
    assert_eq!(console.stage.acts(), ["setup.link", "person.add", "account.sign_in"]);
}

#[test]
fn while_nobody_is_there_the_sign_in_page_leads_to_the_setup_link() {
    let mut console = Console::start();

    let empty = console.browser().get("/sign-in").body;
    assert!(empty.contains("Nobody can sign in yet") && empty.contains("millrace user setup-link"), "{empty}");
    assert!(!empty.contains("An admin of this Millrace can help"), "there is none");
    console.signed_in("giulia@example.org", Role::Admin);
    let later = console.browser().get("/sign-in").body;
    assert!(later.contains("name=\"password\"") && later.contains("An admin of this Millrace can help"), "{later}");
}

#[test]
fn signing_in_leads_back_to_where_one_was_going() {
    let mut console = Console::start();
    console.stage.person("giulia@example.org", Role::Viewer);
    let right = |next: &str| fields(&[("email", "giulia@example.org"), ("password", GOOD), ("next", next)]);

    let mut browser = console.browser();
    assert!(leads_to(&browser.get("/account/security"), "/sign-in?next=%2Faccount%2Fsecurity"));
    assert!(browser.get("/sign-in?next=%2Faccount%2Fsecurity").body.contains("value=\"/account/security\""));
    let wrong = browser.post("/sign-in", &fields(&[("email", "giulia@example.org"), ("password", "otters")]));
    assert_eq!(wrong.status, 422);
    assert!(wrong.body.contains("The address or the password is wrong") && !wrong.body.contains("otters"));
    assert!(leads_to(&browser.post("/sign-in", &right("/account/security")), "/account/security"));
    assert_eq!(browser.get("/account/security").status, 200);
    assert!(leads_to(&browser.get("/sign-in?next=%2Ftokens"), "/tokens"), "whoever is signed in goes on");

    for elsewhere in ["https://evil.example", "//evil.example", "/\\evil.example"] {
        assert!(leads_to(&console.browser().post("/sign-in", &right(elsewhere)), "/"), "{elsewhere}");
    }
}

#[test]
fn guessing_is_slowed_down_with_the_wait_told() {
    let mut console = Console::start();
    console.stage.person("giulia@example.org", Role::Viewer);
    let mut browser = console.browser();
    let mut guess = || browser.post("/sign-in", &fields(&[("email", "giulia@example.org"), ("password", "otters")]));

    let statuses: Vec<u16> = (0..5).map(|_| guess().status).collect();

    assert_eq!(statuses, [422, 422, 422, 422, 429]);
    let told = guess();
    assert!(told.body.contains("Try again in"), "{}", told.body);
    assert!(told.header("retry-after").parse::<u32>().is_ok_and(|seconds| (1..=3).contains(&seconds)));
}

#[test]
fn signing_out_ends_the_session_everywhere() {
    let mut console = Console::start();
    let (_, mut browser) = console.signed_in("giulia@example.org", Role::Viewer);
    let held = browser.cookie().unwrap().to_owned();

    assert!(leads_to(&browser.post("/sign-out", ""), "/sign-in"));

    let replayed = console.browser().get_with("/account", &[("Cookie", &held)]);
    assert!(leads_to(&replayed, "/sign-in?next=%2Faccount"));
    assert_eq!(console.stage.acts().last().map(String::as_str), Some("account.sign_out"));
}

#[test]
fn a_key_from_before_signing_in_is_worth_nothing_after() {
    let mut console = Console::start();
    let (_, mut browser) = console.signed_in("giulia@example.org", Role::Viewer);
    let before = browser.cookie().unwrap().to_owned();

    browser.post("/sign-in", &fields(&[("email", "giulia@example.org"), ("password", GOOD)]));

    assert_ne!(browser.cookie(), Some(before.as_str()));
    assert_eq!(console.browser().get_with("/account", &[("Cookie", &before)]).status, 303);
}
