#!/usr/bin/env bash
# Runs cargo as the other scripts do. Usage: cargo.sh ARGUMENT…
. "$(dirname "$0")/environment.sh"
exec cargo "$@"
