//! What must be put away when the test process ends: statics are never dropped.

use std::any::Any;
use std::sync::{Mutex, Once};

static KEPT: Mutex<Vec<Box<dyn Any + Send>>> = Mutex::new(Vec::new());

/// Drops `value` when this process ends in order, after values that were given later.
pub fn drop_at_exit(value: impl Any + Send) {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // SAFETY: the handler has the signature that atexit asks for, and lives as long as the program.
        let refused = unsafe { libc::atexit(drop_kept) };
        assert_eq!(refused, 0, "nothing can be bound to the end of this process");
    });
    KEPT.lock().unwrap().push(Box::new(value));
}

extern "C" fn drop_kept() {
    let kept = KEPT.lock().map(|mut kept| std::mem::take(&mut *kept)).unwrap_or_default();
    kept.into_iter().rev().for_each(drop);
}
