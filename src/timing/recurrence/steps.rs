//! Counts the steps of searches in tests, so that bounds are held as numbers of steps and not as seconds of some machine.
//! Outside tests nothing is counted.

#[cfg(test)]
thread_local! {
    static TAKEN: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Notes one step of a search.
#[inline]
pub(super) fn step() {
    #[cfg(test)]
    TAKEN.with(|taken| taken.set(taken.get() + 1));
}

/// Gives the number of steps that something takes.
#[cfg(test)]
pub(super) fn counted<T>(what: impl FnOnce() -> T) -> (T, u64) {
    let before = TAKEN.with(std::cell::Cell::get);
    let answer = what();
    (answer, TAKEN.with(std::cell::Cell::get) - before)
}
