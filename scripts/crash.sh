#!/usr/bin/env bash
# The crash matrix: the bot is killed, as kill -9 does, at every event of a whole
# rehearsal, and then a coin says whether the run is resumed or undone.
#   crash.sh [FIRST [LAST [OPTION...]]]   events by their number, the last: all there are ("" too);
#                                         options of the lab, such as --recipe offline
# The lab itself checks each end: state, files, firewall and supervision as they
# must be, and how many commits the schedulers received. JOBS stories at a time.
# Prints a line for each, and how many ended right; exit status 1 if one did not.
set -euo pipefail
cd "$(dirname "$0")/.."
first=${1:-1}
jobs=${JOBS:-2}
dir=$(mktemp -d "${TMPDIR:-/tmp}/crash-XXXXXX")
trap 'rm -rf "$dir"' EXIT
CGO_ENABLED=0 go build -ldflags "-s -w" -o "$dir/bot" .
CGO_ENABLED=0 go build -ldflags "-s -w" -o "$dir/lab" ./lab
last=${2:-}
export LAB_OPTIONS="${*:3}"
if [ -z "$last" ]; then
  if ! TMPDIR=$dir "$dir/lab" --auto --limit 10m --json --bot "$dir/bot" $LAB_OPTIONS >"$dir/whole" 2>"$dir/whole.err"; then
    echo "without a crash it does not end right:" >&2
    tail -5 "$dir/whole.err" >&2
    exit 1
  fi
  run=$(sed -n '/"kind":"run.requested"/{s/.*"run":"\([^"]*\)".*/\1/p;q}' "$dir/whole")
  last=$(grep -c "\"run\":\"${run:-}" "$dir/whole")
fi

# one N: 'N way kind commits sent right|WRONG'.
one() {
  local n=$1 way=resume
  # The coin is the same each time the matrix is run, so that a failure comes back.
  [ $((0x$(printf %s "event $n" | sha256sum | cut -c1-2) % 2)) -eq 0 ] && way=undo
  local out="$dir/$n.out" err="$dir/$n.err" status=0
  TMPDIR=$dir timeout 700 "$dir/lab" --auto --limit 10m --json --bot "$dir/bot" --kill-at "$n" --after "$way" $LAB_OPTIONS >"$out" 2>"$err" || status=$?
  local at sent approvals end verdict=right
  at=$(sed -n 's/^kill -9 of the bot at event //p' "$err" | head -1)
  sent=$(grep -c '"kind":"commit.sent"' "$out" || true)
  approvals=$(grep -c '"kind":"gate.passed".*"gate":"commit"\|"gate":"commit".*"kind":"gate.passed"' "$out" || true)
  end=$(sed -n 's/.*"kind":"run.closed".*"why":"\([^"]*\)".*/\1/p; s/.*"why":"\([^"]*\)".*"kind":"run.closed".*/\1/p' "$out" | tail -1)
  # 0: ended as it must; 5: undo refused, for the commit was sent before.
  case "$status $way $end" in
    "0 resume recovered" | "0 undo undone" | "0 undo nothing-done") ;;
    "5 undo "*) [ "$sent" -eq 1 ] || verdict=WRONG ;;
    # It had come to its end before it was dead; nobody had to ask for undo.
    "0 undo recovered") ! grep -q '"kind":"undo.requested"' "$out" || verdict=WRONG ;;
    *) verdict=WRONG ;;
  esac
  [ "$sent" -le "$approvals" ] || verdict=WRONG
  # Not every rehearsal has as many events as another one.
  [ -n "$at" ] || { [ "$status" -eq 0 ] && verdict="not reached"; }
  echo "| ${at:-$n} | $way | ${end:-refused} | $sent of $approvals | $verdict |"
  if [ "$verdict" = WRONG ]; then
    echo "exit status $status"
    tail -15 "$err"
  else
    rm -f "$out" "$err"
  fi >&2
}

echo "| killed at event | then | the run ends | commits sent, of those approved | |"
echo "|---|---|---|---|---|"
seq "$first" "$last" >"$dir/points"
export -f one
export dir
xargs -P "$jobs" -I{} bash -c 'one {}' <"$dir/points" | tee "$dir/table"
right=$(grep -c '| right |$' "$dir/table" || true)
all=$(grep -c '| \(right\|WRONG\) |$' "$dir/table" || true)
echo
echo "$right of $all points ended right."
[ "$right" -eq "$all" ]
