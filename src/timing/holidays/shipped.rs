//! The countries that ship with us.

use std::sync::OnceLock;

use super::Country;

macro_rules! files {
    ($($code:literal)*) => { [$(include_str!(concat!("data/", $code, ".txt"))),*] };
}

/// The files, in the order of their codes.
pub(super) const FILES: [&str; 40] = files!(
    "at" "au" "be" "br" "ca" "ch" "cl" "cy" "cz" "de" "dk" "ee" "es" "fi" "fr" "gb" "gr" "hr" "hu" "ie" "in" "is" "it" "jp"
    "lt" "lu" "lv" "mt" "mx" "nl" "no" "nz" "pl" "pt" "ro" "se" "si" "sk" "us" "za"
);

/// Gives the countries whose holidays are known, sorted by code. They are read at the first call (about a millisecond); a file
/// that could not be read would be left out, and the test `every_file_is_read` holds that none is.
pub fn countries() -> &'static [Country] {
    static COUNTRIES: OnceLock<Vec<Country>> = OnceLock::new();
    COUNTRIES.get_or_init(|| FILES.iter().filter_map(|file| Country::parse(file).ok()).collect())
}
