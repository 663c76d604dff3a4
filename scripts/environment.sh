# shellcheck shell=bash
# Sourced by the other scripts: stands in the project's folder, finds cargo, keeps what is built in `target`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The binary's place is fixed (target/release/millrace), whatever the shell says.
export CARGO_TARGET_DIR="$PWD/target"

# rustup's folder is missing from the search path of shells that started before it was installed.
if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-${HOME:-/root}/.cargo}/bin/cargo" ]; then
    PATH="${CARGO_HOME:-${HOME:-/root}/.cargo}/bin:$PATH"
fi
