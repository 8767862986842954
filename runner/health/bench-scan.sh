#!/bin/sh
# Compares `aurorabot log scan` with `LC_ALL=C grep -cF -f patterns` on a
# synthetic log: processor time at most 1.5 times grep's, memory under 40 MiB.
# Usage: bench-scan.sh [MEGABYTES], by default 1024. The log goes into a folder
# of its own below TMPDIR, and is taken away again.
set -eu
megabytes=${1:-1024}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM

cd "$root"
go build -o "$dir/aurorabot" .
BENCH_SCAN_DIR=$dir BENCH_SCAN_MB=$megabytes go test -count=1 -run '^TestWriteBenchLog$' ./runner/health >/dev/null

# seconds FILE: user and system time that `time -p` wrote.
seconds() { awk '/^(user|sys)/ { s += $2 } END { printf "%.2f", s }' "$1"; }
# best NAME COMMAND...: the least of three runs, so that the disk's cache is warm.
best() {
	name=$1
	shift
	for i in 1 2 3; do
		( time -p "$@" >"$dir/$name.out" || true ) 2>"$dir/$name.time"
		seconds "$dir/$name.time"
		echo
	done | sort -n | head -n 1
}
grep=$(LC_ALL=C best grep grep -cF -f "$dir/patterns" "$dir/scheduler.log")
scan=$(best scan "$dir/aurorabot" log scan --json "$dir/scheduler.log")
peak=$(BENCH_SCAN_RSS="$dir/aurorabot log scan --json $dir/scheduler.log" go test -count=1 -v -run '^TestScanMemory$' ./runner/health | awk '/peak/ { print $(NF-1) }')

lines=$(cat "$dir/grep.out")
found=$(tr ',{}' '\n' <"$dir/scan.out" | awk -F: '/"count"/ { n += $2 } END { print n }')
echo "log scan: $megabytes MB, scan ${scan}s, grep ${grep}s of processor time; peak ${peak} MiB; $found matches, grep counts $lines lines"
awk -v s="$scan" -v g="$grep" -v p="$peak" 'BEGIN {
	printf "log scan: ratio %.2f (at most 1.5), peak %d MiB (under 40)\n", s / g, p
	exit !(s <= 1.5 * g && p < 40)
}'
