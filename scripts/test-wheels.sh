#!/usr/bin/env bash
# Runs the wheel for glibc on arm64, emulated by QEMU, in Debian's Python for arm64: `scripts/test-wheels.sh FOLDER`, with the
# wheels in it. Two of its processes exchange the messages of the README's first program, and one with this machine's Python.
#
# The wheels for musl are not run: no Python for musl was found in Debian, or packed for PyPI or npm.
#
# Needs apt-get, Debian's keys, qemu-user, Python 3.11 or newer, and the network.
set -euo pipefail
cd "$(dirname "$0")/.."

wheels=$(realpath "$1")
folder=$(mktemp -d)
regions=$(mktemp -d -p /dev/shm)
# shellcheck disable=SC2046 # Several words, or none.
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder" "$regions"' EXIT
export PYTHONDONTWRITEBYTECODE=1 DHMEM_DIR=$regions

apt_for_arm64() {
	apt-get -qq -o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::State="$folder/apt" -o Dir::State::status="$folder/apt/status" -o Dir::Cache="$folder/apt" \
		-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial" "$folder/root/packages"
touch "$folder/apt/status"
mirror=$(apt-get indextargets --format '$(REPO_URI)' | awk '/\/debian\/?$/ && !found { print; found = 1 }')
key=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$key] $mirror bookworm main" >"$folder/apt/sources.list"
apt_for_arm64 update
(cd "$folder/root/packages" && apt_for_arm64 download libc6 zlib1g libexpat1 libffi8 libssl3 libuuid1 python3.11-minimal \
	libpython3.11-minimal libpython3.11-stdlib)
for package in "$folder"/root/packages/*.deb; do dpkg-deb -x "$package" "$folder/root"; done
# Absolute links would lead out of it.
[ -e "$folder/root/lib" ] || ln -s usr/lib "$folder/root/lib"

python3 -m zipfile -e "$wheels"/dhmem-*-manylinux_*_aarch64.whl "$folder/arm64"
python3 -m zipfile -e "$wheels"/dhmem-*-manylinux_*_"$(uname -m)".whl "$folder/own"
emulated() {
	PYTHONPATH=$folder/arm64 qemu-aarch64 -L "$folder/root" "$folder/root/usr/bin/python3.11" "$@"
}
own() { PYTHONPATH=$folder/own python3 "$@"; }
machine=$(emulated -c 'import platform, dhmem; print(platform.machine(), dhmem._native.__file__)')
test "$machine" = "aarch64 $folder/arm64/dhmem/_native.abi3.so"

# The first two programs of the README.
awk '/^```python$/ { inside = 1; n++; next } /^```$/ { inside = 0 } inside { print > (folder "/readme-" n ".py") }' \
	folder="$folder" bindings/python/README.md
exchange() {
	"$1" "$folder/readme-1.py" >"$folder/printed" &
	"$2" "$folder/readme-2.py"
	wait $!
	diff "$folder/printed" <(printf 'step %s\n' 0 1 2 3 4 5 6 7 8 9)
	rm "$regions"/*
	echo "the README's first program: $1 receives, $2 sends"
}
exchange emulated emulated
exchange emulated own
exchange own emulated
