//! What pages call those who write and publish versions.

use std::collections::HashMap;

use diesel::QueryableByName;
use diesel::sql_types::{Array, Text};

use crate::base::db::{DbError, PgConnection, statement};

/// Names of people by the address they sign in with. Versions keep a signature (`giulia@example.org (token ci)`), which
/// stays true when somebody gets another name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authors(HashMap<String, String>);

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    email: String,
    #[diesel(sql_type = Text)]
    name: String,
}

impl Authors {
    /// Finds the names of those who gave these signatures.
    ///
    /// # Errors
    /// Database failures.
    pub fn read<'s>(conn: &mut PgConnection, signatures: impl IntoIterator<Item = &'s str>) -> Result<Self, DbError> {
        const SQL: &str = "-- admin::templates::authors
SELECT email, name FROM millrace.people WHERE email = ANY ($1)";
        let emails: Vec<&str> = signatures.into_iter().map(|signature| parts(signature).0).collect();
        let rows: Vec<Row> = statement(SQL).bind::<Array<Text>, _>(emails).rows(conn)?;
        Ok(Self(rows.into_iter().map(|row| (row.email, row.name)).collect()))
    }

    /// Writes a signature with the person's name: `Giulia Ferrando (token ci)`. One that is no person's stays as it is.
    pub fn called(&self, signature: &str) -> String {
        let (email, way) = parts(signature);
        self.0.get(email).map_or_else(|| signature.to_owned(), |name| format!("{name}{way}"))
    }
}

/// Splits a signature into the address and the token it came by.
fn parts(signature: &str) -> (&str, &str) {
    signature.find(" (").map_or((signature, ""), |at| signature.split_at(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_shown_with_the_name_of_its_person() {
        let authors = Authors([("ada@example.org".to_owned(), "Ada Lovelace".to_owned())].into());

        for (signature, shown) in [
            ("ada@example.org", "Ada Lovelace"),
            ("ada@example.org (token ci)", "Ada Lovelace (token ci)"),
            ("bob@example.org", "bob@example.org"),
            ("cli:root", "cli:root"),
        ] {
            assert_eq!(authors.called(signature), shown);
        }
    }
}
