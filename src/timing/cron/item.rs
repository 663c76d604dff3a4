//! What one item of a field's list says, and which values it stands for.

use super::field::Field;
use super::spread::Spread;

/// One item of a list, as written; `H` is still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// `*` or `?`.
    Any,
    /// A number, a range or a step.
    Span(Span),
    /// `H`, `H(a-b)` and both with a step.
    Hashed(Hashed),
    /// What only days of the month have.
    Day(DayOf),
    /// What only weekdays have.
    Weekday(WeekdayOf),
}

/// `from`, then every `step` up to `to`, which may lie before `from`: the range then goes round the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: u8,
    pub(super) to: u8,
    pub(super) step: u8,
}

/// One value between `from` and `to` that the seed chooses; with a step, the values from a chosen beginning on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hashed {
    pub(super) from: u8,
    pub(super) to: u8,
    pub(super) step: Option<u8>,
}

/// A day that depends on the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayOf {
    /// `L-n`: so many days before the last; `L` is 0 days before it.
    BeforeLast(u8),
    /// `nW`: the working day nearest to day n in the same month; none in a month without day n.
    NearWorking(u8),
    /// `LW` and `L-nW`: the working day nearest to `L-n` in the same month.
    NearWorkingBeforeLast(u8),
}

/// A weekday that comes once a month at most; 0 is Sunday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WeekdayOf {
    /// `d#n`: the n-th of the month, 1 to 5.
    Nth(u8, u8),
    /// `dL`: the last of the month.
    Last(u8),
}

/// The values of a whole list as a set of bits.
pub(super) fn set(items: &[Item], field: Field, spread: Spread) -> u64 {
    items.iter().fold(0, |set, item| set | item.values(field, spread.of(field)))
}

impl Item {
    /// The values of `field` as a set of bits, `hash` being the seed's number for the field. What depends on the month
    /// is none of them.
    fn values(&self, field: Field, hash: u64) -> u64 {
        match self {
            Item::Any => Span { from: field.first(), to: field.last(), step: 1 }.values(field),
            Item::Span(span) => span.values(field),
            Item::Hashed(hashed) => hashed.values(field, hash),
            Item::Day(_) | Item::Weekday(_) => 0,
        }
    }
}

impl Span {
    fn values(self, field: Field) -> u64 {
        let to = if self.to < self.from { self.to + field.size() } else { self.to };
        bits(field, self.from, to, self.step)
    }
}

impl Hashed {
    /// Chooses as Jenkins does: a beginning within the first step, or one value of the whole range.
    fn values(self, field: Field, hash: u64) -> u64 {
        let choices = self.step.unwrap_or(self.to - self.from + 1);
        let chosen = u8::try_from(hash % u64::from(choices)).unwrap_or(0) + self.from;
        match self.step {
            Some(step) => bits(field, chosen, self.to, step),
            None => bits(field, chosen, chosen, 1),
        }
    }
}

fn bits(field: Field, from: u8, to: u8, step: u8) -> u64 {
    (from..=to).step_by(usize::from(step)).fold(0, |set, number| set | 1 << field.fold(number))
}
