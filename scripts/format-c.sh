#!/usr/bin/env bash
# Formats the C files according to .clang-format, or with --check only checks them. Versions of clang-format differ in
# some lines, so this does nothing unless version 14, which Debian 12 has, is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

how=-i
if [ "${1:-}" = --check ]; then how="--dry-run -Werror"; fi
if ! clang-format --version 2>/dev/null | grep -q "version 14\."; then
	echo "clang-format 14 is not installed: skipping the C files"
	exit 0
fi
# shellcheck disable=SC2086 # Two words.
find native-shim bindings conformance test -name "*.[ch]" -not -path "*/node_modules/*" -not -path "bindings/c/core/*" -exec clang-format $how {} +
