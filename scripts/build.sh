#!/usr/bin/env bash
# Builds the optimised binary, target/release/millrace.
. "$(dirname "$0")/environment.sh"
scripts/prepare.sh build
cargo build --release --locked
