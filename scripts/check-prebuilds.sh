#!/usr/bin/env bash
# Checks prebuilds/: this tree's sources make exactly these bytes, and they load on old systems. Then it breaks each of
# the two, which must be detected.
#
# Needs what scripts/build-prebuilds.mjs needs, and a C compiler.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

node scripts/build-prebuilds.mjs --check
node scripts/shim-symbols.mjs prebuilds/*/shim.node
echo "every symbol is of Node-API 8, or of glibc 2.28 or older, by its version"

# Fails unless the command fails and says so.
found_out() {
	local what=$1 said=$2
	shift 2
	if "$@" >"$folder/log" 2>&1 || ! grep -q "$said" "$folder/log"; then
		echo "NOT detected: $what"
		cat "$folder/log"
		return 1
	fi
	echo "detected: $what"
}

mkdir "$folder/copy"
cp -r native-shim prebuilds scripts package.json "$folder/copy"
ln -s "$PWD/node_modules" "$folder/copy/node_modules"
sed -i 's/define MILLISECONDS_MAX 3e12/define MILLISECONDS_MAX 2e12/' "$folder/copy/native-shim/host/clock.c"
found_out "other sources" "not what these sources make: linux-x64, linux-arm64, SOURCES" \
	node "$folder/copy/scripts/build-prebuilds.mjs" --check

SHIM_OUTPUT=$folder/new.node node scripts/build-shim.mjs
found_out "symbols of a newer glibc" "newer than glibc 2.28" node scripts/shim-symbols.mjs "$folder/new.node"
SHIM_FLAGS=-nostdlib SHIM_OUTPUT=$folder/bare.node node scripts/build-shim.mjs
found_out "symbols without versions" "pthread_cond_init has no version" \
	node scripts/shim-symbols.mjs "$folder/bare.node"
