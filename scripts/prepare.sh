#!/usr/bin/env bash
# Installs what is missing on a Debian (or Ubuntu) machine. Usage: prepare.sh build|test|coverage|pictures
#
# Nothing is asked, and nothing happens when everything is there. PostgreSQL is not installed: Debian's package
# would start a server on port 5432. Millrace finds an installed one or unpacks its own copy at the first start.
. "$(dirname "$0")/environment.sh"

packages=()

# Notes the packages when the command before them fails.
need() { # CHECK PACKAGE…
    local check=$1
    shift
    if ! bash -c "$check" >/dev/null 2>&1; then packages+=("$@"); fi
}

need_for_build() {
    need "echo '#include <stdio.h>' | cc -xc -c - -o /dev/null" gcc libc6-dev # libpq and ring are C
    need 'test -s /etc/ssl/certs/ca-certificates.crt' ca-certificates         # cargo downloads over TLS
    need 'test -e /usr/share/zoneinfo/UTC' tzdata                             # PostgreSQL reads it
}

need_for_test() {
    need_for_build
    need 'command -v chromium' chromium
    need 'command -v chromedriver' chromium-driver
}

need_for_coverage() {
    need_for_test
    # rustc's own tools can be a component of the toolchain; Debian's fit when of the same major version.
    local llvm
    llvm=$(scripts/llvm.sh major)
    need "scripts/llvm.sh tool llvm-cov" "llvm-$llvm"
}

need_for_pictures() {
    need_for_test
    need 'command -v pngquant' pngquant # pictures are kept in the repository
    need 'command -v curl' curl         # some are of what a program made
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif [ -t 0 ]; then
        sudo "$@"
    else
        sudo -n "$@" # without a terminal nobody could type a password: fail instead of waiting
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"
}

give_up() {
    echo "The packages could not be installed. As root, run: apt-get install ${packages[*]}" >&2
    exit 1
}

install_packages() {
    if [ ${#packages[@]} = 0 ]; then return; fi
    if ! command -v apt-get >/dev/null; then
        echo "This is no Debian. Install what is Debian's: ${packages[*]}" >&2
        exit 1
    fi
    echo "Installing: ${packages[*]}"
    apt -qq update || give_up
    apt -qq -y --no-install-recommends install "${packages[@]}" || give_up
}

wanted_rust() { sed -n 's/^rust-version *= *"\(.*\)"/\1/p' Cargo.toml; }

found_rust() { cargo --version 2>/dev/null | sed -n 's/^cargo \([0-9.]*\).*/\1/p'; }

# Debian's own toolchain is older than ours, so apt-get cannot help.
check_rust() {
    local wanted found
    wanted=$(wanted_rust)
    found=$(found_rust) || true
    if [ "$(printf '%s\n' "$wanted" "${found:-0}" | sort -V | head -n1)" = "$wanted" ]; then return; fi
    cat >&2 <<END
Rust $wanted or newer is needed, and ${found:-none} was found. Debian's own packages are older.
  With rustup on this machine:   rustup toolchain install $wanted --component rustfmt,clippy && rustup default $wanted
  Without it: install rustup as "Install Rust" on www.rust-lang.org describes (for this user, no root needed),
  open a new shell, and run the same command again.
END
    exit 1
}

check_rust_component() { # SUBCOMMAND COMPONENT
    if cargo "$1" --version >/dev/null 2>&1; then return; fi
    echo "\`cargo $1\` is missing: run \`rustup component add $2\`, then the same command again." >&2
    exit 1
}

check_rust
case "${1:-}" in
build) need_for_build ;;
test) need_for_test ;;
coverage) need_for_coverage ;;
pictures) need_for_pictures ;;
*)
    echo "usage: scripts/prepare.sh build|test|coverage|pictures" >&2
    exit 2
    ;;
esac
install_packages
if [ "$1" != build ]; then
    check_rust_component fmt rustfmt
    check_rust_component clippy clippy
fi
