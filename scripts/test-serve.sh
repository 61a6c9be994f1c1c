#!/usr/bin/env bash
# Tests `dhmem serve` with the programs that people use with it: its page in Chromium, its metrics by the parser of
# Prometheus' client for Python, by promtool, and by Prometheus itself, configured as docs/watching.md says. Needs
# Debian's chromium and python3-prometheus-client. Prometheus is only unpacked, because installing it starts it.
#
# Usage: test-serve.sh [FOLDER for screenshots]
set -euo pipefail
cd "$(dirname "$0")/.."

screenshots=("$@")
folder=$(mktemp -d)
DHMEM_DIR=$(mktemp -d /dev/shm/dhmem-serve-XXXXXX)
export DHMEM_DIR
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$folder" "$DHMEM_DIR"' EXIT

mkdir "$folder/page"
mkdir "$DHMEM_DIR/page"
node scripts/serve/browse.mjs "$DHMEM_DIR/page" "${screenshots[@]}"
rmdir "$DHMEM_DIR/page" 2>/dev/null || rm -r "$DHMEM_DIR/page"

(cd "$folder" && apt-get download -qq prometheus && dpkg-deb -x prometheus_*.deb .) >"$folder/log" 2>&1 || {
	cat "$folder/log"
	exit 1
}
PATH=$folder/usr/bin:$PATH

dhmem() { node dist/src/cli/main.js "$@"; }

hostile=$'"} 1\n# EOF\n<b>\a\\\u202e'
echo "a message" | dhmem send climate fields
for i in 1 2 3; do echo "$i" | dhmem send climate "$hostile"; done
echo "not a region" >"$DHMEM_DIR/broken.dhmem"
# Not by the function: that would be a shell, whose end does not end the server.
node dist/src/cli/main.js serve --port 0 >"$folder/address" &
until grep -q metrics "$folder/address"; do sleep 0.1; done
url=$(grep -o 'http.*metrics' "$folder/address")

curl -sSf "$url" >"$folder/metrics"
[ "$(tail -n 1 "$folder/metrics")" = "# EOF" ]
/usr/bin/python3 scripts/serve/parse-metrics.py dhmem_queue_depth <"$folder/metrics" | sort >"$folder/parsed"
HOSTILE=$hostile /usr/bin/python3 - >"$folder/expected" <<-'END'
	import os
	lines = (["climate", "fields"], 1), (["climate", os.environ["HOSTILE"]], 3)
	print("\n".join(sorted(f"{sorted(labels)!r} {value}" for labels, value in lines)))
END
diff "$folder/expected" "$folder/parsed"
echo "the OpenMetrics parser: right"

curl -sSf -H "Accept: text/plain" "$url" | promtool check metrics
echo "promtool: right"

# The configuration of the documents, with this port.
port=$(grep -o '[0-9]*/metrics' <<<"$url" | tr -d -c 0-9)
sed -n '/^scrape_configs:/,/^```/p' docs/watching.md | grep -v '^```' | sed "s/7117/$port/; s/5s/1s/" >"$folder/prometheus.yml"
sed -n '/^groups:/,/^```/p' docs/watching.md | grep -v '^```' >"$folder/rules.yml"
promtool check config "$folder/prometheus.yml" >/dev/null
promtool check rules "$folder/rules.yml" >/dev/null
printf 'rule_files: ["rules.yml"]\nglobal: { evaluation_interval: 1s }\n' >>"$folder/prometheus.yml"
prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" \
	--web.listen-address=127.0.0.1:0 2>"$folder/prometheus.log" &
until listening=$(grep -o 'address=127.0.0.1:[0-9]*' "$folder/prometheus.log" | tail -1 | cut -d= -f2) && [ -n "$listening" ]; do sleep 0.1; done
api=http://$listening/api/v1

# Waits until the answer to a query has this value.
expect() {
	local query=$1 value=$2 answer
	for _ in $(seq 300); do
		answer=$(curl -s -G "$api/query" --data-urlencode "query=$query" || true)
		if grep -q "\"$value\"\]" <<<"$answer"; then return; fi
		sleep 0.2
	done
	echo "$query is not $value: $answer"
	return 1
}
expect 'sum(dhmem_queue_depth{region="climate"})' 4
expect 'dhmem_queue_sent_total{queue="fields"}' 1
dhmem recv climate fields --count 1 >/dev/null
expect 'dhmem_queue_received_total{queue="fields"}' 1
expect 'dhmem_region_readable{region="broken"}' 0
expect 'count(ALERTS{alertname="RegionUnreadable"})' 1
echo "Prometheus: right"
