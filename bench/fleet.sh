#!/usr/bin/env bash
# Fan-out over OpenSSH's own servers at 5 and 50 hosts beside Ansible, clush and
# ssh, and the bot when nothing happens: docs/benchmarks.md says what, and what
# to expect. Needs Go and OpenSSH; peers that are not there are left out, and said so.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=${1:-5}
export CGO_ENABLED=0

work=$(mktemp -d "${TMPDIR:-/tmp}/aurorabot-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
go build -o "$work/aurorabot" .
go build -o "$work/bench" ./bench

missing=
for pair in sshd:openssh-server ssh:openssh-client ansible:ansible-core clush:clustershell; do
  PATH=$PATH:/usr/sbin command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  # shellcheck disable=SC2086 # a list of words
  { apt-get install -y --no-install-recommends $missing || { apt-get update && apt-get install -y --no-install-recommends $missing; }; } >"$work/apt.log" 2>&1 || true
fi

echo "$(go version), $(nproc) processors, load $(cut -d' ' -f1 /proc/loadavg)"
for n in 5 50; do
  "$work/bench" fanout -n "$n" -runs "$runs" -aurorabot "$work/aurorabot" -bench "$work/bench"
done
"$work/bench" serve -runs "$runs" -aurorabot "$work/aurorabot"
