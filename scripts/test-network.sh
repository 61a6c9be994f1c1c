#!/usr/bin/env bash
# Tests links over NATS with a real server: Debian's nats-server, or the one that $NATS_SERVER names.
set -euo pipefail
cd "$(dirname "$0")/.."

"${NATS_SERVER:-nats-server}" --version
# Each in a process of its own: they have a server each.
for suite in over-nats runs errors faults leaving; do node "dist/test/network/$suite.js"; done
