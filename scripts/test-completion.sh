#!/usr/bin/env bash
# What Tab offers in zsh and fish, as these shells really are (Debian's zsh and fish). The tests of the command line do
# the same in bash.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export DHMEM_DIR=$folder/regions PATH=$folder:$PATH
mkdir "$DHMEM_DIR"
printf '#!/bin/sh\nexec node "%s" "$@"\n' "$PWD/dist/src/cli/main.js" >"$folder/dhmem"
chmod +x "$folder/dhmem"
node --input-type=module -e "
	import { Region } from '$PWD/dist/src/index.js';
	for (const name of ['climate', 'weather']) {
		const region = Region.open(name, { size: '1MiB' });
		region.queue('two words', { capacity: 1024 });
		region.close();
	}"

failed=0
# A line that is typed, and what it becomes after Tab.
expect() {
	local shell=$1 line=$2 expected=$3 actual
	actual=$("in_$shell" "$line")
	if [[ $actual == "$expected" ]]; then return; fi
	echo "$shell: Tab behind \"$line\" gives \"$actual\" instead of \"$expected\""
	failed=1
}

in_fish() {
	fish --no-config -c "source $folder/completion.fish; complete -C '$1'" | cut -f 1
}

# A terminal with an interactive zsh. Keys wait in the terminal until zsh has answered the ones before.
in_zsh() {
	zsh -f -c '
		zmodload zsh/zpty
		zpty shell "PS1= zsh -f -i"
		zpty -w shell "autoload -U compinit; compinit -D -u; source $2; print rea""dy"
		zpty -r -m shell answer "*ready*"
		zpty -w -n shell "$1"$'"'\t\C-aprint -r -- \"<\" \C-e\" >\"\n'"'
		zpty -r -m shell answer "*
< dhmem* >*"
		print -r -- "${${answer##*< }%% >*}"
	' zsh "$1" "$folder/completion.zsh"
}

for shell in fish zsh; do
	dhmem completion "$shell" >"$folder/completion.$shell"
	"$shell" -n "$folder/completion.$shell"
done
expect fish "dhmem comp" completion
expect fish "dhmem stat w" weather
expect fish "dhmem run --runtime=po" --runtime=podman
expect fish "dhmem recv climate " "two words"
expect zsh "dhmem comp" "dhmem completion"
expect zsh "dhmem stat w" "dhmem stat weather"
expect zsh "dhmem run --runtime=po" "dhmem run --runtime=podman"
expect zsh "dhmem recv climate t" "dhmem recv climate two words"
exit "$failed"
