//! Panics of work become failures with a place: the hook stores what it saw, the worker takes it.

use std::cell::{Cell, RefCell};
use std::panic;
use std::sync::Once;

thread_local! {
    static AT_WORK: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Installs the hook, once per process. Panics outside of work are shown as before.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if AT_WORK.get() {
                let place = info.location().map(ToString::to_string).unwrap_or_default();
                let trace = std::backtrace::Backtrace::force_capture();
                LAST.set(Some(format!("panicked at {place}\n{trace}")));
            } else {
                before(info);
            }
        }));
    });
}

/// Runs `work`; a panic becomes `Err((message, trace))`.
pub(crate) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, (String, Option<String>)> {
    AT_WORK.set(true);
    // AssertUnwindSafe: what the work shares with us (its context) is behind locks that recover from poisoning
    let result = panic::catch_unwind(panic::AssertUnwindSafe(work));
    AT_WORK.set(false);
    result.map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        (format!("panicked: {}", text.unwrap_or_else(|| "without a message".into())), LAST.take())
    })
}

/// Runs a part of the engine; a panic in it ends the process. An engine without one of its parts would look alive and do half of its work;
/// of one that is gone the supervisor starts another, and others take back what it had.
pub(crate) fn end_with(part: impl FnOnce()) {
    // AssertUnwindSafe: nobody sees what it leaves behind
    if panic::catch_unwind(panic::AssertUnwindSafe(part)).is_err() {
        tracing::error!(part = std::thread::current().name(), "a part of the engine panicked: please report it");
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};

    #[test]
    fn a_part_that_panics_ends_the_process() {
        const ASKED: &str = "MILLRACE_TEST_PANICS";
        if std::env::var_os(ASKED).is_some() {
            end_with(|| panic!("told to"));
            std::process::exit(0);
        }
        let this = "engine::panics::tests::a_part_that_panics_ends_the_process";
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", this]).env(ASKED, "1").stdout(Stdio::null()).stderr(Stdio::null());

        assert_eq!(again.status().unwrap().signal(), Some(libc::SIGABRT));
    }

    #[test]
    fn a_panic_is_caught_with_its_message_and_place() {
        install();

        let (message, trace) = catch(|| panic!("broken {}", 7)).map(|(): ()| ()).unwrap_err();

        assert_eq!(message, "panicked: broken 7");
        assert!(trace.unwrap().contains("panics.rs"));
    }
}
