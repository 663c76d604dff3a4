#!/usr/bin/env bash
# Measures, each figure with its reference of the same run; one JSON object a line. Usage: bench.sh [NAME…]
. "$(dirname "$0")/environment.sh"
scripts/build.sh
if [ $# = 0 ]; then set -- drain enqueue single latency steady snapshot history limits; fi
for name in "$@"; do
    target/release/millrace bench "$name" --json
done
