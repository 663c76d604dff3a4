#!/usr/bin/env bash
# Builds the optimised binary and becomes it, so that signals reach it. Usage: run.sh serve|demo
. "$(dirname "$0")/environment.sh"
scripts/build.sh
exec target/release/millrace "${1:-serve}"
