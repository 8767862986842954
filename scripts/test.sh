#!/usr/bin/env bash
# Runs every test. Needs Go; installs what the tests can use beyond it where it
# can (scripts/install.sh), and the parts say whether they ran.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then echo "not formatted: $unformatted" >&2; exit 1; fi
./scripts/install.sh
go vet ./...
go build -o /dev/null .

# Everything but the stories, two packages at a time.
go test -p 2 -parallel 4 -timeout 12m $(go list ./... | grep -v -E '/lab$|/lab/story$')
# The stories start whole clusters: by themselves, and in their own words.
go test -timeout 14m -v ./lab ./lab/story 2>&1 | grep -vE '^=== ' 
# What real hosts and a real ZooKeeper say of themselves is not hidden behind "ok".
go test -count=1 -v -run 'Real' ./lab/host ./lab/cluster ./runner/zk 2>&1 | grep -E '^(REAL|---|ok|FAIL|PASS)|REAL (HOSTS|ZOOKEEPER)'

if command -v gcc >/dev/null 2>&1; then
  CGO_ENABLED=1 go test -race -p 2 -timeout 10m ./runner ./runner/journal ./policy ./handlers/... ./bot/... ./runner/ssh
else
  echo "RACE DETECTOR: SKIPPED (no C compiler)"
fi
