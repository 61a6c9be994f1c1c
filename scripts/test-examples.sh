#!/usr/bin/env bash
# Runs the examples for other systems: Snakemake and a job queue. Needs snakemake and redis-server from Debian.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

for program in snakemake redis-server; do
	command -v "$program" >/dev/null || { echo "$program is missing; apt-get install $program" >&2; exit 1; }
done

folder=$(mktemp -d)
export DHMEM_DIR
DHMEM_DIR=$(mktemp -d /dev/shm/dhmem-examples-XXXXXX)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -r "$folder" "$DHMEM_DIR"' EXIT
cd "$folder"

echo "--- Newton's tasks side by side under Snakemake, with the results of npm start"
snakemake --quiet all --cores 3 -s "$root/examples/snakemake/side-by-side.smk" >snakemake.log 2>&1 || {
	cat snakemake.log
	exit 1
}
node "$root/dist/examples/newton/main.js" --results "$folder/expected.json" --svg "$folder/expected.svg" \
	>npm-start.log 2>&1
cmp roots.json expected.json
grep -q '^<svg ' newton.svg

echo "--- a token in a file that Snakemake passes on"
snakemake --quiet all --cores 1 -s "$root/examples/snakemake/token.smk" >snakemake.log 2>&1 || {
	cat snakemake.log
	exit 1
}
[ "$(cat mean.txt)" = 499999.5 ]
[ ! -e field.token ]

echo "--- tokens in the jobs of BullMQ"
export REDIS_SOCKET=$folder/redis.sock
redis-server --port 0 --unixsocket "$REDIS_SOCKET" --save '' --daemonize no >redis.log &
redis=$!
until [ -S "$REDIS_SOCKET" ]; do
	kill -0 "$redis" 2>/dev/null || { cat redis.log; exit 1; }
	sleep 0.05
done
node "$root/dist/examples/job-queue/work.js" &
worker=$!
timeout 60 node "$root/dist/examples/job-queue/ask.js" >ask.log
[ "$(wc -l <ask.log)" = 10 ]
kill "$worker"
wait "$worker"

[ -z "$(ls "$DHMEM_DIR")" ] || { echo "left: $(ls "$DHMEM_DIR")" >&2; exit 1; }
echo "all examples gave the right results"
