//! `millrace job logs`: prints as it reads, so that a long log needs no memory and a running job can be followed.

use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use clap::Args;

use super::{Answer, Failure, Session, refused};
use crate::admin::jobs::log_lines::{Measured, left_out};
use crate::admin::jobs::{json as told_as, service};
use crate::base::db::PgConnection;
use crate::base::signals;
use crate::queue::job::{Fence, JobId};
use crate::queue::log::{self, StoredLine};
use crate::web::ansi::visible;

/// Time between two looks while following.
const LOOK: Duration = Duration::from_millis(500);

/// Which log.
#[derive(Args, Debug)]
pub(in crate::cli) struct Flags {
    /// The job
    id: JobId,
    /// Only this attempt
    #[arg(long, value_name = "N")]
    attempt: Option<i16>,
    /// Goes on until the job has ended
    #[arg(long)]
    follow: bool,
}

pub(super) fn run(session: &Session, flags: &Flags, as_json: bool) -> Result<Answer, Failure> {
    let conn = &mut *session.connect()?;
    signals::listen();
    let mut printer = Printer { after: (Fence(0), 0), as_json };
    loop {
        // the state is read before the log: what was said before the end is then always printed
        let has_ended = service::find(conn, &session.actor, flags.id).map_err(refused)?.state().is_terminal();
        if !printer.print_new(conn, flags)? {
            return Ok(Answer::nothing());
        }
        if has_ended || !flags.follow || signals::asked_to_end() > 0 {
            tell_cuts(conn, flags)?;
            return Ok(Answer::nothing());
        }
        std::thread::sleep(LOOK);
    }
}

/// Says on the side what was left out: it is no line of the log.
fn tell_cuts(conn: &mut PgConnection, flags: &Flags) -> Result<(), Failure> {
    let measured = Measured::of(conn, flags.id)?;
    let mut cuts = measured.cuts(0, measured.last());
    cuts.retain(|cut| flags.attempt.is_none_or(|attempt| cut.attempt == attempt));
    if !cuts.is_empty() {
        eprintln!("{}", left_out(&cuts));
    }
    Ok(())
}

struct Printer {
    after: (Fence, i32),
    as_json: bool,
}

impl Printer {
    /// Prints what is new; `false` = nobody reads any more.
    fn print_new(&mut self, conn: &mut PgConnection, flags: &Flags) -> Result<bool, Failure> {
        loop {
            let part = log::read(conn, flags.id, flags.attempt, self.after)?;
            for line in &part.lines {
                self.after = (line.fence, line.number);
                match writeln!(io::stdout(), "{}", self.shown(line)) {
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
                    written => written?,
                }
            }
            if !part.more || part.lines.is_empty() {
                return Ok(true);
            }
        }
    }

    fn shown(&self, line: &StoredLine) -> String {
        if self.as_json { told_as::log_line(line).to_string() } else { visible(&told_as::log_text(line)) }
    }
}
