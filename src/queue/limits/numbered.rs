//! Lanes by number: thousands of jobs share few lists of rules, and each list looks its lanes up once.

use std::collections::HashMap;
use std::sync::Arc;

use super::decide::{Lane, Lanes, Rule};

/// Lanes in a row.
pub(super) struct Numbered {
    /// The lanes with their keys.
    pub(super) lanes: Vec<(Arc<str>, Lane)>,
    numbers: HashMap<Arc<str>, usize>,
    /// The numbers of the lanes of each list of rules, by where it stands: the candidates hold it there.
    of_rules: HashMap<*const Rule, Arc<[usize]>>,
}

impl Numbered {
    /// Takes all of `lanes`.
    pub(super) fn take(lanes: &mut Lanes) -> Self {
        let lanes: Vec<(Arc<str>, Lane)> = lanes.drain().collect();
        let numbers = lanes.iter().enumerate().map(|(number, (key, _))| (Arc::clone(key), number)).collect();
        Self { lanes, numbers, of_rules: HashMap::new() }
    }

    /// Puts them back.
    pub(super) fn give_back(self, lanes: &mut Lanes) {
        lanes.extend(self.lanes);
    }

    /// Gives a lane, an empty one if it is not there.
    pub(super) fn of_key(&mut self, key: &Arc<str>) -> &mut Lane {
        let number = self.number(key);
        &mut self.lanes[number].1
    }

    /// Gives the numbers of the lanes of `rules`, in their order.
    pub(super) fn of_rules(&mut self, rules: &Arc<[Rule]>) -> Arc<[usize]> {
        if let Some(known) = self.of_rules.get(&rules.as_ptr()) {
            return Arc::clone(known);
        }
        let numbers: Arc<[usize]> = rules.iter().map(|rule| self.number(&rule.key)).collect();
        self.of_rules.insert(rules.as_ptr(), Arc::clone(&numbers));
        numbers
    }

    fn number(&mut self, key: &Arc<str>) -> usize {
        if let Some(number) = self.numbers.get(key) {
            return *number;
        }
        let number = self.lanes.len();
        self.lanes.push((Arc::clone(key), Lane::default()));
        self.numbers.insert(Arc::clone(key), number);
        number
    }
}
