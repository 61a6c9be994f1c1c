#!/usr/bin/env bash
# The library for C: packed, built from the package alone, and tried with Node on the other side; and the translated core
# against traces of V8. Longer, by variables: DHMEM_TRACE_CALLS (20,000) and DHMEM_ARM64_CALLS (2,000) calls of traces,
# DHMEM_SPOILT (200) spoilt regions under the sanitizers, DHMEM_C_KILLS (10) seconds of killed programs. One of
# DHMEM_C_STEPS (150) tries at the library's system calls is made; with 1, all are, and all controls.
#
# Needs a C compiler, Clang, make, pkg-config, QEMU for arm64, Python 3 with pip, and a built clone.
set -euo pipefail
cd "$(dirname "$0")/.."

calls=${DHMEM_TRACE_CALLS:-20000}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

node scripts/pack-c.mjs "$folder/packed"
tar xzf "$folder"/packed/dhmem-c-*.tar.gz -C "$folder"
package=$(echo "$folder"/dhmem-c-*/)

# The translation depends on nothing but the sources of the core and the version of wasm2c.
npx asc assembly/index.ts --target release --outFile "$folder/again.wasm" 2>/dev/null
node scripts/translate-core.mjs "$folder/again" "$folder/again.wasm"
diff -r "$folder/again" "$package/core"
echo "the translation is the same when it is made again"

make -s -C "$package" -j2 install PREFIX="$folder/installed" CFLAGS="-O2 -Wall -Wextra -Werror -Werror=incompatible-pointer-types"
node scripts/check-c-layers.mjs "$package/src" "$package/build"
export PKG_CONFIG_PATH=$folder/installed/lib/pkgconfig
if nm -D --defined-only "$folder/installed/lib/libdhmem.so" | awk '{ print $3 }' | grep -v "^dhmem_"; then
	echo "these names of the library are not its own" >&2
	exit 1
fi
warnings="-Wall -Wextra -Werror"
# The first program of the page, as it stands there.
first=$folder/first.c
sed -n '/^```c$/,/^```$/p; /^```ts$/q' bindings/c/README.md | sed '/^```/d' >"$first"
# shellcheck disable=SC2046,SC2086 # Several words.
compile() { cc $warnings "$@" $(pkg-config --cflags --libs dhmem) -Wl,-rpath,"$folder/installed/lib"; }
compile test/c/peer*.c -o "$folder/peer"
compile "$first" -o "$folder/first"
flags=$(make -s -C "$package" core-flags)
# One has a function that the library does not export, the other replaces a function of the C library.
for program in room full; do
	# shellcheck disable=SC2086 # Several words.
	cc $warnings -std=c11 -D_GNU_SOURCE $flags -I"$package/src" -I"$package/include" -I"$package/core" -I"$package" \
		-I"$package/host" "test/c/$program.c" "$package/build/libdhmem.a" -pthread -ldl -o "$folder/$program"
done
export DHMEM_C_ROOM=$folder/room DHMEM_C_FULL=$folder/full
DHMEM_C_PEER=$folder/peer node dist/test/c/main.js
node dist/test/host-steps/c/main.js --package "$package" --every "${DHMEM_C_STEPS:-150}"

# With the address and undefined-behaviour sanitizers, and Clang's static analyser.
make -s -C "$package" -j2 BUILD="$folder/sanitized" "$folder/sanitized/libdhmem.a" \
	CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
cc -g -fsanitize=address,undefined -I"$package/include" test/c/peer*.c "$folder/sanitized/libdhmem.a" -pthread -ldl \
	-o "$folder/peer-sanitized"
# The library handles SIGBUS itself, and a peer that is killed frees nothing.
ASAN_OPTIONS=detect_leaks=0:handle_sigbus=0 DHMEM_C_PEER=$folder/peer-sanitized DHMEM_C_KILLS=2 \
	DHMEM_SPOILT=${DHMEM_SPOILT:-200} node dist/test/c/main.js
for source in "$package"/src/*.c; do
	# shellcheck disable=SC2086 # Several words.
	clang --analyze -Xclang -analyzer-werror -Xclang -analyzer-output=text -std=c11 -D_GNU_SOURCE $flags \
		-I"$package/include" -I"$package/core" -I"$package" -I"$package/host" "$source"
done
echo "static analysis: no findings"

# The player has the core alone, as whoever embeds it.
# shellcheck disable=SC2086 # Several words.
player() { cc -std=c11 -O2 -pthread $flags -I"$package/core" -w "$@"; }
player $warnings conformance/traces/play.c "$package/core/core.c" -o "$folder/play"
node dist/conformance/traces/main.js record "$calls" >"$folder/traces.txt"
"$folder/play" <"$folder/traces.txt"

# One changed instruction must be found.
mkdir "$folder/changed"
node scripts/change-translation.mjs "$package/core/core.c" >"$folder/changed/core.c"
player -I"$folder/changed" conformance/traces/play.c "$folder/changed/core.c" -o "$folder/play-changed"
if "$folder/play-changed" <"$folder/traces.txt"; then
	echo "a changed instruction was not found" >&2
	exit 1
fi

# Builds for musl and for arm64, by Zig; the translated core runs there too.
zig=$(node scripts/zig.mjs)
for target in x86_64-linux-musl aarch64-linux-musl; do
	make -s -C "$package" -j2 CC="$zig cc -target $target" AR="$zig ar" BUILD="$folder/$target" CFLAGS="-O2 -w"
done
# shellcheck disable=SC2086 # Several words.
"$zig" cc -target aarch64-linux-musl -static -std=c11 -O2 -w $flags -I"$package/core" conformance/traces/play.c \
	"$folder/aarch64-linux-musl/core.o" -o "$folder/play-arm64"
node dist/conformance/traces/main.js record "${DHMEM_ARM64_CALLS:-2000}" | qemu-aarch64 "$folder/play-arm64"
