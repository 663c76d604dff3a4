#!/usr/bin/env bash
# Takes pictures of pages of a running server, in light and dark, 1440 and 390 px wide, to be looked at. Fails in the end when a page has a
# problem; all pictures are there then all the same.
# Usage: screenshots.sh URL EMAIL PASSWORD FOLDER PATH…   such as http://127.0.0.1:8080 ada@example.org secret /tmp/p / /jobs
# With an empty EMAIL nobody signs in.
set -euo pipefail
if [ $# -lt 5 ]; then
    sed -n '2,5s/^# //p' "$0" >&2
    exit 2
fi
url=${1%/}
folder=$(realpath -m -- "$4")
MILLRACE_SCREENSHOTS=$(printf '%s\n' "$url" "$2" "$3" "$folder" "${@:5}")
export MILLRACE_SCREENSHOTS
. "$(dirname "$0")/environment.sh"
cargo test --quiet --locked --test it browser::tour::take_pictures -- --exact --ignored --nocapture
