#!/usr/bin/env bash
# What a reviewer should not have to say.
set -euo pipefail
cd "$(dirname "$0")/.."
test -z "$(gofmt -l .)" || { gofmt -l . >&2; exit 1; }
go vet ./...
