#!/usr/bin/env bash
# Runs every test. Needs Go; what else a part can use (a real sshd, ZooKeeper,
# real hosts) it says it skipped, with the reason.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
gofmt_out=$(gofmt -l . | grep -v '^vendor/' || true)
if [ -n "$gofmt_out" ]; then echo "not formatted: $gofmt_out" >&2; exit 1; fi
go vet ./...
go build -o /dev/null .
go build -o /dev/null ./lab
# The lab's stories take most of the time and start many processes: by themselves.
go test -timeout 10m $(go list ./... | grep -v '/lab$')
go test -timeout 14m -v -run 'Test' ./lab | grep -vE '^=== (RUN|PAUSE|CONT|NAME)' 
if command -v gcc >/dev/null 2>&1; then
  CGO_ENABLED=1 go test -race -timeout 10m ./runner ./runner/journal ./policy ./handlers/... ./bot/... ./runner/replica/... ./runner/backup/...
else
  echo "RACE DETECTOR: SKIPPED (no C compiler)"
fi
