#!/usr/bin/env bash
# Measures our readers beside their peers, in one run: docs/benchmarks.md says
# what, and what to expect. Needs Go, coreutils, some 350 MB in the temporary
# directory and, for Apache Thrift as a peer, its compiler.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-5}
export CGO_ENABLED=0

work=$(mktemp -d "${TMPDIR:-/tmp}/aurorabot-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT

go build -o "$work/aurorabot" .
go build -o "$work/bench" ./bench

if ! command -v thrift >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  { apt-get install -y thrift-compiler || { apt-get update && apt-get install -y thrift-compiler; }; } >"$work/apt.log" 2>&1 || true
fi
peer=()
if command -v thrift >/dev/null; then
  # What it generates is not ours to keep: it goes into the temporary directory
  # and is laid over the place that peer.go imports it from.
  mkdir "$work/gen"
  thrift --gen go -out "$work/gen" bench/thrift/aurora.thrift
  {
    printf '{"Replace": {'
    sep=
    for f in "$work"/gen/aurora/*.go; do
      printf '%s"%s": "%s"' "$sep" "$PWD/bench/thrift/aurora/${f##*/}" "$f"
      sep=,
    done
    printf '}}'
  } >"$work/overlay.json"
  go build -overlay "$work/overlay.json" -o "$work/peer" bench/thrift/peer.go
  peer=(-peer "$work/peer")
  thrift --version
else
  echo "APACHE THRIFT: LEFT OUT (no compiler: apt-get install thrift-compiler)"
fi

recording=runner/backup/testdata/10k/scheduler-backup-2026-11-23-09-04.gz
"$work/bench" backup "$recording" "$work/backup"
"$work/bench" log "$recording" "$work/log"

echo "$(go version), $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg)"
echo
"$work/bench" run -runs "$runs" -aurorabot "$work/aurorabot" -bench "$work/bench" "${peer[@]}" -backup "$work/backup" -log "$work/log"
