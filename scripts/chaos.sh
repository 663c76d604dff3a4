#!/usr/bin/env bash
# The long chaos: `make test` runs the short one. Usage: chaos.sh [TEST-ARGUMENT…]
. "$(dirname "$0")/environment.sh"
scripts/prepare.sh test
cargo test --locked --test it chaos -- --include-ignored --test-threads=1 "$@"
