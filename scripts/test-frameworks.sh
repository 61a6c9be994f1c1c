#!/usr/bin/env bash
# Tests the packed package in test frameworks, which load it into separate realms, and in other engines than
# Node.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
DHMEM_DIR=$(mktemp -d /dev/shm/dhmem-frameworks-XXXXXX)
export DHMEM_DIR
trap 'rm -rf "$folder" "$DHMEM_DIR"' EXIT

npm pack --silent ./dist/package --pack-destination "$folder" >/dev/null
cd test/frameworks
npm ci --silent
npm install --silent --no-save "$folder"/dhmem-*.tgz
bin=$PWD/node_modules/.bin

# Prints the output of a run only if it fails.
try() {
	local name=$1
	shift
	if timeout 120 "$@" >"$folder/log" 2>&1; then
		echo "$name: right"
	else
		echo "$name: FAILED"
		cat "$folder/log"
		return 1
	fi
}

for jest in jest29 jest30; do
	for how in --runInBand --maxWorkers=2 "--maxWorkers=2 --workerThreads"; do
		# shellcheck disable=SC2086
		try "$jest $how" node --experimental-vm-modules node_modules/$jest/bin/jest.js $how
	done
done
for pool in threads forks vmThreads vmForks; do
	try "vitest --pool=$pool" "$bin/vitest" run --globals --pool=$pool
done
try bun "$bin/bun" run.js
try "bun, reading only" "$bin/bun" bun-reader.js
try "bun, more regions than it has memory for" "$bin/bun" bun-memory.js
try "bun, without its listener for SIGBUS" "$bin/bun" sigbus.js
try deno "$bin/deno" run --no-prompt --allow-ffi --allow-read --allow-write --allow-env --allow-sys run.js
for flags in "" --allow-env "--allow-env --allow-sys" "--allow-env --allow-sys --allow-read"; do
	# shellcheck disable=SC2086
	try "deno, with ${flags:-nothing} allowed" "$bin/deno" run --no-prompt $flags denied.js
done

# Regions that tests left open have no participants any more, so `dhmem clean` removes them.
"$bin/dhmem" clean >/dev/null
[ -z "$(ls "$DHMEM_DIR")" ] || { echo "left: $(ls "$DHMEM_DIR")" >&2; exit 1; }
