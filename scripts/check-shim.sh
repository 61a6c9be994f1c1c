#!/usr/bin/env bash
# Checks the native shim: its format, its layers, Clang's static analyser, and its tests with the address and
# undefined-behaviour sanitizers.
set -euo pipefail
cd "$(dirname "$0")/.."

clang-format --version
scripts/format-c.sh --check
echo "format: no findings"
node scripts/check-shim-layers.mjs

headers=$(node -p 'require("node-api-headers").include_dir')
for source in native-shim/*/*.c; do
	clang --analyze -Xclang -analyzer-werror -Xclang -analyzer-output=text -std=c11 -isystem "$headers" "$source"
done
echo "static analysis: no findings"

# Restores the plain build at the end, whatever happens.
trap 'npm run --silent build:shim' EXIT
SHIM_FLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer" npm run --silent build:shim
nm -D dist/shim.node | grep __asan_report_load >/dev/null || { echo "the build has no sanitizer in it"; exit 1; }
# Node does not free everything at exit, and the shim handles SIGBUS itself.
export ASAN_OPTIONS=detect_leaks=0:handle_sigbus=0:handle_segv=0:abort_on_error=1:detect_stack_use_after_return=0
export UBSAN_OPTIONS=print_stacktrace=1
LD_PRELOAD=$(cc -print-file-name=libasan.so) node node_modules/uvu/bin.js --no-color -i layers -i lifetimes dist/test/shim "\.test\.js$"
