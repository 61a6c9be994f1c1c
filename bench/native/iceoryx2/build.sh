#!/usr/bin/env bash
# Builds the contender that uses iceoryx2 into dist/bench/native. It needs Rust 1.89 or newer, and libclang.
set -euo pipefail
cd "$(dirname "$0")"

command -v cargo >/dev/null || { echo "missing: cargo (Rust 1.89 or newer, from https://rustup.rs)" >&2; exit 1; }
cargo build --release --locked --target-dir ../../../dist/bench/native/iceoryx2
