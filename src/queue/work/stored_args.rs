//! A job's arguments as they came from the database: a text that is understood when somebody first looks.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::Jsonb;
use serde_json::Value;

/// Texts from `jsonb` up to this length can always be read: they nest at most 100 deep and hold no number too large.
const SURE_BYTES_MAX: usize = 200;

/// Arguments. Cheap to clone. Reads like the JSON value that they are.
#[derive(Clone, FromSqlRow, AsExpression)]
#[diesel(sql_type = Jsonb)]
pub struct StoredArgs(Arc<Stored>);

struct Stored {
    text: Box<str>,
    value: OnceLock<Value>,
}

impl StoredArgs {
    /// Makes sure that the arguments can be read. Does not read short ones: those always can.
    ///
    /// # Errors
    /// A sentence: `jsonb` holds numbers of any size, we do not.
    pub fn check(&self) -> Result<(), String> {
        if self.0.value.get().is_some() || self.0.text.len() <= SURE_BYTES_MAX {
            return Ok(());
        }
        let value =
            serde_json::from_str(&self.0.text).map_err(|error| format!("its arguments cannot be read: {error}"))?;
        self.0.value.get_or_init(|| value);
        Ok(())
    }
}

impl Deref for StoredArgs {
    type Target = Value;

    /// Gives the value. Null only for what [`StoredArgs::check`] refuses; the engine checks before it runs anything.
    fn deref(&self) -> &Value {
        self.0.value.get_or_init(|| serde_json::from_str(&self.0.text).unwrap_or(Value::Null))
    }
}

impl From<Value> for StoredArgs {
    fn from(value: Value) -> Self {
        Self(Arc::new(Stored { text: Box::default(), value: OnceLock::from(value) }))
    }
}

impl fmt::Debug for StoredArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl FromSql<Jsonb, Pg> for StoredArgs {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let [1, text @ ..] = value.as_bytes() else {
            return Err("this version of jsonb is not known".into());
        };
        let text = std::str::from_utf8(text)?.into();
        Ok(Self(Arc::new(Stored { text, value: OnceLock::new() })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(text: &str) -> StoredArgs {
        StoredArgs(Arc::new(Stored { text: text.into(), value: OnceLock::new() }))
    }

    #[test]
    fn a_text_is_read_when_it_is_looked_at() {
        let args = stored(r#"{"a": [1]}"#);

        assert_eq!(args.check(), Ok(()));
        assert_eq!(args["a"][0], 1);
        assert_eq!(*StoredArgs::from(serde_json::json!({"a": [1]})), *args);
    }

    #[test]
    fn what_is_sure_can_be_read() {
        let deepest = format!("{}{}", "[".repeat(SURE_BYTES_MAX / 2), "]".repeat(SURE_BYTES_MAX / 2));
        let largest = "9".repeat(SURE_BYTES_MAX);

        for text in [deepest.as_str(), largest.as_str()] {
            assert!(serde_json::from_str::<Value>(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn numbers_beyond_ours_are_refused_and_not_taken_for_others() {
        let huge = format!(r#"{{"n": {}}}"#, "9".repeat(400));

        assert!(stored(&huge).check().unwrap_err().starts_with("its arguments cannot be read: number out of range"));
    }
}
