#!/usr/bin/env bash
# How long Slack waits for acknowledgements: median, p99 and longest. Fails
# above the goal, a p99 of 50 ms.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(go test -run '^$' -bench '^BenchmarkAck$' -benchtime "${1:-2000x}" ./bot)
echo "$out"
echo "$out" | awk '/p99-ms/ { seen = 1; for (i = 2; i <= NF; i++) if ($i == "p99-ms" && $(i-1) > 50) { print "ack p99 above 50 ms"; exit 1 } } END { if (!seen) exit 1 }'
