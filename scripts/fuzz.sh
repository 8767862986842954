#!/usr/bin/env bash
# Fuzzes every target of the packages for the time given: fuzz.sh [TIME [PACKAGE...]].
# FUZZ is a regular expression of the targets wanted.
set -euo pipefail
cd "$(dirname "$0")/.."
each=${1:-20s}
shift || true
for pkg in $(go list "${@:-./...}"); do
  for target in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' | grep -E "${FUZZ:-.}" || true); do
    echo "== $pkg $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$each" -fuzzminimizetime 5x "$pkg" | tail -3
  done
done
