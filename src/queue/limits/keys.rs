//! The keys of a job's limits as they came from the database.

use std::sync::Arc;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::{Array, Text};

/// Places of a lane that one job holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The lane.
    pub key: Arc<str>,
    /// How many: 1, or what it reserves of a pool.
    pub amount: u32,
}

/// The lanes in which a job holds places; jobs of one kind share the list.
pub type Held = Arc<[Hold]>;

/// Bytes before the first element of a list: dimensions, flags, type, length, first index.
const HEAD: usize = 20;

/// A list of keys in the form of the wire. Thousands of jobs share few of them, so they are compared as they are and read once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, FromSqlRow, AsExpression)]
#[diesel(sql_type = Array<Text>)]
pub struct LimitKeys(Box<[u8]>);

impl LimitKeys {
    /// Reads the keys.
    pub fn list(&self) -> Vec<String> {
        let (mut keys, mut rest) = (Vec::new(), self.0.get(HEAD..).unwrap_or_default());
        while let Some((key, behind)) = first(rest) {
            keys.push(String::from_utf8_lossy(key).into_owned());
            rest = behind;
        }
        keys
    }
}

/// Cuts the first element off: four bytes of length, then as many bytes.
fn first(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = rest.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(i32::from_be_bytes(*length)).ok()?)
}

impl FromSql<Array<Text>, Pg> for LimitKeys {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(value.as_bytes().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list of texts as PostgreSQL sends it (`array_send`).
    fn sent(keys: &[&str]) -> LimitKeys {
        let mut bytes = Vec::new();
        if !keys.is_empty() {
            [1, 0, 25, keys.len() as i32, 1].iter().for_each(|word| bytes.extend(word.to_be_bytes()));
        }
        for key in keys {
            bytes.extend((key.len() as i32).to_be_bytes());
            bytes.extend(key.as_bytes());
        }
        LimitKeys(bytes.into())
    }

    #[test]
    fn a_list_is_read_as_it_was_sent() {
        assert_eq!(sent(&["t7", "k7:[\"città\"]"]).list(), ["t7", "k7:[\"città\"]"]);
        assert_eq!(sent(&[]).list(), Vec::<String>::new());
    }
}
