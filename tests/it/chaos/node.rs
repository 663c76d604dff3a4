//! A node that is killed, stopped, cut off and started again.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cli::program;
use crate::cli::served::engine_of;
use crate::support::ThrowAway;
use crate::support::cutter::Cutter;

use super::plan::Plan;
use super::stage::Stage;

/// How long a killed node stays away.
const AWAY: Duration = Duration::from_millis(1_500);
/// How long a node may take to end in order.
const END_MAX: Duration = Duration::from_secs(60);

/// One `millrace serve`, its data folder, and its own way to the database.
pub struct Node {
    pub name: String,
    folder: ThrowAway,
    /// Its way to the database, where there is one server.
    cutter: Option<Cutter>,
    variables: Vec<(&'static str, String)>,
    child: Option<Child>,
    start_at: Instant,
    /// Who stands still, and until when.
    frozen: Option<(Instant, Vec<i32>)>,
    starts: usize,
    /// Every engine that was seen.
    engines: BTreeSet<i32>,
}

impl Node {
    /// Makes a node that starts at its first [`Node::tick`]. With `clock`, a [library](clock_library), its wall clock can be moved.
    pub fn new(number: usize, stage: &Stage, plan: &Plan, clock: Option<&Path>) -> Node {
        let (name, folder) = (format!("chaos-{number}"), ThrowAway::new());
        let cutter = stage.standby.is_none().then(|| Cutter::before(&stage.url_of("millrace")));
        let way =
            |user: &str| cutter.as_ref().map_or_else(|| stage.url_of(user), |cutter| cutter.url(&stage.url_of(user)));
        let seconds = |time: Duration| time.as_secs().to_string();
        let mut variables = vec![
            ("DATABASE_URL", way("millrace")),
            ("MILLRACE_SQL_URL", way("millrace_sql")),
            ("MILLRACE_NODE", name.clone()),
            ("MILLRACE_SLOTS", plan.slots.into()),
            ("MILLRACE_ALLOW_DIAGNOSTICS", "on".into()),
            ("MILLRACE_LEASE_SECONDS", seconds(plan.lease)),
            ("MILLRACE_HEARTBEAT_SECONDS", seconds(plan.heartbeat)),
            ("MILLRACE_DRAIN_SECONDS", seconds(plan.drain)),
        ];
        if let Some(library) = clock {
            let file = folder.path().join("clock");
            fs::write(&file, 0_i64.to_ne_bytes()).unwrap();
            variables.push(("LD_PRELOAD", library.display().to_string()));
            variables.push(("CHAOS_CLOCK", file.display().to_string()));
        }
        Node {
            name,
            folder,
            cutter,
            variables,
            child: None,
            start_at: Instant::now(),
            frozen: None,
            starts: 0,
            engines: BTreeSet::new(),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Looks after it: buries, starts, lets go on. Call it several times a second.
    pub fn tick(&mut self) {
        if self.frozen.as_ref().is_some_and(|(until, _)| *until <= Instant::now()) {
            self.thaw();
        }
        self.engines.extend(self.engine());
        if let Some(child) = &mut self.child
            && let Some(status) = child.try_wait().unwrap()
        {
            eprintln!("{} ended with {status}", self.name);
            self.child = None;
            self.start_at = Instant::now() + AWAY;
        }
        if self.child.is_none() && self.start_at <= Instant::now() {
            self.start();
        }
    }

    fn start(&mut self) {
        self.starts += 1;
        let mut command = Command::new(program());
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(self.folder.path());
        command.current_dir(self.folder.path()).env_clear();
        command.envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        let log = File::options().create(true).append(true).open(self.file("serve.log")).unwrap();
        command.stdin(Stdio::null()).stdout(File::create(self.file("serve.out")).unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
    }

    /// Its address, while it is ready.
    pub fn origin(&self) -> Option<String> {
        let said = fs::read_to_string(self.file("serve.out")).ok()?;
        let line = said.lines().find_map(|line| line.strip_prefix("Millrace 0.1.0 is ready on "))?;
        self.child.as_ref().map(|_| line.to_owned())
    }

    /// Tells whether its engine's process is there.
    pub fn runs_jobs(&self) -> bool {
        self.origin().is_some() && self.engine().is_some()
    }

    fn supervisor(&self) -> Option<i32> {
        self.child.as_ref().map(|child| child.id() as i32)
    }

    fn engine(&self) -> Option<i32> {
        engine_of(self.child.as_ref()?.id())
    }

    /// Kills the engine and perhaps its supervisor. `false` = there was nobody.
    pub fn kill(&mut self, engine: bool, supervisor: bool) -> bool {
        let victims = [self.supervisor().filter(|_| supervisor), self.engine().filter(|_| engine)];
        let victims: Vec<i32> = victims.into_iter().flatten().collect();
        victims.iter().for_each(|pid| send(*pid, libc::SIGKILL));
        !victims.is_empty()
    }

    /// Lets the engine and perhaps its supervisor stand still. `false` = there was nobody, or it stands still already.
    pub fn freeze(&mut self, supervisor: bool, length: Duration) -> bool {
        let victims = [self.supervisor().filter(|_| supervisor), self.engine()];
        let victims: Vec<i32> = victims.into_iter().flatten().collect();
        if victims.is_empty() || self.frozen.is_some() {
            return false;
        }
        victims.iter().for_each(|pid| send(*pid, libc::SIGSTOP));
        self.frozen = Some((Instant::now() + length, victims));
        true
    }

    fn thaw(&mut self) {
        for pid in self.frozen.take().map(|(_, pids)| pids).unwrap_or_default() {
            // it may have been killed meanwhile, and its number given away
            if is_ours(pid) {
                send(pid, libc::SIGCONT);
            }
        }
    }

    pub fn cut(&self) {
        self.cutter.iter().for_each(Cutter::cut_all);
    }

    /// Moves its wall clock, away from the true one by so much. It needs a clock of its own.
    pub fn jump(&self, seconds: i64) {
        // in place: the programs have this very file in memory
        let file = File::options().write(true).open(self.file("clock")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &seconds.to_ne_bytes(), 0).unwrap();
    }

    /// Ends it in order and gives its exit code.
    pub fn end(&mut self) -> Option<i32> {
        self.thaw();
        let mut child = self.child.take()?;
        send(child.id() as i32, libc::SIGTERM);
        let end = Instant::now() + END_MAX;
        while Instant::now() < end {
            if let Some(status) = child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        None
    }

    /// Engines that go on although nobody supervises them.
    pub fn orphans(&self) -> Vec<i32> {
        self.engines.iter().copied().filter(|pid| is_ours(*pid)).collect()
    }

    /// The end of its log, for whoever has to find out what happened.
    pub fn log(&self) -> String {
        let log = fs::read(self.file("serve.log")).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(6_000)..]).into_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}, started {} times; its log ends with:\n{}", self.name, self.starts, self.log());
        }
        self.thaw();
        let engine = self.engine();
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap_or_default();
            engine.into_iter().for_each(|pid| send(pid, libc::SIGKILL));
            child.wait().map(drop).unwrap_or_default();
        }
    }
}

fn is_ours(pid: i32) -> bool {
    let program = program().display().to_string();
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(program.as_bytes()))
}

fn send(pid: i32, signal: libc::c_int) {
    assert!(pid > 1);
    // SAFETY: kill touches no memory of ours; whoever has ended meanwhile hears nothing.
    unsafe { libc::kill(pid, signal) };
}

/// Builds the library that moves a wall clock. It takes the C compiler that building Millrace takes.
pub fn clock_library(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    fs::write(&source, include_str!("clock.c")).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let built = Command::new(&compiler).args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).status();
    let is_built = built.as_ref().is_ok_and(|status| status.success());
    assert!(
        is_built,
        "a clock that jumps needs a C compiler, and `{compiler}` gave {built:?}: run scripts/prepare.sh test"
    );
    library
}
