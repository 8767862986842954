#!/usr/bin/env bash
# Fuzzes every target for the time given (default 20s).
set -euo pipefail
cd "$(dirname "$0")/.."
each=${1:-20s}
for pkg in $(go list ./...); do
  for target in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' || true); do
    echo "== $pkg $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$each" -fuzzminimizetime 5x "$pkg"
  done
done
