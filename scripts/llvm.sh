#!/usr/bin/env bash
# Finds the tools that read the compiler's coverage data: of rustc's own LLVM version, because the format changes.
# Usage: llvm.sh major | llvm.sh tool llvm-cov|llvm-profdata
. "$(dirname "$0")/environment.sh"

major() { rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p'; }

tool() {
    local component
    component="$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/$1"
    if [ -x "$component" ]; then
        echo "$component"
    else
        command -v "$1-$(major)"
    fi
}

"$@"
