//! Randomness: secrets from the operating system, and seeded sequences for rules that must be repeatable.

/// Fills `N` bytes from the operating system's generator: session ids, tokens, nonces.
pub fn secret_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    rand::fill(&mut bytes[..]);
    bytes
}

/// Gives any number; not for secrets.
pub fn number() -> u64 {
    rand::random::<u64>()
}

/// Gives a number in `[0, 1)` for jitter; not for secrets.
pub fn unit() -> f64 {
    rand::random::<f64>()
}
