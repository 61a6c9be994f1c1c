#!/usr/bin/env bash
# Tests the promises of docs/guarantees.md with full counts: `scripts/prove.sh [SCALE]`. Writes a report, which names the
# tested commit, to docs/proof.txt. At scale 1 it takes about an hour and a half on two idle cores.
set -euo pipefail
cd "$(dirname "$0")/.."

scale=${1:-1}
scaled() { node -p "Math.max(1, Math.round($1 * $scale))"; }
outputs=$(mktemp -d)
library=$(mktemp -d)
trap 'rm -rf "$outputs" "$library"' EXIT
trap 'trap "" TERM; kill 0; exit 1' INT TERM

parts=0
# Runs a part in the background. Its output is kept for its place in the report.
start() {
	parts=$((parts + 1))
	part "$outputs/$(printf %02d "$parts")" "$@" &
}
part() {
	local output=$1 result=passed
	shift
	SECONDS=0
	printf '\n=== %s\n' "$*" >"$output"
	"$@" >>"$output" 2>&1 || result=FAILED
	echo "=== $result, $SECONDS s" >>"$output"
	echo "$result, $SECONDS s: $*" >&2
}
# Parts that keep one core busy run in pairs.
beside() {
	while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
	start "$@"
}
alone() {
	wait
	start "$@"
	wait
}

npm run --silent build >&2
# The library for C, from its source package.
node scripts/pack-c.mjs "$library" >&2
tar xzf "$library"/dhmem-c-*.tar.gz -C "$library" --strip-components=1
make -s -C "$library" build/libdhmem.so
commit=$(git rev-parse HEAD)$(git diff --quiet HEAD -- assembly src native-shim prebuilds bindings/c test || echo ', changed')
limit=$([ "$scale" = 1 ] && echo 1000000000 || scaled 400)

beside node dist/test/crash-points/sweeps.js --limit "$limit"
beside node dist/test/interleavings/main.js --random "$(scaled 1000000)" --budget "$(scaled 20000)"
beside node dist/test/interleavings/controls.js
beside node dist/test/crash-points/mutations.js
beside node dist/test/host-steps/main.js
beside node dist/test/host-steps/c/main.js --package "$library"
beside node dist/test/hostile/main.js --only core --workers 1 --count "$(scaled 10000000)"
beside node dist/test/acceptance/main.js --scale "$scale"
alone node dist/test/hostile/main.js --only processes --minutes "$(node -p "5 * $scale")"
alone node dist/test/torture/main.js --kills "$(scaled 2000)"
alone node dist/test/torture/main.js --sleepers "$(scaled 2000)"
alone node dist/test/endurance/main.js --scale "$scale"

failed=$(grep -l '^=== FAILED' "$outputs"/* | wc -l || true)
{
	echo "commit $commit"
	echo "$(date -u +%F), scale $scale, Node $(node --version)"
	for binary in dist/core.wasm dist/shim.node prebuilds/linux-*/shim.node; do
		[ ! -e "$binary" ] || echo "$binary $(sha256sum "$binary" | cut -d ' ' -f 1)"
	done
	node -p "const cpus = os.cpus(); cpus[0].model + ', ' + cpus.length + ' cores, ' + os.type() + ' ' + os.release()"
	cat "$outputs"/*
	printf '\n%s of %s parts failed\n' "$failed" "$parts"
} | tee docs/proof.txt
[ "$failed" -eq 0 ]
