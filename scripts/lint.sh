#!/usr/bin/env bash
# What a reviewer should not have to say: .golangci.yml has the list. The linter
# is built from .ci/tools.mod, which the module itself does not depend on.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
# It holds every type of the module in memory: on a small machine memory is dearer than time.
GOGC=${GOGC:-50} go tool -modfile=.ci/tools.mod golangci-lint run --allow-parallel-runners ./...
