//! Passwords: argon2id, bounded in number, in length and in triviality.

use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{self, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use super::trivial;

/// Shortest password, in characters.
pub const CHARS_MIN: usize = 12;
/// Longest password, in characters.
pub const CHARS_MAX: usize = 128;
/// Memory of one hash, in KiB (OWASP's first choice for argon2id: 19 MiB, 2 passes, 1 lane).
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Most hashes at once in this process: each takes 19 MiB and a core.
const AT_ONCE_MAX: usize = 2;
/// How long a hash waits for its turn.
const TURN_WAIT_MAX: Duration = Duration::from_secs(10);
/// Checked when there is no such person, so that the answer takes as long. No password has this hash.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGlzIGhlcmUuLg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password that was chosen and found good enough. Its text is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Why a password was refused; the sentence is fit for the person who typed it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Fewer than [`CHARS_MIN`] characters.
    #[error("a password has at least {CHARS_MIN} characters, this one has {0}")]
    Short(usize),
    /// More than [`CHARS_MAX`] characters.
    #[error("a password has at most {CHARS_MAX} characters, this one has {0}")]
    Long(usize),
    /// One of the first that an attacker tries.
    #[error("this password is among the first that an attacker tries: {0}")]
    Common(trivial::Why),
}

impl Password {
    /// Checks a password that somebody chooses. `about` are words that stand for the person: address, name.
    ///
    /// # Errors
    /// [`Weak`] with the first rule it breaks.
    pub fn choose(text: &str, about: &[&str]) -> Result<Self, Weak> {
        match text.chars().count() {
            short if short < CHARS_MIN => return Err(Weak::Short(short)),
            long if long > CHARS_MAX => return Err(Weak::Long(long)),
            _ => {}
        }
        match trivial::why(text, about) {
            Some(why) => Err(Weak::Common(why)),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// Hashes the password for its row. Takes tens of milliseconds and 19 MiB.
    ///
    /// # Errors
    /// [`PasswordError::Busy`] when too many others are hashing.
    pub fn hash(&self) -> Result<String, PasswordError> {
        let _turn = Turn::take()?;
        let hash: PasswordHash = hasher()?.hash_password(self.0.as_bytes())?;
        Ok(hash.to_string())
    }
}

/// Why a password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many others are signing in. Try again in a few seconds.
    #[error("too many people are signing in at this moment, try again in a few seconds")]
    Busy,
    /// The stored hash cannot be read, or the machine has no randomness.
    #[error("the password cannot be compared: {0}")]
    Unusable(password_hash::Error),
}

impl From<password_hash::Error> for PasswordError {
    fn from(error: password_hash::Error) -> Self {
        Self::Unusable(error)
    }
}

/// What came of comparing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Another password, or nobody to compare with.
    Wrong,
    /// The password.
    Right,
    /// The password, but its hash is weaker than today's: hash it anew.
    RightButWeak,
}

/// Compares what was typed with a stored hash. Without one it takes as long and is [`Verdict::Wrong`].
///
/// # Errors
/// [`PasswordError::Busy`] when too many others are hashing; [`PasswordError::Unusable`] when the row's hash is broken.
pub fn verify(typed: &str, stored: Option<&str>) -> Result<Verdict, PasswordError> {
    let known = PasswordHash::new(stored.unwrap_or(NOBODY)).map_err(password_hash::Error::from)?;
    let typed: String = typed.chars().take(CHARS_MAX + 1).collect(); // a longer one was never chosen
    let compared = {
        let _turn = Turn::take()?;
        hasher()?.verify_password(typed.as_bytes(), &known)
    };
    match compared {
        Ok(()) if stored.is_none() => Ok(Verdict::Wrong),
        Ok(()) if is_weak(&known) => Ok(Verdict::RightButWeak),
        Ok(()) => Ok(Verdict::Right),
        Err(password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
        Err(other) => Err(other.into()),
    }
}

/// Hashes a password that was just found right, for a row whose hash is weaker than today's. Its text was checked when it
/// was chosen, by the rules of then.
///
/// # Errors
/// As [`Password::hash`].
pub fn rehash(typed: &str) -> Result<String, PasswordError> {
    Password(typed.to_owned()).hash()
}

fn hasher() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(password_hash::Error::from)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn is_weak(known: &PasswordHash) -> bool {
    let Ok(params) = Params::try_from(known) else { return true };
    known.algorithm.as_str() != "argon2id" || params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES
}

static TURNS: Mutex<usize> = Mutex::new(0);
static TURN_OVER: Condvar = Condvar::new();

/// One of the [`AT_ONCE_MAX`] places at which a hash may be computed.
struct Turn;

impl Turn {
    fn take() -> Result<Self, PasswordError> {
        let deadline = Instant::now() + TURN_WAIT_MAX;
        let mut taken = TURNS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        while *taken >= AT_ONCE_MAX {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(PasswordError::Busy);
            }
            taken = TURN_OVER.wait_timeout(taken, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        *taken += 1;
        Ok(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TURNS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) -= 1;
        TURN_OVER.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "five wet otters sing";

    #[test]
    fn a_password_is_found_right_and_another_wrong() {
        let stored = Password::choose(GOOD, &[]).expect("good enough").hash().expect("hashed");

        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(verify(GOOD, Some(&stored)).ok(), Some(Verdict::Right));
        assert_eq!(verify("five wet otters sang", Some(&stored)).ok(), Some(Verdict::Wrong));
    }

    #[test]
    fn nobody_has_no_password() {
        assert_eq!(verify(GOOD, None).ok(), Some(Verdict::Wrong));
    }

    #[test]
    fn a_weak_hash_is_noticed() {
        let params = Params::new(8 * 1024, 1, 1, None).expect("parameters");
        let hash: PasswordHash =
            Argon2::from(params).hash_password_with_salt(GOOD.as_bytes(), b"sixteen bytes ok").expect("hashed");

        assert_eq!(verify(GOOD, Some(&hash.to_string())).ok(), Some(Verdict::RightButWeak));
    }

    #[test]
    fn a_broken_hash_is_an_error_and_not_a_wrong_password() {
        assert!(matches!(verify(GOOD, Some("plain text")), Err(PasswordError::Unusable(_))));
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert_eq!(Password::choose("short one", &[]), Err(Weak::Short(9)));
        assert_eq!(Password::choose(&"x y".repeat(50), &[]), Err(Weak::Long(150)));
        assert!(Password::choose("zwölf größte Äpfel", &[]).is_ok());
    }

    #[test]
    fn a_password_does_not_show_itself() {
        let password = Password::choose(GOOD, &[]).expect("good enough");

        assert!(!format!("{password:?}").contains("otters"));
    }
}
