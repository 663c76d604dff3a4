//! A place in an order that no index holds. It names the job that stands there by what it was sorted by when it was seen, so
//! that pages meet although waits grow and jobs move meanwhile. Pure.

/// Which side of a job a page lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It comes before the job and ends there.
    Before,
    /// It begins behind the job.
    Behind,
}

/// A place beside a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// On which side of it.
    pub side: Side,
    /// What the job was sorted by; `None` = it had nothing of the kind, and stands behind those that have.
    pub value: Option<i64>,
    /// Its number.
    pub id: i64,
    /// The moment by which lengths that still grow are measured, in µs since 1970.
    pub as_of_us: i64,
    /// The jobs that are sorted have lower numbers than this; 0 = all have.
    pub below: i64,
}

impl Place {
    /// Reads the text of an address.
    ///
    /// # Errors
    /// A sentence that says what it must look like.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read = || {
            let (side, rest) = text.split_once('.')?;
            let side = match side {
                "before" => Side::Before,
                "behind" => Side::Behind,
                _ => return None,
            };
            let mut parts = rest.split('.');
            let value = parts.next()?;
            let value = if value == NOTHING { None } else { Some(value.parse().ok()?) };
            let mut number = || parts.next()?.parse().ok();
            let place = Self { side, value, id: number()?, as_of_us: number()?, below: number()? };
            let is_one = place.id >= 0 && place.below >= 0 && (0..=AS_OF_US_MAX).contains(&place.as_of_us);
            (is_one && parts.next().is_none()).then_some(place)
        };
        read().ok_or_else(|| format!("{text:?} is no place in a list: take one from its pages"))
    }

    /// Writes it for the address.
    pub fn text(self) -> String {
        let side = if self.side == Side::Before { "before" } else { "behind" };
        let value = self.value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string());
        format!("{side}.{value}.{}.{}.{}", self.id, self.as_of_us, self.below)
    }
}

/// The latest moment that a place may name: in the year 2255.
const AS_OF_US_MAX: i64 = 9_000_000_000_000_000;
/// Stands for a value that a job does not have.
const NOTHING: &str = "none";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for text in ["behind.1500.4711.1764521000123456.4812", "before.none.3.0.0", "behind.-20.1.5.9"] {
            assert_eq!(Place::parse(text).map(Place::text), Ok(text.to_owned()));
        }
        for bad in [
            "",
            "behind",
            "behind.1.2.3",
            "beside.1.2.3.4",
            "behind.1.2.3.4.5",
            "behind.x.2.3.4",
            "behind.1.-2.3.4",
            "behind.1.2.-3.4",
            "behind.1.2.9223372036854775807.4",
        ] {
            assert!(Place::parse(bad).is_err_and(|told| told.contains("is no place in a list")), "{bad}");
        }
    }
}
