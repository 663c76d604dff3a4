//! Pools as those see them who reserve of them: what there is.

use std::collections::BTreeMap;

use diesel::sql_types::{Array, Integer, Text};

use super::template::SpecError;
use crate::base::db::{DbError, Tx, statement};
use crate::base::pointer::Place;

/// Finds what is wrong with a template's `reserve`: pools that there are not, and more than a pool has. The pools stay until
/// the transaction ends.
///
/// # Errors
/// Database failures.
pub fn faults(tx: &mut Tx<'_>, reserve: &BTreeMap<String, u32>) -> Result<Vec<SpecError>, DbError> {
    const SQL: &str = "-- queue::pools::amounts
SELECT name, amount FROM millrace.pools WHERE name = ANY($1) ORDER BY name FOR KEY SHARE";
    if reserve.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = reserve.keys().map(String::as_str).collect();
    let rows = statement(SQL).bind::<Array<Text>, _>(names).tuples::<(Text, Integer), (String, i32)>(tx)?;
    let amounts: BTreeMap<String, i32> = rows.into_iter().collect();
    let fault = |(pool, wanted): (&String, &u32)| {
        let message = match amounts.get(pool) {
            None => unknown(pool),
            Some(amount) if i64::from(*wanted) > i64::from(*amount) => {
                format!(
                    "is {wanted}, more than the pool {pool} has, which is {amount}: reserve less, or give the pool more"
                )
            }
            Some(_) => return None,
        };
        let pointer = Place::ROOT.key("limits").key("reserve").key(pool).to_string();
        Some(SpecError { pointer, message })
    };
    Ok(reserve.iter().filter_map(fault).collect())
}

fn unknown(pool: &str) -> String {
    format!(
        "there is no pool called {pool}: make it first, under Nodes, Pools in the console, with millrace pool set {pool} --amount N, or with PUT /api/v1/pools/{pool}"
    )
}
