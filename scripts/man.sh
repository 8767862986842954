#!/usr/bin/env bash
# Makes the manual from the tables of commands: the page that the program holds,
# or with the name of a folder a page for every command there.
set -euo pipefail
cd "$(dirname "$0")/.."
# Their day is that of the commit, so that the same commit gives the same bytes.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
page=app/aurorabot.1
tables=$(go run . man --json)
made=$(go run -modfile=.ci/tools.mod scripts/man.go "$@" <<<"$tables")
if [ $# -eq 0 ]; then printf '%s\n' "$made" >"$page"; fi
