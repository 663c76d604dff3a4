#!/usr/bin/env bash
# The long chaos, half an hour, with its figures: `make test` runs the short one. Usage: chaos.sh [TEST-ARGUMENT…]
# MILLRACE_CHAOS_SEED=N repeats the plan of a run that said so.
. "$(dirname "$0")/environment.sh"
scripts/prepare.sh test
cargo test --locked --test it chaos:: -- --include-ignored --test-threads=1 --nocapture "$@"
