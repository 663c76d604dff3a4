//! What falls together and what stays apart.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn fingerprint(template: TemplateId, message: &str, trace: Option<&str>) -> String {
    print(template, message, trace).fingerprint
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 20) ^ (self.0 >> 45)
    }

    fn of(&mut self, most: u64) -> u64 {
        self.roll() % most
    }

    /// Hexadecimal digits, the last of which is a number: one of letters alone may be a word, and is taken for one.
    fn hex(&mut self, digits: usize) -> String {
        let all = (1..digits).map(|_| char::from_digit(self.of(16) as u32, 16).unwrap()).collect::<String>();
        format!("{all}{}", self.of(10))
    }

    fn one(&mut self, of: &[&str]) -> String {
        of[self.of(of.len() as u64) as usize].to_owned()
    }

    /// Fills `{n}` and its like.
    fn filled(&mut self, shape: &str) -> String {
        let mut out = String::new();
        let mut rest = shape;
        while let Some((before, after)) = rest.split_once('{') {
            let (kind, left) = after.split_once('}').unwrap();
            out.push_str(before);
            out.push_str(&self.value(kind));
            rest = left;
        }
        out + rest
    }

    fn value(&mut self, kind: &str) -> String {
        match kind {
            "n" => [self.of(10), self.of(1_000), self.of(10_000_000)][self.of(3) as usize].to_string(),
            "signed" => format!("{}{}", self.one(&["", "-", "+"]), self.of(5_000)),
            "decimal" => format!("{}.{}", self.of(900), self.of(1_000)),
            "uuid" => format!("{}-{}-{}-{}-{}", self.hex(8), self.hex(4), self.hex(4), self.hex(4), self.hex(12)),
            "hex" => format!("0x{}", self.hex(12)),
            "hash" => self.hex(40),
            "short" => format!("{}{}{}", self.of(10), self.hex(6), self.of(10)),
            "date" => format!("20{:02}-{:02}-{:02}", self.of(40), self.of(12) + 1, self.of(28) + 1),
            "clock" => format!("{:02}:{:02}:{:02}", self.of(24), self.of(60), self.of(60)),
            "time" => match self.of(4) {
                0 => format!("{}T{}Z", self.value("date"), self.value("clock")),
                1 => format!("{} {}.{}+02:00", self.value("date"), self.value("clock"), self.of(1_000_000)),
                2 => format!("Mon, {} Nov 2026 {} GMT", self.of(28) + 1, self.value("clock")),
                _ => format!("{} {} {}", self.one(&["Jan", "May", "Dec"]), self.of(28) + 1, self.value("clock")),
            },
            "ip" => format!("{}.{}.{}.{}:{}", self.of(256), self.of(256), self.of(256), self.of(256), self.of(60_000)),
            "took" => match self.of(4) {
                0 => format!("{} ms", self.of(1_000)),
                1 => format!("{}.{} s", self.of(60), self.of(10)),
                2 => format!("{}m {}s", self.of(60), self.of(60)),
                _ => format!("{} seconds", self.of(600)),
            },
            "size" => format!("{} {}", self.of(900), self.one(&["bytes", "KiB", "MB", "GiB"])),
            "path" => format!("/var/spool/in/{}/{}-{}.csv", self.hex(8), self.one(&["report", "x"]), self.of(9_999))
                .replace("report-", "x-"),
            "tmp" => format!("/tmp/{}/{}", self.one(&["abc", "work.d", "q7x"]), self.one(&["out", "in.part"])),
            "home" => format!("/home/{}/data/{}.json", self.one(&["anna", "li", "o.brien"]), self.of(99)),
            "url" => format!(
                "https://{}.example:{}/v1/orders/{}?page={}",
                self.one(&["api", "shop-2"]),
                self.of(9_000),
                self.of(99_999),
                self.of(9)
            ),
            "mail" => {
                format!("{}{}@{}.example", self.one(&["a.b", "info", "x+y"]), self.of(99), self.one(&["mail", "corp"]))
            }
            "quoted" => format!("\"{} {}\"", self.one(&["blue", "red"]), self.of(999)),
            "list" => (0..=self.of(5)).map(|_| self.of(9_999).to_string()).collect::<Vec<_>>().join(", "),
            other => panic!("{other}"),
        }
    }
}

