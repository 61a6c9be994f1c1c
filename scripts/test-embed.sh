#!/usr/bin/env bash
# The core in other WebAssembly runtimes (embed/): each answers a Node program, and plays traces of V8.
# `DHMEM_TRACE_CALLS=100000 scripts/test-embed.sh` plays that many calls; 5,000 by default.
#
# Needs Python 3 with pip, and a built clone.
set -euo pipefail
cd "$(dirname "$0")/.."

calls=${DHMEM_TRACE_CALLS:-5000}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

npm ci --silent --prefix test/frameworks
bin=$PWD/test/frameworks/node_modules/.bin
PYTHONPATH=$(node --input-type=module -e 'import { fromPyPI } from "./scripts/pypi.mjs"; console.log(fromPyPI("wasmtime.txt"))')
PATH=$(node scripts/go-path.mjs)
export PATH PYTHONPATH DHMEM_ROOT=$PWD
for _ in 1 2 3; do (cd embed/wazero && go mod download) && break; done
(cd embed/wazero && go vet . && gofmt -l . | (! grep .) && go build -o "$folder/wazero" .)

node dist/conformance/traces/main.js record "$calls" >"$folder/traces.txt"
# One result of the last call is changed: a player must find it.
tac "$folder/traces.txt" | awk '!done && sub(/^call .*= /, "&1") { done = 1 } 1' | tac >"$folder/changed.txt"

failed=0
# The name of a runtime, its player, and its answering program.
try() {
	local name=$1 player=$2 program=$3
	if ! $player <"$folder/traces.txt"; then
		echo "$name: the traces FAILED"
		failed=1
	elif $player <"$folder/changed.txt" >"$folder/log" 2>&1 || ! grep -q "trace" "$folder/log"; then
		echo "$name: did not find a changed result: FAILED"
		cat "$folder/log"
		failed=1
	fi
	# shellcheck disable=SC2086 # Several words.
	if ! timeout 120 node dist/test/embed/ask.js $program; then
		echo "$name: the answers FAILED"
		failed=1
	fi
	echo "$name: done"
}
play="dist/conformance/traces/main.js play"
try wasmtime "python3 embed/wasmtime/traces.py" "python3 embed/wasmtime/answer.py"
try wazero "$folder/wazero traces" "$folder/wazero"
try Deno "$bin/deno run --allow-read $play" "$bin/deno run --allow-all embed/javascript/deno.ts"
try Bun "$bin/bun run $play" "$bin/bun run embed/javascript/bun.ts"
exit "$failed"
