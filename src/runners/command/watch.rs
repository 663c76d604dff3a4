//! Looking after a running command until nothing of it is left.

use std::io::{self, PipeReader, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use super::lines::{Lines, Piece};
use super::memory::Peak;
use super::process::{self, Usage};
use super::spawn::Running;
use super::speech::Speech;
use crate::queue::work::{JobContext, Stop};
use crate::runners::wait::wait_readable;

/// How long output is waited for after the command has ended: a grandchild may hold the pipes for ever.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// How long the end of a killed command is waited for; one that hangs in the kernel does not die.
const DEATH: Duration = Duration::from_secs(5);
/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;
/// Most reads of what is left in a pipe when everybody who could write is dead.
const LAST_READS_MAX: usize = 64;

/// How a command went.
#[derive(Debug)]
pub(super) struct Watched {
    /// Why it was stopped, if it was.
    pub stop: Option<Stop>,
    /// How it ended; absent when it did not even when killed.
    pub usage: Option<Usage>,
    pub peak_memory_bytes: Option<u64>,
    /// The likely reason of a failure, for people; may be empty.
    pub last_line: String,
    /// The system seems to have refused it something.
    pub was_denied: bool,
}

/// Watches a command until it has ended, or has to; then `end_strays` ends what left its process group.
pub(super) fn watch(job: &JobContext, running: Running, grace: Duration, end_strays: &dyn Fn()) -> Watched {
    let mut watch = Watch {
        job,
        grace,
        process_ended: None,
        stop: None,
        kill_at: None,
        killed: None,
        peak: Peak::new(running.pid),
        out: Stream { pipe: Some(running.stdout), lines: Lines::speaking() },
        err: Stream { pipe: Some(running.stderr), lines: Lines::talking() },
        speech: Speech::new(job),
        pid: running.pid,
        process: running.process,
    };
    while !watch.is_over() {
        watch.step();
    }
    // the leader is not reaped yet, so the group's id cannot have come to mean another group
    watch.signal(libc::SIGKILL);
    end_strays();
    watch.finish()
}

struct Stream {
    /// Absent once it has ended.
    pipe: Option<PipeReader>,
    lines: Lines,
}

struct Watch<'a> {
    job: &'a JobContext,
    grace: Duration,
    pid: libc::pid_t,
    process: process::Process,
    process_ended: Option<Instant>,
    stop: Option<Stop>,
    kill_at: Option<Instant>,
    killed: Option<Instant>,
    peak: Peak,
    out: Stream,
    err: Stream,
    speech: Speech<'a>,
}

