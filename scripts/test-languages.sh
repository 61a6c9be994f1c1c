#!/usr/bin/env bash
# Node, C, Python, Go, Rust, Deno and Bun at once in one region, while they are killed at random; every message is accounted
# for. DHMEM_MINUTE (10) is for how many seconds: 60 for the full run. DHMEM_SEED repeats a run's order of kills.
#
# Needs Go, Rust with cargo, a C compiler, Python 3.11 or newer with headers, and a built clone. The programs in Go and Rust
# are those that scripts/test-go.sh and scripts/test-rust.sh have left in dist/peers/, unless their sources are newer.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
frameworks=test/frameworks/node_modules
mkdir -p dist/peers

# is_built PROGRAM SOURCES…: whether the program was built from these sources.
is_built() {
	local program=$1
	shift
	[ -x "$program" ] && [ -z "$(find "$@" assembly native-shim bindings/c/src bindings/c/include -type f -newer "$program" -print -quit)" ]
}

if ! is_built dist/peers/go bindings/go scripts/pack-go.mjs; then
	node scripts/pack-go.mjs "$folder/go" >/dev/null
	(
		for _ in 1 2 3; do PATH=$(node scripts/go-path.mjs) && break; done
		cd "$folder/go"
		CGO_CFLAGS="-O1" GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-buildvcs=false go build -o "$folder/peer-go" ./internal/peer
	)
	install "$folder/peer-go" dist/peers/go
fi
if ! is_built dist/peers/rust bindings/rust; then
	[ -e bindings/c/core/core.c ] || node scripts/translate-core.mjs
	CARGO_TARGET_DIR=$folder/rust CARGO_TERM_QUIET=true CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0 \
		cargo build --locked --manifest-path bindings/rust/Cargo.toml -p dhmem-peer
	install "$folder/rust/debug/dhmem-peer" dist/peers/rust
fi

# shellcheck source=scripts/quick-python.sh
source scripts/quick-python.sh
cc -Wall -Wextra -Werror -I"$library/include" test/c/peer*.c "$folder/libdhmem.so" -Wl,-rpath,"$folder" -pthread \
	-o "$folder/c"

[ -x $frameworks/.bin/deno ] && [ -x $frameworks/.bin/bun ] || npm ci --silent --prefix test/frameworks

# The engines by themselves, since a shell between would be killed in their place.
export PYTHONPATH=$folder/python PYTHONDONTWRITEBYTECODE=1
DHMEM_C_PEER=$folder/c \
	DHMEM_PYTHON_PEER="$(python3 -c 'import sys; print(sys.executable)') $PWD/bindings/python/tests/peer.py" \
	DHMEM_GO_PEER=$PWD/dist/peers/go \
	DHMEM_RUST_PEER=$PWD/dist/peers/rust \
	DHMEM_DENO_PEER="$(realpath $frameworks/.bin/deno) run --no-prompt --allow-all" \
	DHMEM_BUN_PEER=$(realpath $frameworks/.bin/bun) \
	node dist/test/languages/main.js "${DHMEM_MINUTE:-10}" ${DHMEM_SEED:+"$DHMEM_SEED"}
