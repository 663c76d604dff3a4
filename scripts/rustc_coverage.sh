#!/usr/bin/env bash
# Cargo's RUSTC_WORKSPACE_WRAPPER: counts executed lines in our own crate only, so that the dependencies that are
# already built serve again. The last flag lets a killed process leave its counts (see coverage.sh).
exec "$@" -Cinstrument-coverage -Cllvm-args=-runtime-counter-relocation
