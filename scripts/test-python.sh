#!/usr/bin/env bash
# The package for Python: wheels for all machines, checked; built from the source package alone; installed into an empty
# environment; checked by a strict type checker, and tried with itself and with Node on the other side.
# DHMEM_SPOILT (60) is how many regions are spoilt.
#
# Needs a C compiler, binutils, Python 3.11 or newer with pip, venv and headers, what scripts/test-wheels.sh needs, and a
# built clone.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
regions=$(mktemp -d -p /dev/shm)
# shellcheck disable=SC2046 # Several words, or none.
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$folder" "$regions"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_QUIET=1 PYTHONDONTWRITEBYTECODE=1
tests=$PWD/bindings/python/tests

python=$folder/venv/bin/python
tools() {
	python3 -m venv "$folder/venv" && "$python" -m pip install numpy==2.4.6 mypy==2.4.1 abi3audit==0.0.26
}
# Downloading takes no processor.
tools &
node scripts/build-wheels.mjs "$folder/packed"
wait $!
(cd "$folder" && python3 -m pip wheel --no-deps --wheel-dir "$folder/built" "$folder"/packed/dhmem-*.tar.gz)
python3 -m venv "$folder/empty"
empty=$folder/empty/bin/python
"$empty" -m pip install --no-index "$folder"/built/dhmem-*-abi3-*.whl

# The README's first program and its other side, with nothing but the package.
"$empty" - "$folder" <<'PROGRAM'
import re, sys
from pathlib import Path

text = Path("bindings/python/README.md").read_text()
for number, program in enumerate(re.findall(r"^```python\n(.*?)^```$", text, re.S | re.M), 1):
    Path(sys.argv[1], f"readme-{number}.py").write_text(program)
PROGRAM
DHMEM_DIR=$regions "$empty" "$folder/readme-1.py" >"$folder/printed" &
DHMEM_DIR=$regions "$empty" "$folder/readme-2.py"
wait $!
diff "$folder/printed" <(printf 'step %s\n' 0 1 2 3 4 5 6 7 8 9)
rm "$regions"/*
echo "the README's first program runs in an empty environment"

# From here on with the wheel for everybody's machine.
"$python" -m pip install --no-index "$folder"/packed/dhmem-*-manylinux_*_"$(uname -m)".whl
"$folder/venv/bin/abi3audit" --strict --summary "$folder"/packed/*.whl
scripts/test-wheels.sh "$folder/packed"
DHMEM_DIR=$regions "$python" "$folder/readme-3.py"
diff <(DHMEM_DIR=$regions "$python" "$folder/readme-4.py") <(echo "field 1 0.5")
diff <(DHMEM_DIR=$regions "$python" "$folder/readme-5.py") <(printf "['step 1', 'step 2']\n10\n")
DHMEM_DIR=$regions "$python" "$folder/readme-6.py"
rm "$regions"/*

include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
cc -std=c11 -Wall -Wextra -Werror -fsyntax-only -I"$include" -Ibindings/c/include bindings/python/native/*.c
(cd "$tests" && "$python" -m mypy --strict --python-version 3.11 -p dhmem && "$python" -m mypy --strict --python-version 3.13 ./*.py)
(cd "$folder" && "$python" -m mypy.stubtest dhmem --allowlist "$tests/stubtest.txt")

(cd "$tests" && "$python" -X dev -W error -m unittest discover)

# Newton's method with the task evaluate in Python, against the one in TypeScript.
mkdir "$folder/newton" "$folder/newton-python"
for workflow in newton newton-python; do
	sed "s|^    directory: .*|    directory: $folder/$workflow|; s| dist/| $PWD/dist/|; s| examples/| $PWD/examples/|" \
		"examples/newton/$workflow.yaml" >"$folder/$workflow.yaml"
	PATH=$folder/venv/bin:$PATH DHMEM_DIR=$regions node dist/src/cli/main.js run "$folder/$workflow.yaml" >/dev/null
done
diff "$folder/newton/newton.json" "$folder/newton-python/newton.json"
diff "$folder/newton/newton.svg" "$folder/newton-python/newton.svg"
echo "Newton with evaluate in Python: the same results"

# The tests of the library for C, with Python in its place.
printf '#!/bin/sh\nexec %s %s/peer.py\n' "$python" "$tests" >"$folder/peer"
chmod +x "$folder/peer"
DHMEM_C_PEER=$folder/peer node dist/test/python/main.js
