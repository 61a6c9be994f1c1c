#!/usr/bin/env bash
# The module for Go: packed, used by programs in empty modules, checked, tried under the race detector, and with Node on the
# other side; and Newton's method with tasks in three languages. DHMEM_GO_KILLS (3) seconds of killed programs.
#
# Needs a C compiler, Python 3.11 or newer with headers, and a built clone.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
regions=$(mktemp -d -p /dev/shm)
trap 'chmod -R u+w "$folder"; rm -rf "$folder" "$regions"' EXIT
for _ in 1 2 3; do PATH=$(node scripts/go-path.mjs) && break; done
export PATH GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-buildvcs=false
# It is compiled twice here, and never measured.
export CGO_CFLAGS="-O1"

module=$folder/dhmem
node scripts/pack-go.mjs "$module" >/dev/null
unformatted=$(gofmt -l bindings/go examples/newton/steer-go)
[ -z "$unformatted" ] || { echo "gofmt would change $unformatted" >&2; exit 1; }

# The README's programs, each in an empty module.
node --input-type=module - "$folder" <<'PROGRAM'
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const text = readFileSync("bindings/go/README.md", "utf8");
for (const [index, [, program]] of [...text.matchAll(/^```go\n(.*?)^```$/gms)].entries()) {
	mkdirSync(`${process.argv[2]}/readme-${index + 1}`);
	writeFileSync(`${process.argv[2]}/readme-${index + 1}/main.go`, program);
}
PROGRAM
for program in "$folder"/readme-*; do
	(
		cd "$program"
		go mod init "example/$(basename "$program")" 2>/dev/null
		go mod edit -replace "dhmem=$module"
		go get dhmem 2>/dev/null
		go build -o program
	)
done
export DHMEM_DIR=$regions
"$folder/readme-1/program" >"$folder/printed" &
"$folder/readme-2/program"
wait $!
diff "$folder/printed" <(printf 'step %s\n' 0 1 2 3 4 5 6 7 8 9)
diff <("$folder/readme-3/program") <(echo "field 1 0.5")
diff <("$folder/readme-4/program") <(echo "x 1")
rm "$regions"/*
echo "the README's programs run in empty modules"

(cd "$module" && go vet ./... && go test ./workflow && go build -o "$folder/peer" ./internal/peer)
(cd "$module" && go test -race .)

# The tests of the library for C, with Go in its place.
DHMEM_C_PEER=$folder/peer DHMEM_GO_PEER=$folder/peer DHMEM_SPOILT=${DHMEM_SPOILT:-20} node dist/test/go/main.js
# For scripts/test-languages.sh.
install -D "$folder/peer" dist/peers/go

# Newton's method with evaluate in Python, steer in Go and visualize in TypeScript, against all in TypeScript.
cp -r examples/newton/steer-go "$folder/steer"
(
	cd "$folder/steer"
	go mod edit -replace "dhmem=$module"
	go vet .
	go build -o "$folder/newton-steer"
)
# shellcheck source=scripts/quick-python.sh
source scripts/quick-python.sh
export PYTHONPATH=$folder/python PYTHONDONTWRITEBYTECODE=1

# The program of docs/languages.md in each language gets the same fields.
node --input-type=module - "$folder/languages" <<'PROGRAM'
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

mkdirSync(process.argv[2]);
const text = readFileSync("docs/languages.md", "utf8");
for (const [, language, program] of text.matchAll(/^```(js|python|go|c)\n(.*?)^```$/gms))
	writeFileSync(`${process.argv[2]}/main.${language}`, program);
PROGRAM
(
	mkdir "$folder/languages/module"
	cd "$folder/languages/module"
	mv ../main.go .
	go mod init example/languages 2>/dev/null
	go mod edit -replace "dhmem=$module"
	go get dhmem 2>/dev/null
	go build -o ../main-go
)
cc -Wall -Wextra -Werror -I"$library/include" "$folder/languages/main.c" "$folder/libdhmem.so" -Wl,-rpath,"$folder" \
	-o "$folder/languages/main-c"
mkdir -p "$folder/languages/node_modules"
ln -s "$PWD" "$folder/languages/node_modules/dhmem"
mv "$folder/languages/main.js" "$folder/languages/main.mjs"
cat >"$folder/languages/ask.mjs" <<'PROGRAM'
import { Region } from "dhmem";

const region = Region.open("climate");
const fields = region.queue("fields").producer();
for (let step = 0; step < 3; step++) {
	const block = region.allocate(80_000);
	block.as("f64").fill(step + 0.5);
	await fields.send(`step ${step}`, { block });
}
fields.end();
for await (const mean of region.queue("means").consumer()) console.log(mean.text());
PROGRAM
for command in "node $folder/languages/main.mjs" "python3 $folder/languages/main.python" "$folder/languages/main-go" "$folder/languages/main-c"; do
	$command &
	diff <(timeout 120 node "$folder/languages/ask.mjs") <(printf 'step %s: %s.5\n' 0 0 1 1 2 2)
	wait $!
done
rm "$regions"/*
echo "the program of docs/languages.md gives the same answers in each language"

mkdir "$folder/newton" "$folder/newton-languages"
for workflow in newton newton-languages; do
	sed "s|^    directory: .*|    directory: $folder/$workflow|; s| dist/newton-steer| $folder/newton-steer|; s| dist/| $PWD/dist/|; s| examples/| $PWD/examples/|" \
		"examples/newton/$workflow.yaml" >"$folder/$workflow.yaml"
	NEWTON_PROBLEMS=$PWD/examples/newton/problems.csv NEWTON_RESULTS=results.json \
		node dist/src/cli/main.js run "$folder/$workflow.yaml" >/dev/null
done
diff -r "$folder/newton" "$folder/newton-languages"
[ "$(ls "$folder/newton")" = "$(printf '%s\n' newton.json newton.svg results.json)" ]
echo "Newton in three languages: the same results"
