#!/usr/bin/env bash
# Everything that proves it works. Format first because it is quick, clippy last because it checks all dependencies
# once more: a broken test shows earlier.
. "$(dirname "$0")/environment.sh"
scripts/prepare.sh test
cargo fmt --all --check
cargo test --locked --no-run
cargo test --locked
cargo clippy --locked --all-targets -- -D warnings
