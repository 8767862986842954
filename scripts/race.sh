#!/usr/bin/env bash
# The race detector over everything that works at several things at once. It
# needs a C compiler.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v gcc >/dev/null 2>&1; then echo "RACE DETECTOR: SKIPPED (no C compiler)"; exit 0; fi
CGO_ENABLED=1 go test -race -p 2 -timeout 15m ./runner ./runner/journal ./policy ./handlers/... ./bot/... ./runner/ssh