/// Twenty causes, as programs of many languages tell of them.
const CAUSES: [&str; 20] = [
    "status 503 Service Unavailable: upstream {uuid} did not answer within {took}",
    "status 404 Not Found: {url}",
    "GET {url}: connection refused (os error 111)",
    "ERROR: duplicate key value violates unique constraint \"orders_pkey\" DETAIL: Key (id)=({n}) already exists.",
    "ERROR: duplicate key value violates unique constraint \"customers_email_key\" DETAIL: Key (email)=({mail}) already exists.",
    "ERROR: deadlock detected (SQLSTATE 40P01): Process {n} waits for ShareLock on transaction {n}",
    "could not connect to server at {ip}: timeout after {took}",
    "exit code 2: cannot open {path}: No such file or directory",
    "exit code 137: killed after {size}",
    "[Errno 13] Permission denied: '{home}'",
    "panicked: index out of bounds: the len is {n} but the index is {n}",
    "thread 'worker-{n}' panicked at src/import.rs:{n}:{n}:\ncalled `Option::unwrap()` on a `None` value",
    "java.lang.NullPointerException: Cannot invoke \"Order.total()\" because \"order\" is null\n\tat com.shop.Order.price(Order.java:{n})\n\tat java.base/java.lang.Thread.run(Thread.java:{n})",
    "Traceback (most recent call last):\n  File \"/app/{short}/job.py\", line {n}, in run\n    total(x)\nValueError: invalid literal for int() with base 10: {quoted}",
    "order {n} of customer {uuid} was not found at {time}",
    "checksum mismatch: expected {hash}, got {hash}",
    "payment of {decimal} EUR was declined for card {short}",
    "[{time}] write of {size} to {tmp} failed: No space left on device (os error 28)",
    "segfault at {hex} ip {hex} sp {hex} error {n}",
    "cannot send mail to {mail}: ids {list} bounced",
];

#[test]
fn a_thousand_errors_of_twenty_causes_fall_into_twenty_groups() {
    let mut dice = Dice(7);
    let mut groups: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    let mut of_cause: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();

    for (cause, shape) in CAUSES.iter().enumerate() {
        for _ in 0..50 {
            let error = dice.filled(shape);
            groups.entry(fingerprint(TemplateId(1), &error, None)).or_default().insert(cause);
            of_cause.entry(cause).or_default().insert(normalise(&error));
        }
    }

    for (cause, forms) in &of_cause {
        assert_eq!(forms.len(), 1, "{}: {forms:#?}", CAUSES[*cause]);
    }
    assert!(groups.values().all(|causes| causes.len() == 1), "two causes were merged");
    assert_eq!(groups.len(), 20);
}

#[test]
fn near_but_different_causes_stay_apart() {
    let pairs = [
        ("status 503 Service Unavailable", "status 404 Not Found"),
        ("HTTP 500 from shop 17", "HTTP 502 from shop 17"),
        ("HTTP Error 404: Not Found", "HTTP Error 403: Forbidden"),
        ("the server answered 429", "the server answered 500"),
        ("SMTP 421: refused", "SMTP 550: refused"),
        ("exit code 1: failed", "exit code 2: failed"),
        ("ended by signal 9 (SIGKILL)", "ended by signal 11 (SIGSEGV)"),
        ("ERROR: could not serialize (SQLSTATE 40001)", "ERROR: could not serialize (SQLSTATE 40P01)"),
        ("cannot read: os error 2", "cannot read: os error 13"),
        ("[Errno 2] cannot open '/a/1'", "[Errno 13] cannot open '/a/1'"),
        ("ORA-00942: table", "ORA-01017: table"),
        ("order 12 not found", "invoice 12 not found"),
        ("violates unique constraint \"orders_pkey\"", "violates unique constraint \"orders_number_key\""),
        ("relation \"orders\" does not exist", "relation \"invoices\" does not exist"),
        ("column 'total' is missing", "column 'price' is missing"),
        ("No module named 'requests'", "No module named 'yaml'"),
        ("KeyError: 'customer'", "KeyError: 'order'"),
        ("can't read user's file", "can't delete user's file"),
        ("GET https://a.example/v1/orders/7 failed", "GET https://a.example/v1/invoices/7 failed"),
        ("GET https://a.example/v1/orders/7 failed", "POST https://a.example/v1/orders/7 failed"),
        ("connection to 10.0.0.1 refused", "connection to 10.0.0.1 reset"),
        ("timed out after 30 s", "interrupted after 30 s"),
        ("panicked: at src/import.rs:7:1", "panicked: at src/export.rs:7:1"),
        ("invalid utf-8 sequence", "invalid utf-16 sequence"),
        ("3 rows missing", "3 files missing"),
        ("cannot open /etc/app/settings.toml", "cannot open /var/data/today.csv"),
        ("value too long for type int4", "value too long for type int8"),
        ("gRPC failed with code 14", "gRPC failed with code 4"),
        ("java.io.IOException: x", "java.io.EOFException: x"),
    ];

    for (left, right) in pairs {
        let print = |text| fingerprint(TemplateId(1), text, None);
        assert_ne!(print(left), print(right), "{} / {}", normalise(left), normalise(right));
    }
    assert_ne!(fingerprint(TemplateId(1), "x", None), fingerprint(TemplateId(2), "x", None));
}

