#!/usr/bin/env bash
# Fuzzes every target of the packages for the time given: fuzz.sh [TIME [PACKAGE...]].
# FUZZ is a regular expression of the targets wanted.
set -euo pipefail
cd "$(dirname "$0")/.."
each=${1:-20s}
shift || true
out=$(mktemp)
trap 'rm -f "$out"' EXIT
for pkg in $(go list "${@:-./...}"); do
  for target in $(go test -list '^Fuzz' "$pkg" | grep '^Fuzz' | grep -E "${FUZZ:-.}" || true); do
    echo "== $pkg $target"
    status=0
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$each" -fuzzminimizetime 5x "$pkg" >"$out" 2>&1 || status=$?
    if [ "$status" -eq 0 ]; then
      tail -3 "$out"
      continue
    fi
    # Before Go 1.27 the fuzzer now and then reports the end of its own time as a failure
    # (go.dev/issue/75804). An input that fails is written to testdata, and says so.
    if grep -q '^    context deadline exceeded$' "$out" && ! grep -qE 'Failing input|panic|hung or terminated|^    [a-z_]+\.go:' "$out"; then
      grep '^fuzz: elapsed' "$out" | tail -1
      echo "its time was over in the middle of an input; nothing failed"
      continue
    fi
    cat "$out"
    exit "$status"
  done
done
