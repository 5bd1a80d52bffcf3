#!/usr/bin/env bash
# Builds and runs every test of the workspace, with all features, doctests and guides
# included. Installs what they need outside of Rust where it is missing; where that cannot be
# done it says what is missing and how to get it, and fails.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()

# need COMMAND PACKAGE HOW: installs Debian's PACKAGE unless COMMAND is there.
need() {
    command -v "$1" >/dev/null 2>&1 && return
    if [ -n "$2" ] && command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        echo "== installing $2"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null || true
    fi
    command -v "$1" >/dev/null 2>&1 || missing+=("$1: $3")
}

need cargo "" "the Rust toolchain, from https://rustup.rs"
need cc gcc "a C linker, Debian's package gcc"
need setpriv util-linux "setpriv and prlimit, Debian's package util-linux"
need node nodejs "Node 18 or later, Debian's package nodejs"

if [ ${#missing[@]} -gt 0 ]; then
    echo "tests/run.sh cannot run every test, since this is missing:" >&2
    printf '  %s\n' "${missing[@]}" >&2
    exit 1
fi

cargo test --workspace --all-features "$@"