#[test]
fn what_varies_is_taken_out_and_what_names_the_cause_stays() {
    let cases = [
        ("HTTP 503 from shop 17 after 2.4 s", "HTTP 503 from shop # after #"),
        ("\nno row 3fa85f64-5717-4562-b3fc-2c963f66afa6\nat x", "no row #"),
        ("mail to a.b@c.example bounced", "mail to # bounced"),
        ("Key (email)=(a@b.example) already exists", "Key (email)=(#) already exists"),
        ("GET https://api.example:8443/v1/orders/77?x=1: refused", "GET https://host/v1/orders/#: refused"),
        ("at C:\\Users\\anna\\x7.csv", "at #/Users/#"),
        ("range [-3, 5) of +7", "range [#) of #"),
        ("\u{1b}[31merror\u{1b}[0m: node7 is gone", "error: node# is gone"),
        ("May fail", "May fail"),
        ("std::fmt failed", "std::fmt failed"),
        ("user 'anna meyer' and \"users\"", "user '#' and \"users\""),
        ("don't read 7's file", "don't read #'s file"),
        ("", ""),
    ];

    for (message, expected) in cases {
        assert_eq!(normalise(message), expected, "{message}");
    }
}

const RUST: &str = "panicked at src/a.rs:1:2\n   0: std::backtrace::Backtrace::create\n             at /rustc/9/library/std/src/backtrace.rs:331:13\n   \
1: shop::orders::price::h0123456789abcdef\n             at ./src/orders.rs:41:5\n   2: core::ops::function::FnOnce::call_once\n";
const JAVA: &str = "\tat java.base/java.util.Objects.requireNonNull(Objects.java:233)\n\tat com.shop.Order.price(Order.java:12)\n\tat com.shop.Job.lambda$run$0(Job.java:3)";
const PYTHON: &str = "Traceback (most recent call last):\n  File \"/app/job.py\", line 3, in run\n    x()\n  File \"/usr/lib/python3.12/json/decoder.py\", line 9, in decode\nValueError: x";
const SCRIPT: &str = "Error: x\n    at price (/app/src/orders.js:10:5)\n    at node:internal/process/task_queues:95:5\n    at async run (/app/src/job.js:3:1)";
const GO: &str = "goroutine 7 [running]:\nmain.price(0xc000012345, 0x7)\n\t/app/orders.go:12 +0x1d\nruntime.main()\n\t/usr/go/proc.go:1 +0x2";

#[test]
fn frames_are_found_in_the_traces_of_many_languages_own_ones_first() {
    let own = |text| frames(text).into_iter().filter(|frame| frame.is_own).map(|frame| frame.place).collect::<Vec<_>>();

    assert_eq!(own(RUST), ["shop::orders::price"]);
    assert_eq!(own(JAVA), ["com.shop.Order.price", "com.shop.Job.lambda$run$#"]);
    assert_eq!(own(PYTHON), ["job.py:run"]);
    assert_eq!(own(SCRIPT), ["orders.js:price", "job.js:run"]);
    assert_eq!(own(GO), ["main.price"]);
    assert!(frames("12: nothing\nat last\nFile x").is_empty());
}

#[test]
fn lines_and_addresses_of_a_trace_change_nothing_but_its_functions_do() {
    let print = |trace: &str| fingerprint(TemplateId(1), "panicked: x", Some(trace));
    let moved = RUST.replace(":41:5", ":57:9").replace("0123456789abcdef", "fedcba9876543210");

    assert_eq!(print(RUST), print(&moved));
    assert_ne!(print(RUST), print(&RUST.replace("price", "ship")));
    assert_eq!(print(JAVA), print(&JAVA.replace(":12)", ":13)")));
    assert_ne!(print(JAVA), fingerprint(TemplateId(1), "panicked: x", None));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn normalising_twice_changes_nothing_more(text in "[ -~äß\n]{0,160}") {
        let once = normalise(&text);

        prop_assert_eq!(normalise(&once), once);
    }

    #[test]
    fn any_numbers_ids_and_times_give_the_same_form(seed in any::<u64>(), cause in 0..CAUSES.len()) {
        let (one, other) = (Dice(seed).filled(CAUSES[cause]), Dice(seed ^ 0x5bd1_e995).filled(CAUSES[cause]));

        prop_assert_eq!(normalise(&one), normalise(&other));
    }

    #[test]
    fn no_text_is_too_odd(text in any::<String>()) {
        prop_assert_eq!(fingerprint(TemplateId(1), &text, Some(&text)).len(), 16);
    }
}
