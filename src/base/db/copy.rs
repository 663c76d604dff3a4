//! `COPY … FROM STDIN` in its binary form: how many rows at once come in cheapest. Unlike arrays that are unnested, a row
//! costs neither a tuple store nor a log record of its own.

use diesel::pg::{CopyFormat, CopyTarget, Pg};
use diesel::query_builder::AstPass;
use diesel::{ExecuteCopyFromDsl, QueryResult, sql_types};

use super::{DbError, PgConnection};
use crate::base::clock::Time;

/// Signature, flags and length of the header's extension (PostgreSQL documentation, COPY, "Binary Format").
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// A row of −1 columns ends the data.
const TRAILER: [u8; 2] = (-1i16).to_be_bytes();
/// Microseconds from 1970 to 2000, where PostgreSQL's times begin.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Where rows are copied to.
pub trait Copied {
    /// Table and columns: `millrace.history (job_id, fence)`.
    const INTO: &'static str;
    /// How many columns that names.
    const COLUMNS: i16;
}

/// Rows to be copied, column after column as [`Copied::INTO`] lists them.
pub struct CopyRows<T: Copied> {
    bytes: Vec<u8>,
    into: std::marker::PhantomData<T>,
}

impl<T: Copied> CopyRows<T> {
    /// Starts with no rows and room for `rows` of about `row_bytes`.
    pub fn with_room(rows: usize, row_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEADER.len() + rows * row_bytes + TRAILER.len());
        bytes.extend_from_slice(HEADER);
        Self { bytes, into: std::marker::PhantomData }
    }

    /// Begins the next row; every column must follow.
    pub fn row(&mut self) -> &mut Self {
        self.bytes.extend_from_slice(&T::COLUMNS.to_be_bytes());
        self
    }

    fn value(&mut self, value: Option<&[u8]>) -> &mut Self {
        match value {
            None => self.bytes.extend_from_slice(&(-1i32).to_be_bytes()),
            Some(value) => {
                self.bytes.extend_from_slice(&(value.len() as i32).to_be_bytes());
                self.bytes.extend_from_slice(value);
            }
        }
        self
    }

    /// Adds a `bigint`.
    pub fn bigint(&mut self, value: impl Into<Option<i64>>) -> &mut Self {
        self.value(value.into().map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice))
    }

    /// Adds an `integer`.
    pub fn integer(&mut self, value: impl Into<Option<i32>>) -> &mut Self {
        self.value(value.into().map(i32::to_be_bytes).as_ref().map(<[u8; 4]>::as_slice))
    }

    /// Adds a `smallint`.
    pub fn smallint(&mut self, value: impl Into<Option<i16>>) -> &mut Self {
        self.value(value.into().map(i16::to_be_bytes).as_ref().map(<[u8; 2]>::as_slice))
    }

    /// Adds a `timestamptz`.
    pub fn time(&mut self, value: impl Into<Option<Time>>) -> &mut Self {
        self.bigint(value.into().map(|time| time.timestamp_micros() - EPOCH_MICROS))
    }

    /// Adds a `text` or a label of an enum.
    pub fn text(&mut self, value: Option<&str>) -> &mut Self {
        self.value(value.map(str::as_bytes))
    }

    /// Adds a `bytea`.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.value(Some(value))
    }

    /// Adds a `text[]` of one dimension; null when it is empty.
    pub fn texts(&mut self, values: &[&str]) -> &mut Self {
        const TEXT_OID: i32 = 25;
        if values.is_empty() {
            return self.value(None);
        }
        let heads = [1, 0, TEXT_OID, values.len() as i32, 1]; // dimensions, no nulls, kind, length, first index
        let mut form: Vec<u8> = heads.into_iter().flat_map(i32::to_be_bytes).collect();
        for value in values {
            form.extend_from_slice(&(value.len() as i32).to_be_bytes());
            form.extend_from_slice(value.as_bytes());
        }
        self.value(Some(&form))
    }

    /// Adds a `jsonb`.
    pub fn jsonb(&mut self, value: Option<&serde_json::Value>) -> &mut Self {
        const VERSION: char = '\u{1}';
        self.value(value.map(|value| format!("{VERSION}{value}")).as_deref().map(str::as_bytes))
    }

    /// Copies the rows and tells how many there were.
    ///
    /// # Errors
    /// Whatever Postgres refuses; inside a transaction nothing is kept then.
    pub fn run(mut self, conn: &mut PgConnection) -> Result<usize, DbError> {
        self.bytes.extend_from_slice(&TRAILER);
        let bytes = self.bytes;
        let write = |sink: &mut dyn std::io::Write| -> QueryResult<()> {
            sink.write_all(&bytes).map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))
        };
        let copy = diesel::copy_from(anything::table).from_raw_data(Target::<T>(std::marker::PhantomData), write);
        Ok(copy.with_format(CopyFormat::Binary).execute(conn)?)
    }
}

diesel::table! {
    /// diesel wants a table; its name is never written.
    anything (id) { id -> BigInt, }
}

/// Tells diesel what to write between `COPY` and `FROM`. Its own tuples of columns end at 16.
struct Target<T>(std::marker::PhantomData<T>);

impl<T: Copied> CopyTarget for Target<T> {
    type Table = anything::table;
    type SqlType = sql_types::BigInt;

    fn walk_target(mut pass: AstPass<'_, '_, Pg>) -> QueryResult<()> {
        pass.push_sql(T::INTO);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Three;
    impl Copied for Three {
        const INTO: &'static str = "x (a, b, c)";
        const COLUMNS: i16 = 3;
    }

    #[test]
    fn a_row_is_its_columns_with_their_lengths() {
        let mut rows = CopyRows::<Three>::with_room(1, 30);
        let start = rows.bytes.len();

        rows.row().smallint(7).text(None).text(Some("ab"));

        assert_eq!(start, 19);
        assert_eq!(rows.bytes[start..], [0, 3, 0, 0, 0, 2, 0, 7, 255, 255, 255, 255, 0, 0, 0, 2, b'a', b'b']);
    }

    #[test]
    fn a_list_of_texts_has_one_dimension() {
        let mut rows = CopyRows::<Three>::with_room(1, 60);
        let start = rows.bytes.len();

        rows.texts(&[]).texts(&["ab"]);

        let form = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, b'a', b'b'];
        assert_eq!(rows.bytes[start..start + 4], [255; 4]);
        assert_eq!(rows.bytes[start + 4..start + 8], [0, 0, 0, 26]);
        assert_eq!(rows.bytes[start + 8..], form);
    }

    #[test]
    fn times_count_from_2000() {
        let mut rows = CopyRows::<Three>::with_room(1, 30);
        rows.time(Time::from_timestamp_micros(EPOCH_MICROS + 5).unwrap());

        assert_eq!(rows.bytes[19..], [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5]);
    }
}
