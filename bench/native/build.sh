#!/usr/bin/env bash
# Builds the native peers and floors into dist/bench/native. Installs nothing, but names missing packages.
set -euo pipefail
cd "$(dirname "$0")"

out=../../dist/bench/native
mkdir -p "$out"
missing=()
have() { dpkg -s "$1" >/dev/null 2>&1 || { missing+=("$1"); return 1; }; }

build() {
	local compiler=$1 program=$2
	# As released: boost's assertions are for whoever develops with it.
	$compiler -std=c++17 -O2 -DNDEBUG -Wall -Wextra -o "$out/$program" "$program.cpp" -pthread -lrt
	echo "built $program"
}

have g++ || { echo "missing packages: g++" >&2; exit 1; }
for program in line pipe copy open; do build g++ $program; done
if have libboost-dev; then
	for program in spsc message_queue allocate; do build g++ $program; done
fi
if have libopenmpi-dev && have openmpi-bin; then build "mpicxx -DOMPI_SKIP_MPICXX" shapes; fi

if [ ${#missing[@]} -gt 0 ]; then
	echo "not everything was built; missing packages: ${missing[*]}" >&2
	exit 1
fi
