#!/usr/bin/env bash
# Runs every test. Needs Go; installs what the tests can use beyond it where it
# can (scripts/install.sh), and the parts say whether they ran. (The race
# detector and the linter have targets of their own: make race, make lint.)
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
./scripts/install.sh
go build -o /dev/null .

# Recoveries in one process wait much of their time: they run beside everything
# else. What works comes one after the other, stories of whole clusters last, for
# a rehearsal has to end within its time. What each part says is kept together.
recoveries() {
  go test -timeout 25m -parallel 4 ./runner/recovery
}
others() {
  local status=0
  # A test that is skipped is not hidden behind "ok" either.
  # shellcheck disable=SC2046 # a list of packages
  go test -v -p 4 -parallel 4 -timeout 15m $(go list ./... | grep -vE '/lab$|/lab/story$|/runner/(recovery|simulation)$') >"$out/packages" 2>&1 || status=1
  if [ "$status" -eq 0 ]; then grep -E '^(ok|\?) |^[[:space:]]*--- SKIP|SKIPPED' "$out/packages"; else grep -vE '^(=== |[[:space:]]*--- PASS|PASS$)' "$out/packages"; fi
  # How many seeds it came to on this machine is not hidden behind "ok".
  go test -timeout 15m -v ./runner/simulation 2>&1 | grep -vE '^(=== |[[:space:]]*--- PASS)' || status=1
  # What real hosts and a real ZooKeeper say of themselves is not hidden behind "ok".
  go test -count=1 -v -run 'Real' ./lab/host ./lab/cluster ./runner/zk 2>&1 | grep -E '^(REAL|---|ok|FAIL|PASS)|REAL (HOSTS|ZOOKEEPER)' || status=1
  go test -p 1 -timeout 30m -parallel 6 -v ./lab ./lab/story 2>&1 | grep -vE '^=== ' || status=1
  return $status
}

out=$(mktemp -d)
set -m # A group of processes for each part, which ends as one.
declare -A group
trap 'for g in "${group[@]}"; do kill -- "-$g" 2>/dev/null || true; done; rm -rf "$out"' EXIT
trap 'exit 130' INT TERM
for part in others recoveries; do
  "$part" >"$out/$part" 2>&1 &
  group[$part]=$!
done
failed=""
for part in others recoveries; do
  wait "${group[$part]}" || failed="$failed $part"
  unset "group[$part]"
  cat "$out/$part"
done
if [ -n "$failed" ]; then echo "FAILED:$failed" >&2; exit 1; fi
