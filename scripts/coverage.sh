#!/usr/bin/env bash
# Runs the tests with counters and prints which lines they reach; fails under LINES_MIN percent.
# The whole report is target/coverage/index.html.
. "$(dirname "$0")/environment.sh"
lines_min=${LINES_MIN:-85}
scripts/prepare.sh coverage

out="$CARGO_TARGET_DIR/coverage"
rm -rf "$out"
mkdir -p "$out"
export RUSTC_WORKSPACE_WRAPPER="$PWD/scripts/rustc_coverage.sh"
# %p: each process has a file of its own. %c: counts are written as they happen, so a killed process keeps them.
export LLVM_PROFILE_FILE="$out/%p-%m%c.profraw"

objects=()
while read -r binary; do
    objects+=(-object "$binary")
done < <(cargo test --locked --no-run --message-format=json | grep -o '"executable":"[^"]*"' | cut -d'"' -f4 | sort -u)
cargo test --locked

"$(scripts/llvm.sh tool llvm-profdata)" merge -sparse -o "$out/all.profdata" "$out"/*.profraw
find "$out" -name '*.profraw' -delete
report=("$(scripts/llvm.sh tool llvm-cov)")
about=(-instr-profile "$out/all.profdata" "${objects[@]}" -sources src)
"${report[@]}" report "${about[@]}"
"${report[@]}" show "${about[@]}" -format=html -output-dir "$out"

lines=$("${report[@]}" export -summary-only "${about[@]}" | grep -o '"totals":.*' | grep -o '"lines":{[^}]*}' | grep -o '"percent":[0-9.]*' | cut -d: -f2)
awk -v lines="$lines" -v min="$lines_min" \
    'BEGIN { printf "lines covered: %.1f %% (at least %s %%)\n", lines, min; exit !(lines >= min) }'
