//! Keeps the engine's process alive (G9): a job that aborts, overflows its stack or eats all memory ends a child of the same
//! binary, which is started again, while the console goes on.

use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use super::pulse::{self, Pulse};
use crate::base::signals;

/// A child that lived shorter than this failed to start.
const SETTLED: Duration = Duration::from_secs(10);
/// Longest pause between two starts.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Starts the engine's process and starts it again when it ends.
pub struct Supervisor {
    command: Box<dyn Fn() -> Command>,
    after_death: Box<dyn Fn()>,
    child: Option<Child>,
    pulse: Option<Pulse>,
    /// A child of which nothing is heard for so long is ended.
    silence_max: Duration,
    started: Instant,
    failures: u32,
    start_at: Instant,
    ending: bool,
}

impl Supervisor {
    /// Makes a supervisor. `command` makes the child's command line anew for each start; `after_death` ends whatever a dead
    /// child left running. A child that has stood still for `silence_max` is ended like one that crashed.
    pub fn new(
        command: impl Fn() -> Command + 'static,
        after_death: impl Fn() + 'static,
        silence_max: Duration,
    ) -> Self {
        let now = Instant::now();
        Self {
            command: Box::new(command),
            after_death: Box::new(after_death),
            child: None,
            pulse: None,
            silence_max,
            started: now,
            failures: 0,
            start_at: now,
            ending: false,
        }
    }

    /// Looks after the child: call it several times a second, from a thread that lives as long as the process.
    pub fn tick(&mut self) {
        if let Some(child) = &mut self.child {
            match child.try_wait() {
                Ok(None) => return self.listen(),
                Ok(Some(status)) => self.buried(status),
                Err(error) => tracing::error!(%error, "the engine's process cannot be watched"),
            }
        }
        if self.child.is_none() && !self.ending && Instant::now() >= self.start_at {
            self.start();
        }
    }

    /// Gives the process id of the child while it lives.
    pub fn child_id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Ends a child that stands still: the system buries it, then another one starts.
    fn listen(&mut self) {
        let silence = self.pulse.as_mut().and_then(Pulse::silence);
        if let (Some(silence), Some(child)) = (silence.filter(|silence| *silence > self.silence_max), &self.child) {
            tracing::warn!(pid = child.id(), ?silence, "the engine's process stands still and is ended");
            signal(child.id(), libc::SIGKILL);
            self.pulse = None;
        }
    }

    fn start(&mut self) {
        self.started = Instant::now();
        match self.spawn() {
            Ok(child) => {
                tracing::info!(pid = child.id(), "the engine's process starts");
                self.child = Some(child);
            }
            Err(error) => {
                tracing::error!(%error, "the engine's process cannot be started");
                self.plan_restart(false);
            }
        }
    }

    fn spawn(&mut self) -> std::io::Result<Child> {
        let parent = std::process::id();
        let (pulse, writer) = Pulse::new()?;
        let mut command = (self.command)();
        let (variable, number) = Pulse::variable(&writer);
        command.env(variable, number);
        let writer_fd = writer.as_raw_fd();
        // SAFETY: prctl, getppid and fcntl only, all safe between fork and exec; `writer` lives until the child is started.
        unsafe {
            command.pre_exec(move || {
                pulse::keep_open(writer_fd)?;
                signals::follow_parent(libc::SIGTERM, parent)
            })
        };
        let child = command.spawn()?;
        self.pulse = Some(pulse);
        Ok(child)
    }

    fn buried(&mut self, status: ExitStatus) {
        self.child = None;
        (self.after_death)();
        if self.ending {
            tracing::info!(%status, "the engine's process has ended");
            return;
        }
        tracing::warn!(%status, "the engine's process has ended by itself; starting it again");
        self.plan_restart(self.started.elapsed() >= SETTLED);
    }

