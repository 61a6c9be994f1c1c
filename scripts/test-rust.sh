#!/usr/bin/env bash
# The crates for Rust: packed and used in an empty project, where the README's programs run; formatted, without findings of
# clippy; their own tests, among them programs that must not compile; and Node on the other side.
# DHMEM_C_KILLS (2) is for how many seconds programs are killed, DHMEM_SPOILT (20) how many regions are spoilt.
#
# Needs Rust with cargo, clippy and rustfmt, a C compiler, Python 3 with pip, and a built clone. Where there is no Rust, Debian's
# newer one is installed: the cargo of its ordinary one, which is 1.63 as the crates need, can't use the registry's present index.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! { cargo --version && cargo clippy --version && cargo fmt --version; } >/dev/null 2>&1; then
	apt-get update -qq && apt-get install -y -qq --no-install-recommends \
		rustc-web cargo-web rust-web-clippy rustfmt-web >/dev/null
fi

folder=$(mktemp -d)
regions=$(mktemp -d -p /dev/shm)
trap 'rm -rf "$folder" "$regions"' EXIT
# What is built is not kept in the clone, and needs no information for debuggers.
export CARGO_TARGET_DIR=$folder/target CARGO_TERM_QUIET=true CARGO_TERM_COLOR=never CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0
rust=bindings/rust

again() {
	for _ in 1 2 3; do
		"$@" && return
		sleep 5
	done
	"$@"
}
again cargo fetch --locked --manifest-path $rust/Cargo.toml
export CARGO_NET_OFFLINE=true

# In an empty project, with nothing but the packed crates.
node scripts/pack-rust.mjs "$folder/packed" >/dev/null
cargo new --vcs none "$folder/project"
(cd "$folder/project" && cargo add --path ../packed/dhmem)
mkdir "$folder/project/src/bin"
awk -v folder="$folder/project/src/bin" '
	/^```rust$/ { number++; writing = 1; next }
	/^```$/ { writing = 0 }
	writing { print > (folder "/program-" number ".rs") }
' $rust/dhmem/README.md
cp "$folder/project/src/bin/program-1.rs" "$folder/project/src/main.rs"
sed -n '/^```rust$/,/^```$/p' docs/languages.md | sed '/^```/d' >"$folder/project/src/bin/means.rs"
(cd "$folder/project" && cargo build)
programs=$CARGO_TARGET_DIR/debug
DHMEM_DIR=$regions "$programs/project" >"$folder/printed" &
DHMEM_DIR=$regions "$programs/program-2"
wait $!
diff "$folder/printed" <(printf 'step %s\n' 0 1 2 3 4 5 6 7 8 9)
DHMEM_DIR=$regions "$programs/program-3"
diff <(DHMEM_DIR=$regions "$programs/program-4") <(echo "field 1 0.5")
diff <(DHMEM_DIR=$regions "$programs/program-5") <(echo "0.5 2")
rm "$regions"/*
DHMEM_DIR=$regions "$programs/means" &
diff <(DHMEM_DIR=$regions timeout 180 node test/rust/ask.mjs) <(printf 'step %s: %s.5\n' 0 0 1 1 2 2)
wait $!
rm "$regions"/*
cp "$programs/project" "$folder/first"
echo "the programs of the README and of docs/languages.md run in an empty project"
(cd "$folder/packed/dhmem-sys" && cargo package --list --allow-dirty) >"$folder/list"
for file in LICENSE libdhmem/core/core.c libdhmem/core/LICENSE.wabt libdhmem/layout.h libdhmem/host/host.h; do
	grep -qx "$file" "$folder/list"
done

# From here on with the sources of the clone. As an empty project has no lock file, its target folder is another's.
cd $rust
[ -e ../c/core/core.c ] || node ../../scripts/translate-core.mjs
cargo fmt --all --check
cargo clippy --all-targets --locked -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked -p dhmem -p dhmem-sys
DHMEM_DIR=$regions cargo test --locked
cargo build --locked -p dhmem-peer

cp "$programs/dhmem-peer" "$folder/peer"
cd ../..
# For scripts/test-languages.sh.
install -D "$folder/peer" dist/peers/rust
DHMEM_C_PEER=$folder/peer DHMEM_C_KILLS=${DHMEM_C_KILLS:-2} DHMEM_SPOILT=${DHMEM_SPOILT:-20} node dist/test/rust/main.js