impl Watch<'_> {
    fn is_over(&self) -> bool {
        let silent = self.out.pipe.is_none() && self.err.pipe.is_none();
        let ended = self.process_ended.is_some_and(|ended| silent || ended.elapsed() >= LAST_WORDS);
        ended || self.process_ended.is_none() && self.killed.is_some_and(|killed| killed.elapsed() >= DEATH)
    }

    fn step(&mut self) {
        self.obey();
        let lives = self.process_ended.is_none();
        let process = if lives { self.process.descriptor() } else { -1 };
        // it stays readable once the job was told to stop
        let stop = if lives && self.stop.is_none() { self.job.stop_descriptor() } else { -1 };
        let fds = [process, self.out.descriptor(), self.err.descriptor(), stop];
        let [ended, out, err, _] = match wait_readable(fds, self.patience()) {
            Ok(ready) => ready,
            Err(error) => return self.give_up(&error),
        };
        if ended {
            self.process_ended = Some(Instant::now());
        }
        self.listen([out, err]);
        if lives {
            self.peak.sample_when_due();
        }
    }

    /// Does what the job was told: stop.
    fn obey(&mut self) {
        let told = self.job.check().err();
        if self.process_ended.is_some() || told.is_none() {
            return;
        }
        let now = Instant::now();
        if self.stop.is_none() {
            self.stop = told;
            self.signal(libc::SIGTERM);
            self.kill_at = Some(now + self.grace);
        }
        if matches!(told, Some(Stop::LeaseLost | Stop::Terminated)) {
            self.stop = told; // somebody else may run the job in a moment: no grace
            self.kill_at = Some(now);
        }
        if self.killed.is_none() && self.kill_at.is_some_and(|at| now >= at) {
            self.signal(libc::SIGKILL);
            self.killed = Some(now);
        }
    }

    fn signal(&self, signal: libc::c_int) {
        if let Err(error) = process::signal_group(self.pid, signal) {
            tracing::warn!(job = %self.job.job(), signal, %error, "a command cannot be signalled");
        }
    }

    /// Without poll nothing can be watched: the command is ended at once.
    fn give_up(&mut self, error: &io::Error) {
        tracing::error!(job = %self.job.job(), %error, "a command cannot be watched and is killed");
        self.signal(libc::SIGKILL);
        self.process_ended = Some(Instant::now());
        (self.out.pipe, self.err.pipe) = (None, None);
    }

    /// Tells how long nothing needs to be done unless something happens.
    fn patience(&self) -> Duration {
        let now = Instant::now();
        let lives = self.process_ended.is_none();
        let timeout = self.job.ends().filter(|_| lives && self.stop.is_none());
        let kill = self.kill_at.filter(|_| lives && self.killed.is_none());
        let death = self.killed.map(|killed| killed + DEATH);
        let look = lives.then(|| self.peak.due());
        let last_words = self.process_ended.map(|ended| ended + LAST_WORDS);
        let dues = [timeout, kill, death, look, last_words, self.out.lines.due(), self.err.lines.due()];
        let next = dues.into_iter().flatten().min().unwrap_or(now);
        next.saturating_duration_since(now)
    }

    fn listen(&mut self, [out, err]: [bool; 2]) {
        let speech = &mut self.speech;
        self.out.listen(out, &mut |piece| speech.stdout(&piece));
        self.err.listen(err, &mut |piece| speech.stderr(&piece));
    }

    fn finish(mut self) -> Watched {
        let speech = &mut self.speech;
        self.out.finish(&mut |piece| speech.stdout(&piece));
        self.err.finish(&mut |piece| speech.stderr(&piece));
        let usage = if self.process_ended.is_some() { self.reap() } else { self.abandon() };
        Watched {
            stop: self.stop,
            peak_memory_bytes: usage.and_then(|usage| self.peak.together_with(usage.peak_memory_bytes)),
            usage,
            was_denied: self.speech.was_denied(),
            last_line: self.speech.last_line(),
        }
    }

    fn reap(&self) -> Option<Usage> {
        process::reap(self.pid)
            .inspect_err(|error| tracing::error!(job = %self.job.job(), %error, "a command cannot be reaped"))
            .ok()
    }

    /// Leaves a command that hangs in the kernel to a thread that waits for it as long as it takes.
    fn abandon(&self) -> Option<Usage> {
        tracing::error!(job = %self.job.job(), pid = self.pid, "a killed command does not end; its slot goes on without it");
        let pid = self.pid;
        let reaper = std::thread::Builder::new().name("mr-reaper".into()).spawn(move || process::reap(pid));
        if let Err(error) = reaper {
            tracing::error!(%error, "no thread to wait for it");
        }
        None
    }
}

impl Stream {
    fn descriptor(&self) -> RawFd {
        self.pipe.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }

    fn listen(&mut self, readable: bool, pass: &mut impl FnMut(Piece<'_>)) {
        let now = Instant::now();
        if readable {
            self.read(now, pass);
        }
        self.lines.lose_patience(now, pass);
    }

    /// Reads once; tells whether there may be more.
    fn read(&mut self, now: Instant, pass: &mut impl FnMut(Piece<'_>)) -> bool {
        let Some(pipe) = &mut self.pipe else { return false };
        let mut buffer = [0; READ_BYTES];
        match pipe.read(&mut buffer) {
            Ok(0) => self.pipe = None,
            Ok(length) => self.lines.take(&buffer[..length], now, pass),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) => {
                tracing::warn!(%error, "the output of a command cannot be read");
                self.pipe = None;
            }
        }
        self.pipe.is_some()
    }

    fn finish(&mut self, pass: &mut impl FnMut(Piece<'_>)) {
        for _ in 0..LAST_READS_MAX {
            if !self.read(Instant::now(), pass) {
                break;
            }
        }
        std::mem::replace(&mut self.lines, Lines::talking()).finish(pass);
    }
}
