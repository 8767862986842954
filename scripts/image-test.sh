#!/usr/bin/env bash
# The image's content as a root file system: `serve` as an account that is not
# root, with nothing else to see but what a container would be given, passes
# `lab --auto` against the sandbox. Needs root and mount namespaces;
# says SKIPPED where it cannot.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ] || ! command -v unshare >/dev/null || ! unshare -m true 2>/dev/null; then
  echo "IMAGE TEST: SKIPPED (needs root and mount namespaces)"
  exit 0
fi
work=$(mktemp -d /tmp/image-test.XXXXXX)
trap 'rm -rf "$work"' EXIT
root="$work/root"
./scripts/image.sh "$root" | grep -v '^IMAGE: SKIPPED'
size=$(du -sk "$root" | cut -f1)
if [ "$size" -ge 30720 ]; then echo "the image's content is $size KiB, want less than 30 MiB" >&2; exit 1; fi
CGO_ENABLED=0 go build -o "$work/lab" ./lab

# What the lab starts as the bot: it enters the root with the lab's folder
# mounted where it is, as a volume, gives it to the account, and becomes it.
cat >"$work/bot" <<BOT
#!/bin/sh
[ "\$1" = serve ] || exec "$root/aurorabot" "\$@"
lab=\$(dirname "\$3")
exec unshare -m sh -ec '
  mount --make-rprivate /
  mount --bind "$root" "$root"
  mkdir -p "$root\$0" "$root/proc"
  mount --bind "\$0" "$root\$0"
  mount -t proc proc "$root/proc" 2>/dev/null || mount --bind /proc "$root/proc"
  mkdir -p "\$0/state"
  chown 65532:65532 "\$0" "\$0/state" "\$0/aurorabot.yaml" "\$0/id_ed25519" "\$0/known_hosts"
  mount -o remount,ro,bind "$root"
  exec chroot --userspec=65532:65532 "$root" /aurorabot "\$@"' "\$lab" "\$@"
BOT
chmod 0755 "$work" "$work/bot"
begun=$(date +%s)
"$work/lab" --auto --bot "$work/bot" --limit "${1:-140s}" >"$work/out" 2>&1 || { status=$?; tail -30 "$work/out"; echo "IMAGE TEST: FAILED (status $status)"; exit 1; }
tail -3 "$work/out"
echo "IMAGE TEST: passed in $(($(date +%s) - begun)) s: serve as 65532 in a read-only root of $size KiB"
