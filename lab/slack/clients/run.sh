#!/usr/bin/env bash
# Slack's own clients (Node.js 20 or newer, npm) against the sandbox, and what
# the bot says in whole rehearsals under checkers that are none of ours: Slack's
# @slack/types and slack_sdk, and rules.py. What they are is pinned in
# package.json and requirements.txt, and installed beside them.
set -euo pipefail
cd "$(dirname "$0")"
command -v npm >/dev/null || { echo "SLACK CLIENTS: npm is not installed" >&2; exit 1; }
command -v python3 >/dev/null || { echo "SLACK CLIENTS: python3 is not installed" >&2; exit 1; }
npm install --no-audit --no-fund --no-package-lock --loglevel=error
python=python3
if python3 -m venv .venv >/dev/null 2>&1 && .venv/bin/pip install -q --disable-pip-version-check -r requirements.txt; then
  python=.venv/bin/python
else
  echo "slack_sdk: SKIPPED (python3 -m venv or pip does not work here)"
fi
here=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Checkers first: one that finds nothing anywhere proves nothing.
"$python" mistakes.py > "$work/mistakes.jsonl"
"$python" check.py ../../../handlers/view/testdata/slack-*.golden.json ../../../bot/testdata/words.golden.json
"$python" check.py --mistakes "$work/mistakes.jsonl"
node types.mjs --least 14 "$work/mistakes.jsonl"

cd ../../..
AURORABOT_CLIENTS=1 AURORABOT_MISTAKES="$work/mistakes.jsonl" go test -count=1 -v -run 'TestOfficialClients|TestSeededMistakes' ./lab/slack

CGO_ENABLED=0 go build -o "$work/lab" ./lab
CGO_ENABLED=0 go build -o "$work/bot" .
# rehearse NAME STATUS OPTION...: a record of a rehearsal that ends with that status.
rehearse() {
  local name=$1 want=$2 got=0
  shift 2
  "$work/lab" --auto --bot "$work/bot" --record "$work/$name.jsonl" "$@" > "$work/$name.out" 2>&1 || got=$?
  if [ "$got" != "$want" ]; then
    echo "lab --auto $*: exit status $got, not $want" >&2
    tail -20 "$work/$name.out" >&2
    exit 1
  fi
}
rehearse whole 0
rehearse damaged 0 --damage corrupt
rehearse undone 0 --kill-at phase.started@restore --after undo
rehearse stopped 3 --damage unlisted-host
rehearse cheat 5 --cheat self-approve
rehearse guest 5 --cheat guest
rehearse not-needed 5 --reason ''
cd "$here"
"$python" check.py "$work"/{whole,damaged,undone,stopped,cheat,guest,not-needed}.jsonl
node types.mjs "$work"/{whole,damaged,undone,stopped,cheat,guest,not-needed}.jsonl
