#!/usr/bin/env bash
# What docs/guarantees.md promises, shown at full counts: `scripts/prove.sh [SCALE]`. The report, with the commit that it
# was made on, goes to docs/proof.txt. At scale 1 it takes hours.
set -uo pipefail
cd "$(dirname "$0")/.."

scale=${1:-1}
scaled() { node -p "Math.max(1, Math.round($1 * $scale))"; }
report=docs/proof.txt
failed=0

run() {
	printf '\n=== %s\n' "$*"
	"$@" 2>&1 || failed=$((failed + 1))
}

{
	echo "commit $(git rev-parse HEAD)$(git diff --quiet HEAD -- assembly src native-shim test || echo ', changed'), scale $scale, $(date -u +%F)"
	limit=$([ "$scale" = 1 ] && echo 1000000000 || scaled 400)
	run node dist/test/allocator/sweeps.js --limit "$limit"
	run node dist/test/allocator/mutations.js
	run node dist/test/interleavings/main.js --random "$(scaled 1000000)" --budget "$(scaled 20000)"
	run node dist/test/interleavings/controls.js
	run node dist/test/hostile/main.js --count "$(scaled 10000000)"
	run node dist/test/torture/main.js --kills "$(scaled 2000)"
	run node dist/test/endurance/main.js --scale "$scale"
	run node dist/test/acceptance/main.js --scale "$scale"
	printf '\n%s failed\n' "$failed"
	[ "$failed" -eq 0 ]
} | tee "$report"
exit "$((PIPESTATUS[0]))"
