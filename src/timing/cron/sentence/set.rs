//! Sets of small numbers and the ways in which people say them.

use crate::timing::words::joined;

/// A set of numbers that go round after `size`, such as the minutes of an hour.
#[derive(Debug, Clone)]
pub(super) struct Set {
    numbers: Vec<u8>,
    first: u8,
    size: u8,
}

/// Numbers that follow each other by one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) from: u8,
    pub(super) to: u8,
    pub(super) step: u8,
    /// Whether the step also leads from the last to the first of the next round.
    pub(super) is_even: bool,
}

impl Set {
    /// The set behind bits, of numbers from `first` that go round after `size`.
    pub(super) fn new(bits: u64, first: u8, size: u8) -> Self {
        let numbers = (first..first + size).filter(|number| bits & 1 << number != 0).collect();
        Set { numbers, first, size }
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() == usize::from(self.size)
    }

    /// Its members in order.
    pub(super) fn numbers(&self) -> &[u8] {
        &self.numbers
    }

    /// The member, when there is exactly one.
    pub(super) fn single(&self) -> Option<u8> {
        if let [single] = self.numbers[..] { Some(single) } else { None }
    }

    /// The members as steps of two or more that do not go round the end; at least three of them, or two that are even.
    pub(super) fn steps(&self) -> Option<Steps> {
        let (from, to) = (*self.numbers.first()?, *self.numbers.last()?);
        let step = self.numbers.get(1)? - from;
        let is_even = to + step == from + self.size;
        let follows = self.numbers.windows(2).all(|pair| matches!(pair, [one, next] if next - one == step));
        (follows && (self.len() > 2 || is_even)).then_some(Steps { from, to, step, is_even })
    }

    /// The members as runs without gaps, one of which may go round the end; that one comes first.
    pub(super) fn runs(&self) -> Vec<(u8, u8)> {
        let mut runs = self.plain_runs();
        let last = self.first + self.size - 1;
        if let ([(first, end), .., (start, latest)], true) = (&runs[..], runs.len() > 1)
            && *first == self.first
            && *latest == last
        {
            let round = (*start, *end);
            runs.pop();
            if let Some(place) = runs.first_mut() {
                *place = round;
            }
        }
        runs
    }

    /// The members as runs without gaps, in order.
    pub(super) fn plain_runs(&self) -> Vec<(u8, u8)> {
        let mut runs: Vec<(u8, u8)> = Vec::new();
        for number in &self.numbers {
            match runs.last_mut() {
                Some((_, end)) if *end + 1 == *number => *end = *number,
                _ => runs.push((*number, *number)),
            }
        }
        runs
    }

    /// The members one by one, three and more in a row as a range: "1, 5 and 10 to 15".
    pub(super) fn list(&self, name: impl Fn(u8) -> String) -> String {
        let mut parts = Vec::new();
        for (from, to) in self.plain_runs() {
            if to - from >= 2 {
                parts.push(format!("{} to {}", name(from), name(to)));
            } else {
                parts.extend((from..=to).map(&name));
            }
        }
        joined(&parts)
    }
}