    /// The first restart comes at once, further ones of a child that does not settle ever later.
    fn plan_restart(&mut self, had_settled: bool) {
        self.failures = if had_settled { 0 } else { self.failures + 1 };
        let pause = match self.failures {
            0 | 1 => Duration::ZERO,
            n => Duration::from_millis(250 << n.min(6)).min(PAUSE_MAX),
        };
        self.start_at = Instant::now() + pause;
    }

    /// Asks the child to drain, waits at most `limit`, then kills it.
    pub fn stop(&mut self, limit: Duration) {
        self.ending = true;
        let Some(child) = &self.child else { return };
        signal(child.id(), libc::SIGTERM);
        let end = Instant::now() + limit;
        while self.child.is_some() && Instant::now() < end && signals::asked_to_end() < 2 {
            self.tick();
            std::thread::sleep(Duration::from_millis(20));
        }
        if let Some(mut child) = self.child.take() {
            tracing::warn!("the engine's process did not end in time and is killed");
            let killed = child.kill().and_then(|()| child.wait());
            if let Err(error) = killed {
                tracing::error!(%error, "the engine's process could not be killed");
            }
            (self.after_death)();
        }
    }
}

fn signal(pid: u32, signal: libc::c_int) {
    // SAFETY: kill has no memory preconditions; the child is not reaped yet, so the id is still its own.
    unsafe { libc::kill(pid as libc::pid_t, signal) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    fn tick_until(supervisor: &mut Supervisor, mut holds: impl FnMut(&Supervisor) -> bool) {
        let end = Instant::now() + Duration::from_secs(10);
        while !holds(supervisor) {
            assert!(Instant::now() < end, "it did not happen in 10 s");
            supervisor.tick();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_killed_child_is_started_again_within_three_seconds() {
        let deaths = Rc::new(Cell::new(0));
        let counted = Rc::clone(&deaths);
        let sleep = || {
            let mut command = Command::new("/bin/sleep");
            command.arg("60");
            command
        };
        let mut supervisor = Supervisor::new(sleep, move || counted.set(counted.get() + 1), Duration::from_secs(60));
        tick_until(&mut supervisor, |s| s.child_id().is_some());
        let first = supervisor.child_id().unwrap();

        let killed = Instant::now();
        signal(first, libc::SIGKILL);
        tick_until(&mut supervisor, |s| s.child_id().is_some_and(|id| id != first));

        assert!(killed.elapsed() < Duration::from_secs(3));
        assert_eq!(deaths.get(), 1);
        supervisor.stop(Duration::from_secs(5));
        assert_eq!((supervisor.child_id(), deaths.get()), (None, 2));
    }

    #[test]
    fn a_child_that_stands_still_is_replaced() {
        let beats = || {
            let mut command = Command::new("/bin/bash"); // other shells know no descriptor above 9
            command.args(["-c", "while printf . >&$MILLRACE_PULSE_FD; do sleep 0.05; done"]);
            command
        };
        let mut supervisor = Supervisor::new(beats, || (), Duration::from_millis(600));
        tick_until(&mut supervisor, |s| s.child_id().is_some());
        let first = supervisor.child_id().unwrap();
        tick_until(&mut supervisor, |s| s.pulse.as_ref().is_some_and(Pulse::has_beaten));

        signal(first, libc::SIGSTOP);
        tick_until(&mut supervisor, |s| s.child_id().is_some_and(|id| id != first));

        supervisor.stop(Duration::from_secs(5));
    }

    #[test]
    fn a_child_that_never_settles_is_not_started_in_a_tight_loop() {
        let starts = Rc::new(Cell::new(0));
        let counted = Rc::clone(&starts);
        let fail = move || {
            counted.set(counted.get() + 1);
            Command::new("/bin/false")
        };
        let mut supervisor = Supervisor::new(fail, || (), Duration::from_secs(60));

        let end = Instant::now() + Duration::from_millis(700);
        while Instant::now() < end {
            supervisor.tick();
            std::thread::sleep(Duration::from_millis(5));
        }

        assert!((2..=3).contains(&starts.get()), "{}", starts.get());
    }
}
